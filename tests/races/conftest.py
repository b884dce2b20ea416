"""A web server of the shop, a database of its own behind it, and the proof of every invariant at the end."""

from __future__ import annotations

import contextlib
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests.builders import Builder
from tests.conftest import Servers
from tests.faults.guests import Guest
from tests.faults.harness import Processes, processes, wait_until
from tests.invariants import faults_without_workers

SECONDS_TO_START = 90


def answers(address: str) -> bool:
    """Whether the web server says it may be sent visitors."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@dataclass
class Shop:
    """A running shop: its door, its database, and whoever came in."""

    address: str
    session: Session
    children: Processes
    build: Builder

    def guests(self, number: int, counter: str) -> list[Guest]:
        """People who want to collect at that counter; their connections close with the test."""
        return [Guest(self.address, counter) for _ in range(number)]

    def count(self, query: str, **values: object) -> int:
        """One number from the database, as it stands now."""
        self.session.rollback()
        return int(self.session.execute(text(query), values).scalar() or 0)

    def orders_of(self, sku: str) -> int:
        """Packs of a SKU that were sold."""
        return self.count(
            "SELECT sum(l.quantity - l.cancelled) FROM order_line l JOIN sku s ON s.id = l.sku_id WHERE s.code = :sku",
            sku=sku,
        )

    def prove(self) -> None:
        """Every invariant of docs/invariants.md holds; only jobs may wait, for nobody works here."""
        self.session.rollback()
        assert faults_without_workers(self.session) == []


@contextlib.contextmanager
def shop_on(database_url: str, redis_url: str, app: str = "wsgi:app", **extra: str) -> Iterator[Shop]:
    """The shop's web server on that database, ready for visitors."""
    # Pre-ping: the database may restart under the test as under the shop.
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), pool_pre_ping=True)
    with (
        Session(engine, expire_on_commit=False) as session,
        processes(database_url, redis_url, extra=extra) as children,
    ):
        _web, address = children.web(app=app)
        wait_until(lambda: answers(address), SECONDS_TO_START, "the web server answers")
        yield Shop(address, session, children, Builder(session))
    engine.dispose()


@pytest.fixture(scope="package")
def new_database(servers: Servers, template_database: str) -> Iterator[Callable[[], str]]:
    """Makes migrated databases; dropped when the last race is run."""
    made: list[str] = []

    def make() -> str:
        made.append(f"{template_database}_{uuid.uuid4().hex[:8]}")
        servers.run(f"CREATE DATABASE {made[-1]} TEMPLATE {template_database}")
        return servers.url_of(made[-1])

    yield make
    for name in made:
        servers.drop(name)


@pytest.fixture(scope="package")
def open_shop(new_database: Callable[[], str], servers: Servers) -> Iterator[Shop]:
    """One shop for all races that leave it whole."""
    with shop_on(new_database(), servers.redis_url) as shop:
        yield shop


@pytest.fixture
def shop(open_shop: Shop) -> Iterator[Shop]:
    """The same shop; every invariant is proved when the test is over."""
    yield open_shop
    open_shop.prove()
