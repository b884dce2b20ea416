"""D4: somebody holds the row of one product's stock: its buyers are told to come again, everybody else buys on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from tests.faults.guests import Answer, Guest, percentile
from tests.figures import FULL_SIZE, Figures, size
from tests.races.conftest import Shop

SECONDS_TO_REFUSE = 2.5
MOST_SLOWER = 1.2
BUYERS, IN_LINE = 4, 2
SECONDS = size(2, 30)
PLENTY = 50_000
HOLD = text("SELECT 1 FROM availability v JOIN sku s ON s.id = v.sku_id WHERE s.code = 'HELD' FOR UPDATE OF v")


def press_on(guest: Guest, until: float) -> list[Answer]:
    """Send the same order again as soon as there is an answer."""
    told = []
    while time.monotonic() < until:
        told.append(guest.press())
    return told


def buy_on(guest: Guest, until: float) -> list[Answer]:
    """Order one pack after the other of the product that is free."""
    told = []
    while time.monotonic() < until:
        told.append(guest.fill_cart(("FREE", 1)).press())
    return told


def beside(buyers: Sequence[Guest], in_line: Sequence[Guest], seconds: float) -> tuple[list[Answer], list[Answer]]:
    """What the buyers of the free product and those in line for the held one are told, all at once, for so long."""
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(len(buyers) + len(in_line)) as pool:
        free = [pool.submit(buy_on, guest, until) for guest in buyers]
        held = [pool.submit(press_on, guest, until) for guest in in_line]
    return [answer for one in free for answer in one.result()], [answer for one in held for answer in one.result()]


def test_d4_a_held_row_stops_only_its_own_product(shop: Shop, figures: Callable[[str], Figures]) -> None:
    counter = shop.build.counter()
    for code in ("HELD", "FREE"):
        shop.build.lot(shop.build.sku(code), at=counter, quantity=PLENTY)
    shop.build.commit()
    buyers = shop.guests(BUYERS, counter.code)
    in_line = [guest.fill_cart(("HELD", 1)) for guest in shop.guests(IN_LINE, counter.code)]
    beside(buyers, [], SECONDS / 10)  # the first of everything is slow
    before, _ = beside(buyers, [], SECONDS / 2)
    shop.session.execute(HOLD)
    meanwhile, told = beside(buyers, in_line, SECONDS)
    shop.session.rollback()
    after, _ = beside(buyers, [], SECONDS / 2)
    again = [guest.press() for guest in in_line]
    d4 = figures("D4")
    d4.exactly(
        f"of {len(told)} presses for the held product, told 409", sum(one.status == 409 for one in told), len(told)
    )
    d4.takes_at_most("longest wait until told", max(one.seconds for one in told), SECONDS_TO_REFUSE)
    failed = sum(one.status != 303 for one in meanwhile)
    d4.exactly(f"of {len(meanwhile)} orders of another product meanwhile, failed", failed, 0)
    calm = percentile([one.seconds for one in (*before, *after)], 0.95)
    slower = percentile([one.seconds for one in meanwhile], 0.95) / calm
    what = f"their p95 against {calm:.3f} s before and after"
    d4.keep(what, f"{slower:.2f} ×", f"≤ {MOST_SLOWER} ×", slower <= MOST_SLOWER, judged=FULL_SIZE)
    d4.exactly(
        "orders of the held product afterwards, by the same form", sum(one.status == 303 for one in again), IN_LINE
    )
