"""D4: somebody holds the row of one product's stock: its buyers are told to come again, everybody else buys on."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from sqlalchemy import text

from tests.faults.guests import at_once
from tests.figures import Figures
from tests.races.conftest import Shop

SECONDS_TO_REFUSE = 2.5
BUYERS = 4


def test_d4_a_held_row_stops_only_its_own_product(shop: Shop, figures: Callable[[str], Figures]) -> None:
    counter = shop.build.counter()
    for code in ("HELD", "FREE"):
        shop.build.lot(shop.build.sku(code), at=counter, quantity=100)
    shop.build.commit()
    calm = [guest.fill_cart(("FREE", 1)).press().seconds for guest in shop.guests(BUYERS, counter.code)]
    held = [guest.fill_cart(("HELD", 1)) for guest in shop.guests(2, counter.code)]
    free = [guest.fill_cart(("FREE", 1)) for guest in shop.guests(BUYERS, counter.code)]
    shop.session.execute(
        text("SELECT 1 FROM availability v JOIN sku s ON s.id = v.sku_id WHERE s.code = 'HELD' FOR UPDATE OF v")
    )
    told = at_once([*held, *free], lambda guest: guest.press(), 4)
    shop.session.rollback()
    again = [guest.press() for guest in held]
    waited, others = told[:2], told[2:]
    d4 = figures("D4")
    d4.exactly("buyers of the held product told 409, come again", sum(one.status == 409 for one in waited), 2)
    d4.takes_at_most("longest wait until told", max(one.seconds for one in waited), SECONDS_TO_REFUSE)
    d4.exactly("buyers of another product who got theirs meanwhile", sum(one.status == 303 for one in others), BUYERS)
    slower = statistics.median(one.seconds for one in others) / statistics.median(calm)
    d4.keep("their median time against a calm shop", f"{slower:.2f} ×", "≤ 1.2 × alone", slower <= 1.2, judged=False)
    d4.exactly("orders of the held product afterwards, by the same form", sum(one.status == 303 for one in again), 2)
