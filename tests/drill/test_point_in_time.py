"""X1: from a base backup and the archived log the shop comes back as it was at its end, or at any moment before."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from shop.clock import utcnow
from shop.sandbox.backup import archiving, base_backup, restored
from shop.sandbox.postgres import Postgres
from shop.sandbox.services import scratch_folder
from tests.conftest import Servers
from tests.drill.restored import COUNTER, MINUTES_TO_SELL_AGAIN, invariants_hold, prepare, sell_again
from tests.faults.guests import Guest
from tests.faults.harness import wait_until
from tests.figures import Figures
from tests.races.conftest import Shop, shop_on

pytestmark = pytest.mark.full

CLIENTS, ORDERS = 4, 20
CLOCK = threading.Event()  # never set: it measures time that has to pass
# Longer than a piece of the log stays open, so that the archive alone is put to the test too.
SECONDS_OF_SELLING = (55.0, 75.0)
SECONDS_AFTER = (5.0, 15.0)
MOST_LOST_SECONDS = 60


@dataclass
class Day:
    """What a shop that was lost had told its customers, and when (UTC): orders by number; its backup and its log."""

    folder: Path
    archive: Path
    server: Postgres
    sku: str = ""
    told: dict[str, datetime] = field(default_factory=dict)
    moment: datetime = field(default_factory=utcnow)
    lost_at: datetime = field(default_factory=utcnow)

    def buys(self, shop: Shop, closed: threading.Event) -> None:
        """One guest who orders until the shop is gone."""
        (guest,) = shop.guests(1, COUNTER)
        with contextlib.closing(guest):
            while not closed.is_set():
                with contextlib.suppress(*Guest.AWAY, AssertionError):
                    answer = guest.fill_cart((self.sku, 1)).press()
                    if answer.number:
                        self.told[answer.number] = utcnow()

    def missing(self, server: Postgres) -> list[str]:
        """Orders that were confirmed and are not in that database."""
        with psycopg.connect(server.url) as connection:
            kept = connection.execute('SELECT number FROM "order" WHERE number = ANY(%s)', [list(self.told)])
            return sorted(self.told.keys() - {row[0] for row in kept})


@pytest.fixture
def lost(servers: Servers) -> Iterator[Day]:
    """A shop that sold, was backed up while it did, and whose server died at a random moment."""
    with scratch_folder() as folder:
        archive = folder / "archive"
        server = Postgres(folder / "selling", more=archiving(archive)).start()
        day, closed = Day(folder, archive, server, prepare(server, servers.redis_url)), threading.Event()
        with shop_on(server.url, servers.redis_url) as shop, ThreadPoolExecutor(CLIENTS) as pool:
            shopping = [pool.submit(day.buys, shop, closed) for _ in range(CLIENTS)]
            try:
                wait_until(lambda: len(day.told) >= ORDERS, 120, "orders before the backup")
                base_backup(server, folder / "base")
                CLOCK.wait(random.uniform(*SECONDS_OF_SELLING))
                day.moment = utcnow()
                CLOCK.wait(random.uniform(*SECONDS_AFTER))
                server.crash()
                day.lost_at = utcnow()
            finally:
                closed.set()
            for one in shopping:
                one.result()
        yield day
        server.stop()


@contextlib.contextmanager
def comes_back(
    day: Day, name: str, until: datetime | None = None, rest_of: Postgres | None = None
) -> Iterator[Postgres]:
    """The shop's database on a new server, stopped at the end."""
    server = restored(day.folder / name, day.folder / "base", day.archive, until=until, rest_of=rest_of)
    try:
        yield server
    finally:
        server.stop()


def test_x1_the_shop_comes_back_as_it_was(lost: Day, servers: Servers, figures: Callable[[str], Figures]) -> None:
    x1, started = figures("X1"), time.monotonic()
    with comes_back(lost, "whole", rest_of=lost.server) as server:
        x1.exactly(f"confirmed orders lost with the whole log, of {len(lost.told)}", len(lost.missing(server)), 0)
        invariants_hold(x1, server, "it")
        sell_again(x1, server, servers.redis_url, lost.sku)
        x1.at_most("from the loss to the first order", time.monotonic() - started, MINUTES_TO_SELL_AGAIN * 60, "s")

    with comes_back(lost, "moment", until=lost.moment, rest_of=lost.server) as server:
        before = {number for number, at in lost.told.items() if at <= lost.moment}
        x1.at_least("orders confirmed after a random moment", len(lost.told) - len(before), 1)
        gone = before & set(lost.missing(server))
        x1.exactly(f"orders confirmed before it and lost, of {len(before)}", len(gone), 0)
        with psycopg.connect(server.url) as connection:
            row = connection.execute('SELECT count(*) FROM "order" WHERE created_at > %s', [lost.moment]).fetchone()
        assert row is not None
        x1.exactly("orders there that were begun after it", row[0], 0)
        invariants_hold(x1, server, "that moment")

    with comes_back(lost, "archive-alone") as server:
        gone_at = [lost.told[number] for number in lost.missing(server)]
        age = max(((lost.lost_at - at).total_seconds() for at in gone_at), default=0.0)
        x1.at_most(f"age of the oldest of {len(gone_at)} orders lost with the disk", age, MOST_LOST_SECONDS, "s")
        invariants_hold(x1, server, "the archive alone")
