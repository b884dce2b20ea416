"""A process falls silent in the middle of a transaction: whatever it wrote last, its rows are soon free again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
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
    monkeypatch.setitem(db.TIMEOUTS, "web", (5_000, 1_100, LIMIT_MS, 60_000))
    with connected(database_url, redis_url) as silent:
        write(silent, skus)
        assert soon_free(build, skus)


def test_rows_of_a_host_that_was_lost_in_the_middle_of_a_message_are_free_after_the_transactions_limit(
    database_url: str, redis_url: str, build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    skus = [build.sku(code).id for code in ("ONE", "TWO", "THREE")]
    build.commit()
    monkeypatch.setitem(db.TIMEOUTS, "web", (5_000, 1_100, 60_000, LIMIT_MS))
    with connected(database_url, redis_url) as lost:
        if lost.dialect.server_version_info < (17,):
            pytest.skip("PostgreSQL has such a limit from 17 on; before, the host itself is asked for (keepalives)")
        row_by_row(lost, skus)
        driver = lost.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.pgconn.enter_pipeline_mode()
        driver.pgconn.send_query_params(b"SELECT 1", None)  # and its end is never sent
        driver.pgconn.send_flush_request()
        driver.pgconn.flush()
        assert soon_free(build, skus)


@contextmanager
def connected(database_url: str, redis_url: str) -> Iterator[Connection]:
    """A connection as the shop's processes have it, which ends broken."""
    options = db.engine_options(settings_for(database_url, redis_url))
    connection = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), **options).connect()
    try:
        yield connection
    finally:
        connection.invalidate()
        connection.close()


def soon_free(build: Builder, skus: list[int]) -> bool:
    """Whether the rows may be had within far more than the limit."""
    build.session.execute(text("SET LOCAL lock_timeout = '5s'"))
    lock = text("SELECT id FROM sku WHERE id = ANY(:skus) FOR UPDATE")
    return len(build.session.execute(lock, {"skus": skus}).all()) == len(skus)
