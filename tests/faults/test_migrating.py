"""X4: a migration that needs the table of orders, while people order and a report reads it: nobody waits long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from shop.sandbox.postgres import Postgres
from tests.faults.crowd import Crowd, crowd_in
from tests.faults.harness import PYTHON, wait_until
from tests.figures import Figures
from tests.races.conftest import Shop, shop_on

pytestmark = [pytest.mark.full, pytest.mark.faults]

CLIENTS, ORDERS_PER_SECOND = 10, 20
SECONDS_OF_REPORT = 8
MOST_SECONDS_TO_WAIT = 1.0
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'yarlung-migrate' AND wait_event_type = 'Lock'"
)
CLOCK = threading.Event()  # never set: it measures time that has to pass


@dataclass
class Reader:
    """Somebody who looks at the table of orders many times a second, and the longest a look took."""

    url: str
    slowest: float = 0.0
    stopped: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Until stopped."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.stopped.wait(0.02):
                started = time.monotonic()
                connection.execute('SELECT 1 FROM "order" LIMIT 1')
                self.slowest = max(self.slowest, time.monotonic() - started)


@pytest.fixture
def busy(own_postgres: Postgres, redis_url: str) -> Iterator[tuple[Shop, Crowd]]:
    """A shop with twenty orders a second."""
    with shop_on(own_postgres.url, redis_url) as shop, crowd_in(shop, CLIENTS, CLIENTS / ORDERS_PER_SECOND) as crowd:
        crowd.wait_for(2 * ORDERS_PER_SECOND)
        yield shop, crowd


def stall_of(shop: Shop, url: str, folder: Path, *options: str) -> tuple[float, int]:
    """Migrate while a report is open; the longest a look at the orders took, and the report's end in the migration."""
    reader = Reader(url)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as report:
        report.execute('SELECT count(*) FROM "order"')  # the transaction stays open: the report reads on
        looking = pool.submit(reader.look)
        migration = shop.children.start("migrate", PYTHON, "-m", "tests.faults.trial_migration", str(folder), *options)
        try:
            wait_until(
                lambda: shop.count(WAITING) or migration.poll() is not None, 120, "the migration wants the table"
            )
            CLOCK.wait(SECONDS_OF_REPORT)
            assert migration.poll() is None, "the report stands in the way"
            report.rollback()
            wait_until(lambda: migration.poll() is not None, 120, "the migration finds a gap")
        finally:
            report.rollback()
            reader.stopped.set()
        looking.result()
    return reader.slowest, int(migration.returncode)


def test_x4_a_migration_under_orders_and_a_report(
    busy: tuple[Shop, Crowd], own_postgres: Postgres, tmp_path: Path, figures: Callable[[str], Figures]
) -> None:
    (shop, crowd), x4 = busy, figures("X4")
    before, started = len(crowd.confirmed), time.monotonic()
    crowd.seconds.clear()
    slowest, code = stall_of(shop, own_postgres.url, tmp_path)
    ordered, took = len(crowd.confirmed) - before, time.monotonic() - started
    presses = list(crowd.seconds)
    x4.exactly("end of `shop migrate`", code, 0)
    assert shop.count("SELECT count(*) FROM information_schema.columns WHERE column_name = 'trial'") == 1
    x4.keep("orders meanwhile", f"{ordered} in {took:.0f} s", "told only", ordered > 0)
    x4.exactly("orders that failed at first", sum(crowd.refused.values()), 0)
    x4.at_most("longest wait for the table of orders", slowest, MOST_SECONDS_TO_WAIT, "s")
    x4.takes_at_most("longest press of an order", max(presses), MOST_SECONDS_TO_WAIT)


def test_x4n_without_a_limit_on_the_lock_everybody_waits_for_the_report(
    busy: tuple[Shop, Crowd], own_postgres: Postgres, tmp_path: Path, figures: Callable[[str], Figures]
) -> None:
    shop, _crowd = busy
    slowest, code = stall_of(shop, own_postgres.url, tmp_path, "--patient")
    assert code == 0
    figures("X4n").at_least("longest wait for the table of orders without a limit", slowest, 2.0, "s")
