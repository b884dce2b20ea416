"""A process falls silent in the middle of a transaction: whatever it wrote last, its rows are soon free again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, bindparam, create_engine, text, update

from catalogue.models import Sku
from shop import db
from shop.db import table_of
from tests.builders import Builder
from tests.conftest import settings_for

LIMIT_MS = 300
SKUS = table_of(Sku)
Write = Callable[[Connection, list[int]], object]


def row_by_row(connection: Connection, skus: list[int]) -> None:
    for one in skus:
        connection.execute(update(SKUS).where(SKUS.c.id == one).values(max_per_order=5))


def many_rows_at_once(connection: Connection, skus: list[int]) -> None:
    statement = update(SKUS).where(SKUS.c.id == bindparam("one")).values(max_per_order=5)
    connection.execute(statement, [{"one": one} for one in skus])


@pytest.mark.parametrize("write", [row_by_row, many_rows_at_once])
def test_rows_of_a_process_that_fell_silent_are_free_after_its_limit(
    write: Write, database_url: str, redis_url: str, build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    skus = [build.sku(code).id for code in ("ONE", "TWO", "THREE")]
    build.commit()
    monkeypatch.setitem(db.TIMEOUTS, "web", (5_000, 1_100, LIMIT_MS))
    options = db.engine_options(settings_for(database_url, redis_url))
    silent = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), **options).connect()
    write(silent, skus)
    lock = text("SELECT id FROM sku WHERE id = ANY(:skus) FOR UPDATE")
    build.session.execute(text("SET LOCAL lock_timeout = '5s'"))  # far more than the limit of the silent one
    assert len(build.session.execute(lock, {"skus": skus}).all()) == len(skus)
    silent.invalidate()
    silent.close()
