"""A1: many want the last packs at once; exactly as many get one as there are packs. With its negative control."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sqlalchemy import text

from orders.check import faults
from tests.conftest import Servers
from tests.faults.guests import Answer, Guest, at_once, percentile
from tests.figures import Figures, size
from tests.races.conftest import Shop, shop_on

CROWD = 50
BUYERS, PACKS = size(120, 5_000), size(30, 100)


def everybody_wants_one(shop: Shop, sku: str, packs: int, buyers: int) -> list[Answer]:
    """Each buyer's cart holds one pack and the checkout page is filled in; then all press."""
    counter = shop.build.counter()
    shop.build.lot(shop.build.sku(sku), at=counter, quantity=packs)
    shop.build.commit()
    guests = shop.guests(buyers, counter.code)
    try:
        at_once(guests, lambda guest: guest.fill_cart((sku, 1)), 8)
        return at_once(guests, Guest.press, CROWD)
    finally:
        for guest in guests:
            guest.close()


def test_a1_exactly_as_many_buy_as_there_are_packs(shop: Shop, figures: Callable[[str], Figures]) -> None:
    answers = everybody_wants_one(shop, "LAST-EGGS", PACKS, BUYERS)
    statuses = Counter(answer.status for answer in answers)
    a1 = figures("A1")
    a1.exactly(f"orders of {PACKS} packs", statuses[303], PACKS)
    a1.exactly(f"told that it is sold out, of {BUYERS} buyers", statuses[409], BUYERS - PACKS)
    a1.exactly("packs sold", shop.orders_of("LAST-EGGS"), PACKS)
    a1.takes_at_most("p99 of a press", percentile([answer.seconds for answer in answers], 0.99), 2.0)
    numbers = {answer.number for answer in answers if answer.number}
    assert len(numbers) == PACKS
    assert shop.count('SELECT count(*) FROM "order" WHERE number = ANY(:told)', told=list(numbers)) == PACKS
    assert all("LAST-EGGS" in answer.text for answer in answers if answer.status == 409), "the line is named"


def test_a1n_negative_control_without_lock_and_check_it_oversells(
    new_database: Callable[[], str], servers: Servers, figures: Callable[[str], Figures]
) -> None:
    with shop_on(new_database(), servers.redis_url, app="tests.races.unguarded:app") as shop:
        shop.session.execute(text("ALTER TABLE availability DROP CONSTRAINT ck_availability_never_oversold"))
        shop.session.commit()
        everybody_wants_one(shop, "LAST-EGGS", 5, 40)
        figures("A1n").at_least("packs oversold without lock and CHECK", shop.orders_of("LAST-EGGS") - 5, 1)
        shop.session.rollback()
        assert "availability equals free sellable stock less held promises" in {
            fault.invariant for fault in faults(shop.session)
        }, "`shop check` sees it"
