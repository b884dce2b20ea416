"""X2: a dump taken while people order comes back on another server as a whole shop that sells again."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from shop.sandbox.postgres import Postgres
from shop.sandbox.services import scratch_folder, start_postgres
from tests.conftest import Servers
from tests.drill.restored import COUNTER, MINUTES_TO_SELL_AGAIN, invariants_hold, prepare, sell_again
from tests.faults.harness import wait_until
from tests.figures import Figures
from tests.races.conftest import Shop, shop_on

pytestmark = pytest.mark.full

CLIENTS, ORDERS = 6, 60
NEVER_SHRINK = ("order", "order_line", "order_event", "stock_movement", "audit_entry", "reservation", "lot")


@pytest.fixture
def two_servers() -> Iterator[tuple[Postgres, Postgres]]:
    """The server that sells, and the one that will."""
    with scratch_folder() as folder:
        servers = start_postgres(folder / "selling"), start_postgres(folder / "spare")
        yield servers
        for server in servers:
            server.stop()


def run(server: Postgres, program: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs; fails with its words."""
    done = subprocess.run([server.program(program), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def confirmed_orders(shop: Shop, sku: str, until: threading.Event, told: list[str]) -> None:
    """One guest who orders again and again."""
    (guest,) = shop.guests(1, COUNTER)
    while not until.is_set():
        told.append(guest.fill_cart((sku, 1)).press().number)
    guest.close()


def rows_of(url: str) -> dict[str, int]:
    """Rows of every table."""
    with psycopg.connect(url) as connection:
        names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # type: ignore[index]


def test_x2_a_dump_of_a_shop_at_work_is_a_whole_shop(
    two_servers: tuple[Postgres, Postgres], servers: Servers, tmp_path: Path, figures: Callable[[str], Figures]
) -> None:
    selling, spare = two_servers
    sku = prepare(selling, servers.redis_url)
    dump, told, until = tmp_path / "shop.dump", [], threading.Event()
    with shop_on(selling.url, servers.redis_url) as shop, ThreadPoolExecutor(CLIENTS) as pool:
        shopping = [pool.submit(confirmed_orders, shop, sku, until, told) for _ in range(CLIENTS)]
        try:
            wait_until(lambda: len(told) >= ORDERS, 120, "orders before the dump")
            before, started = list(told), time.monotonic()
            run(selling, "pg_dump", "--format=custom", f"--file={dump}", selling.url)
            dumped = time.monotonic() - started
        finally:
            until.set()
        for one in shopping:
            one.result()
    restore_started = time.monotonic()
    run(spare, "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={spare.url}", str(dump))
    x2 = figures("X2")
    judge(x2, spare, selling, before, told)
    sell_again(x2, spare, servers.redis_url, sku)
    x2.at_most("from the dump's end to the first order on the spare server",
               time.monotonic() - restore_started, MINUTES_TO_SELL_AGAIN * 60, "s")  # fmt: skip
    x2.keep(
        "time of the dump beside the orders", f"{dumped:.1f} s", f"{len(told) - len(before)} orders meanwhile", True
    )


def judge(x2: Figures, spare: Postgres, selling: Postgres, before: list[str], told: list[str]) -> None:
    """Every order confirmed before the dump began is there, nothing else is broken."""
    here, there = rows_of(spare.url), rows_of(selling.url)
    with psycopg.connect(spare.url) as connection:
        kept = connection.execute('SELECT count(*) FROM "order" WHERE number = ANY(%s)', [before]).fetchone()
    assert kept is not None
    x2.exactly(f"orders confirmed before the dump and lost, of {len(before)}", len(before) - kept[0], 0)
    x2.exactly("tables of the source that are missing", len(there.keys() - here.keys()), 0)
    grown = [name for name in NEVER_SHRINK if here[name] > there[name]]
    x2.exactly("tables that never shrink with more rows than their source", len(grown), 0)
    invariants_hold(x2, spare)
