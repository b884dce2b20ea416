"""A crowd of guests who go on ordering while parts of the shop fail, and remember what they were told."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.faults.guests import Answer, Guest
from tests.faults.harness import wait_until
from tests.figures import Figures
from tests.races.conftest import Shop

GOODS = "CROWD-EGGS"
PATIENCE = 90


@dataclass
class Crowd:
    """Guests who order one pack after the other, each form pressed again until the shop has confirmed it.

    `pause` seconds lie between two orders of one guest; `seconds` is how long each press took that was confirmed.
    """

    pause: float = 0.0
    stopping: threading.Event = field(default_factory=threading.Event)
    confirmed: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def shops(self, guest: Guest) -> None:
        """One guest, until closing time; nobody leaves with a form unanswered."""
        while not self.stopping.wait(self.pause):
            try:
                guest.fill_cart((GOODS, 1))
                answer = guest.press_until_told(time.monotonic() + PATIENCE, self.look)
            except Guest.AWAY:
                self.refused[503] += 1
            else:
                assert answer is not None and answer.number, answer
                self.confirmed.append(answer.number)
                self.seconds.append(answer.seconds)

    def look(self, answer: Answer | None) -> None:
        """What the shop said while it could not: only that it is busy or away, and when to come again."""
        self.refused[answer.status if answer else 0] += 1
        if answer is not None:
            assert answer.status in {409, 503}, answer
            assert answer.retry_after or answer.status == 409

    def wait_for(self, more: int, seconds: float = 90) -> None:
        """Until so many more orders were confirmed."""
        goal = len(self.confirmed) + more
        wait_until(lambda: len(self.confirmed) >= goal, seconds, f"{more} more orders")

    def judge(self, shop: Shop, figures: Figures) -> None:
        """Confirmed ⊆ database, nothing twice, every invariant holds."""
        present = shop.count('SELECT count(*) FROM "order" WHERE number = ANY(:told)', told=self.confirmed)
        figures.exactly(f"confirmed orders lost, of {len(self.confirmed)}", len(self.confirmed) - present, 0)
        twice = shop.count('SELECT count(*) FROM "order"') - len(set(self.confirmed))
        figures.exactly("orders nobody was told of, or twice", twice, 0)
        shop.prove()


@contextlib.contextmanager
def crowd_in(shop: Shop, guests: int, pause: float = 0.0) -> Iterator[Crowd]:
    """So many guests order for as long as this lasts; their complaints are raised at its end."""
    counter = shop.build.counter()
    shop.build.lot(shop.build.sku(GOODS), at=counter, quantity=900_000)
    shop.build.commit()
    crowd = Crowd(pause)
    people = shop.guests(guests, counter.code)
    with ThreadPoolExecutor(guests) as pool:
        shopping = [pool.submit(crowd.shops, guest) for guest in people]
        try:
            yield crowd
        finally:
            crowd.stopping.set()
    for future in shopping:
        future.result()
    for guest in people:
        guest.close()
