"""How many statements the shop sends to its database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from shop.db import db


class Counted:
    """Statements sent to the database."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, *_arguments: object) -> None:
        self.count += 1

    def of(self, client: FlaskClient, path: str) -> int:
        """How many a page takes."""
        before = self.count
        assert client.get(path).status_code == 200, path
        return self.count - before


@pytest.fixture
def queries(app: Flask) -> Iterator[Counted]:
    """Counts what the shop asks of its database."""
    counted = Counted()
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", counted.add)
    yield counted
    event.remove(engine, "before_cursor_execute", counted.add)
