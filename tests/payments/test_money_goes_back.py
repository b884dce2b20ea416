"""Money that goes back: never more than came, once however often it is asked, and said truly at every step."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from catalogue.models import Cooperative, Product
from catalogue.stock.models import Location, StockLevel
from orders.check import faults
from orders.consignments.proposals import propose_by_hand
from orders.consignments.replenish import ROAD_DAYS
from orders.consignments.steps import confirm
from orders.fulfilment.assign import route_orders
from orders.fulfilment.do_without import do_without
from orders.lifecycle import cancel_order
from orders.payments.refunds import (
    ALONE_FEN,
    Disputed,
    MoreThanReceived,
    Wish,
    approve_refund,
    lock_payment,
    look_at_refunds,
    note_manual,
    request_refund,
    retry_refund,
)
from orders.payments.standing import payment_standing
from orders.shortage import count_stock
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import WrongState
from tests.accounts.people import person
from tests.builders import GUEST, today
from tests.figures import Figures
from tests.payments.conftest import Till

CLERK = Actor("Demo office")


def refund(till: Till, order_id: int, fen: int, why: str = "goodwill", actor: Actor = CLERK) -> int:
    """Decide a refund; its id."""
    payment_id = till.payment(order_id).id

    def work() -> int:
        _order, payment = lock_payment(till.session, payment_id)
        return request_refund(till.session, payment, Wish(fen, why), actor, utcnow()).id

    return in_transaction(till.session, work)


def test_cancelling_a_paid_order_gives_everything_back(till: Till) -> None:
    order_id, _intent = till.paid()
    in_transaction(till.session, lambda: cancel_order(till.session, order_id, GUEST, utcnow()))
    before = payment_standing(till.session, till.order(order_id))
    assert (before.status, before.refunded_fen, before.returning_fen) == ("paid", 0, 9_000)
    till.work()
    after = payment_standing(till.session, till.order(order_id))
    assert (after.status, after.refunded_fen, after.returning_fen) == ("refunded", 9_000, 0)
    assert till.ledger(order_id) == [("charge", 9_000), ("refund", -9_000)]
    assert till.jobs("order.mail", f"{order_id}:refunded") == 1
    assert faults(till.session) == []


def test_case_17_s9_forty_clerks_give_back_no_more_than_came(till: Till, figures: Callable[[str], Figures]) -> None:
    order_id, intent = till.paid()
    payment_id = till.payment(order_id).id

    def press(_number: int) -> bool:
        with till.app.app_context():
            session = db.session()

            def work() -> None:
                _order, payment = lock_payment(session, payment_id)
                request_refund(session, payment, Wish(1_000, "goodwill"), CLERK, utcnow())

            try:
                in_transaction(session, work)
            except MoreThanReceived:
                session.rollback()
                return False
            return True

    with ThreadPoolExecutor(6) as clerks:
        granted = sum(clerks.map(press, range(40)))
    till.work()
    given = till.call(f"/v1/refunds?limit=100&payment_intent={intent}")["data"]
    s9, rows = figures("S9"), till.refunds(order_id)
    s9.exactly("refunds of ¥10.00 granted to forty clerks, of ¥90.00", granted, 9)
    s9.at_most("fen given back at the provider, of 9,000 paid", sum(one["amount"] for one in given), 9_000)
    s9.exactly("refunds at the provider", len(given), len(rows))
    keys = {str(one["metadata"]["refund_id"]) for one in given}
    s9.exactly("rows, each with one refund and a key of its own", len(keys & {str(one.id) for one in rows}), 9)
    assert [one["amount"] for one in given] == [1_000] * 9
    assert len({one.idempotency_key for one in rows}) == 9


def test_case_17_a_large_sum_needs_somebody_else(till: Till) -> None:
    order_id, _intent = till.paid(20)
    first, second = (
        person(till.app, till.session, "office", email=f"{name}@example.org") for name in ("first", "second")
    )
    till.session.commit()
    refund_id = refund(till, order_id, ALONE_FEN + 1, actor=Actor("first", first.id))
    assert till.refunds(order_id)[0].state == "proposed"
    with pytest.raises(WrongState):
        approve_refund(till.session, refund_id, Actor("first", first.id), utcnow())
    till.session.rollback()
    approve_refund(till.session, refund_id, Actor("second", second.id), utcnow())
    till.session.commit()
    till.work()
    assert till.refunds(order_id)[0].state == "succeeded"


@pytest.mark.parametrize("where", ["before", "after"])
def test_case_18_a_refund_whose_answer_is_lost_is_made_once(till: Till, where: str) -> None:
    order_id, intent = till.paid()
    refund(till, order_id, 1_000)
    till.call("/test/cut-next", where=f"{where},{where}")
    till.work()
    assert till.refunds(order_id)[0].state == "requested"
    till.session.execute(sa.text("UPDATE refund SET next_look_at = now()"))
    till.session.commit()
    look_at_refunds(db.session(), till.gateway, utcnow())
    assert till.refunds(order_id)[0].state == "succeeded"
    assert len(till.call(f"/v1/refunds?limit=100&payment_intent={intent}")["data"]) == 1


def failed_refund(till: Till) -> tuple[int, int]:
    """A refund that was pending and then refused by the bank; order and refund."""
    order_id = till.place()
    intent = till.begin(order_id)
    card = till.call("/v1/payment_methods", **{"type": "card", "card[token]": "tok_visa_refundFail"})
    till.call(f"/v1/payment_intents/{intent}/confirm", payment_method=card["id"])
    till.hear_all(intent)
    refund_id = refund(till, order_id, 4_000)
    till.work()
    made = till.refunds(order_id)[0]
    assert made.state == "pending"
    assert payment_standing(till.session, till.order(order_id)).refunded_fen == 0
    till.call("/test/settle-refunds")
    till.hear_all(str(made.refund_ref))
    return order_id, refund_id


def test_case_19_a_refund_the_bank_refuses_is_told_and_tried_again(till: Till) -> None:
    order_id, refund_id = failed_refund(till)
    standing = payment_standing(till.session, till.order(order_id))
    assert (standing.refunded_fen, standing.stuck_fen) == (0, 4_000)
    assert till.ledger(order_id) == [("charge", 9_000), ("refund", -4_000), ("refund_reversal", 4_000)]
    assert len(till.findings("refund_failed")) == 1
    assert till.jobs("order.mail", f"{order_id}:refund_failed") == 1
    in_transaction(till.session, lambda: retry_refund(till.session, refund_id, CLERK, utcnow()))
    assert [one.state for one in till.refunds(order_id)] == ["replaced", "requested"]


def test_case_19_a_refund_is_paid_by_bank_transfer_with_its_number(till: Till) -> None:
    order_id, refund_id = failed_refund(till)
    in_transaction(till.session, lambda: note_manual(till.session, refund_id, "ICBC-1", CLERK))
    standing = payment_standing(till.session, till.order(order_id))
    assert (standing.refunded_fen, standing.stuck_fen) == (4_000, 0)


def test_case_22_a_refund_made_at_the_provider_is_taken_into_the_books(till: Till) -> None:
    order_id, intent = till.paid()
    made = till.call("/v1/refunds", payment_intent=intent, amount="500")
    till.hear_all(made["id"])
    assert [(one.why, one.state, one.amount_fen) for one in till.refunds(order_id)] == [("external", "succeeded", 500)]
    assert payment_standing(till.session, till.order(order_id)).refunded_fen == 500
    assert len(till.findings("external_refund")) == 1


def test_case_23_a_disputed_payment_is_not_given_back_twice(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    card = till.call("/v1/payment_methods", **{"type": "card", "card[token]": "tok_visa_createDispute"})
    till.call(f"/v1/payment_intents/{intent}/confirm", payment_method=card["id"])
    till.hear_all(intent)
    dispute = next(one for one in till.call("/v1/disputes?limit=100")["data"] if one["payment_intent"] == intent)
    till.hear_all(dispute["id"])
    with pytest.raises(Disputed):
        refund(till, order_id, 100)
    till.session.rollback()
    assert ("dispute", -9_000) in till.ledger(order_id)
    till.call(f"/test/close-dispute/{dispute['id']}", won="yes")
    till.hear_all(dispute["id"])
    assert ("dispute_won", 9_000) in till.ledger(order_id)
    refund(till, order_id, 100)


def test_case_26_goods_that_run_short_after_payment_are_given_back_to_the_fen(till: Till) -> None:
    order_id, _intent = till.paid(10)
    level = till.session.scalars(sa.select(StockLevel)).one()
    count_stock(till.session, level_id=level.id, counted=7, actor=GUEST, source_id="c", now=utcnow())
    till.session.commit()
    till.work()
    assert till.order(order_id).total_fen == 7 * 4_500
    assert [(one.why, one.state, one.amount_fen) for one in till.refunds(order_id)] == [
        ("short", "succeeded", 3 * 4_500)
    ]


def test_paid_goods_that_are_on_the_road_stay_paid_until_the_customer_does_without_them(till: Till) -> None:
    order_id, _intent = till.paid(10)
    store = till.session.get_one(Cooperative, till.session.get_one(Product, till.sku.product_id).cooperative_id)
    till.build.lot(till.sku, at=store, quantity=20, best_before_in=25)
    asked = propose_by_hand(
        till.session, store.id, till.counter.id, today() + timedelta(days=ROAD_DAYS), {till.sku.id: 5}, GUEST, utcnow()
    )
    confirm(till.session, asked.id, {asked.lines[0].id: 5}, GUEST, utcnow())
    shelf = sa.select(StockLevel).join(Location, Location.id == StockLevel.location_id)
    level = till.session.scalars(shelf.where(Location.counter_id == till.counter.id)).one()
    count_stock(till.session, level_id=level.id, counted=7, actor=GUEST, source_id="c", now=utcnow())
    route_orders(till.session, [order_id], utcnow(), "counted")
    till.session.commit()
    till.work()
    assert (till.order(order_id).total_fen, till.refunds(order_id)) == (10 * 4_500, [])
    do_without(till.session, order_id, 1, GUEST, utcnow())
    till.session.commit()
    till.work()
    assert till.order(order_id).total_fen == 7 * 4_500
    assert [(one.why, one.state, one.amount_fen) for one in till.refunds(order_id)] == [
        ("short", "succeeded", 3 * 4_500)
    ]
