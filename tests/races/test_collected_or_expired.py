"""A6: the customer pays and collects in the very moment the order's time is up: one of the two, never both or none."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.steps import make_ready
from orders.lifecycle import expire_if_still_overdue
from orders.models import Order
from shop.app import create_app
from shop.clock import utcnow
from tests.accounts.people import PASSWORD, person
from tests.builders import GUEST, order
from tests.conftest import settings_for
from tests.faults.guests import Guest, at_once
from tests.figures import FULL_SIZE, Figures, size
from tests.races.conftest import Shop

HANDS = 12
NEVER = threading.Event()


def overdue_orders(shop: Shop, number: int) -> tuple[list[tuple[Order, Fulfilment]], str]:
    """Orders that wait at a counter and whose time to collect is over; and who works there."""
    counter = shop.build.counter()
    eggs = shop.build.sku("LATE-EGGS", price_fen=1980)
    shop.build.lot(eggs, at=counter, quantity=number)
    shop.build.commit()
    waiting = []
    for _ in range(number):
        placed = order(shop.session, {eggs: 1}, at=counter)
        route_order(shop.session, placed.id, utcnow())
        part = shop.session.query(Fulfilment).filter_by(order_id=placed.id).one()
        make_ready(shop.session, part.id, GUEST, utcnow())
        waiting.append((placed, part))
    shop.session.execute(text("""UPDATE "order" SET collect_by = now() - interval '1 s' WHERE status = 'ready'"""))
    shop.session.commit()
    app = create_app(settings_for(shop.children.database_url, shop.children.redis_url))
    return waiting, person(app, shop.session, "counter", email="desk@people.example", counter_id=counter.id).email


def test_a6_collected_and_paid_or_expired_never_both(shop: Shop, figures: Callable[[str], Figures]) -> None:
    number = size(40, 2_000)
    waiting, email = overdue_orders(shop, number)
    desk = Guest(shop.address, "")
    assert desk.send("/login", email=email, password=PASSWORD).status_code == 303
    # The token is the session's, so one reading serves all presses.
    token = desk.open_form("/counter/")
    engine = create_engine(
        shop.children.database_url.replace("postgresql://", "postgresql+psycopg://"), pool_size=HANDS
    )

    took, held = [0.05], list[int]()

    def hand_over(placed: Order, part: Fulfilment) -> None:
        """The desk presses the button, at the shop's door."""
        started = time.perf_counter()
        data = {"csrf_token": token, "code": placed.pickup_code}
        while desk.http.post(f"/counter/parts/{part.id}/hand-over", data=data).status_code == 409:
            held.append(part.id)  # somebody else had the rows for too long: the page says to press again
        took.append(time.perf_counter() - started)

    def expire(placed: Order, _part: Fulfilment) -> None:
        """The worker's tick comes by, some time while the press is on its way."""
        NEVER.wait(random.uniform(0, 1.2 * took[-1]))
        with Session(engine) as session:
            expire_if_still_overdue(session, placed.id, utcnow())
            session.commit()

    at_once([(act, *pair) for pair in waiting for act in (hand_over, expire)], lambda one: one[0](*one[1:]), HANDS)
    engine.dispose()
    desk.close()
    ids = [placed.id for placed, _ in waiting]
    ended = 'SELECT count(*) FROM "order" WHERE id = ANY(:ids) AND status = :status'
    completed = shop.count(ended, ids=ids, status="completed")
    expired = shop.count(ended, ids=ids, status="expired")
    a6 = figures("A6")
    a6.exactly(f"collected ({completed}) + expired ({expired})", completed + expired, number)
    paid = "SELECT sum(amount_fen) FROM money_entry WHERE order_id = ANY(:ids)"
    a6.exactly("fen received beyond what was collected", shop.count(paid, ids=ids) - completed * 1980, 0)
    a6.keep("presses to be repeated, a row being held", str(len(held)), "told only", True)
    slower = min(completed, expired)
    a6.keep("orders won by the slower side", str(slower), "≥ 1", slower >= 1, judged=FULL_SIZE)
