"""D1: PostgreSQL crashes while people order: what was confirmed is there, once, and the shop comes back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from flask_migrate import upgrade

from shop.app import create_app
from shop.db import db
from shop.sandbox.postgres import Postgres
from shop.sandbox.services import scratch_folder, start_postgres
from tests.conftest import Servers, settings_for
from tests.faults.guests import Answer, Guest
from tests.faults.harness import wait_until
from tests.figures import Figures, size
from tests.races.conftest import Shop, answers, shop_on

CLIENTS = size(12, 50)
# Between two faults this many more orders must have been taken.
ORDERS_BETWEEN = size(8, 100)
SECONDS_TO_COME_BACK = 10


@pytest.fixture
def own_postgres(servers: Servers) -> Iterator[Postgres]:
    """A durable server that may be crashed, with the shop's tables."""
    with scratch_folder() as folder:
        server = start_postgres(folder / "postgres")
        app = create_app(settings_for(server.url, servers.redis_url))
        with app.app_context():
            upgrade()
            db.engine.dispose()
        yield server
        server.stop()


@dataclass
class Crowd:
    """Guests who order one pack after the other, each form pressed again until the shop has confirmed it."""

    shop: Shop
    counter: str
    stopping: threading.Event = field(default_factory=threading.Event)
    confirmed: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)

    def shops(self, guest: Guest) -> None:
        """One guest, until closing time; nobody leaves with a form unanswered."""
        while not self.stopping.is_set():
            with contextlib.suppress(*Guest.AWAY):
                guest.fill_cart(("CRASH-EGGS", 1))
                answer = guest.press_until_told(time.monotonic() + 60, self.look)
                assert answer is not None and answer.number, answer
                self.confirmed.append(answer.number)

    def look(self, answer: Answer | None) -> None:
        """What the shop said while it could not: only that it is away, and when to come again."""
        if answer is not None:
            self.refused[answer.status] += 1
            assert answer.status in {409, 503}, answer
            assert answer.retry_after or answer.status == 409


def test_d1_postgresql_may_crash_while_people_order(
    own_postgres: Postgres, servers: Servers, figures: Callable[[str], Figures]
) -> None:
    with shop_on(own_postgres.url, servers.redis_url) as shop:
        counter = shop.build.counter()
        shop.build.lot(shop.build.sku("CRASH-EGGS"), at=counter, quantity=100_000)
        shop.build.commit()
        crowd = Crowd(shop, counter.code)
        back: list[float] = []
        guests = shop.guests(CLIENTS, counter.code)
        with ThreadPoolExecutor(CLIENTS) as pool:
            shopping = [pool.submit(crowd.shops, guest) for guest in guests]
            try:
                for stop in ([own_postgres.crash, own_postgres.stop, own_postgres.crash] * 2)[: size(3, 5)]:
                    goal = len(crowd.confirmed) + ORDERS_BETWEEN
                    wait_until(lambda goal=goal: len(crowd.confirmed) >= goal, 60, "more orders")  # type: ignore[misc]
                    stop()
                    own_postgres.start()
                    started = time.monotonic()
                    wait_until(lambda: answers(shop.address), 60, "the shop is back")
                    back.append(time.monotonic() - started)
                goal = len(crowd.confirmed) + ORDERS_BETWEEN
                wait_until(lambda: len(crowd.confirmed) >= goal, 60, "orders after the last fault")
            finally:
                crowd.stopping.set()
        for future in shopping:
            future.result()
        judge(shop, crowd, back, figures("D1"))
        for guest in guests:
            guest.close()


def judge(shop: Shop, crowd: Crowd, back: list[float], d1: Figures) -> None:
    """Confirmed ⊆ database, nothing twice, every invariant holds."""
    present = shop.count('SELECT count(*) FROM "order" WHERE number = ANY(:told)', told=crowd.confirmed)
    d1.exactly(f"confirmed orders lost, of {len(crowd.confirmed)}", len(crowd.confirmed) - present, 0)
    d1.exactly("orders twice", shop.count('SELECT count(*) FROM "order"') - len(set(crowd.confirmed)), 0)
    d1.at_most(f"longest way back after {len(back)} restarts", max(back), SECONDS_TO_COME_BACK, "s")
    assert crowd.refused[503] > 0, "the faults were felt"
    shop.prove()
