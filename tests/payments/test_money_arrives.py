"""Money that comes in: once, in whatever order and however often it is told of, or not told of at all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from catalogue.stock.models import StockLevel
from orders.check import faults
from orders.lifecycle import CannotCancel, cancel_order, expire_overdue
from orders.payments.events import fetch_events
from orders.payments.gateway import GatewayDown
from orders.payments.models import Payment, ProviderEvent
from orders.payments.reconcile import reconcile
from orders.payments.sync import close_before_cancelling, expire_unpaid, sync_payment
from orders.shortage import count_stock
from shop.clock import utcnow
from shop.db import db, in_transaction
from tests.builders import GUEST
from tests.figures import Figures
from tests.payments.conftest import Till

LATER = timedelta(hours=1)


def test_a_payment_told_by_webhook_confirms_the_order_once(till: Till) -> None:
    order_id, _intent = till.paid()
    assert till.order(order_id).status == "confirmed"
    assert till.ledger(order_id) == [("charge", 9_000)]
    assert till.jobs("order.route", f"{order_id}:") == 1
    assert till.jobs("order.mail", f"{order_id}:confirmed") == 1
    assert faults(till.session) == []


def test_case_1_two_presses_ask_for_one_payment(till: Till) -> None:
    order_id = till.place()
    assert till.begin(order_id) == till.begin(order_id)


@pytest.mark.parametrize("where", ["before", "after"])
def test_case_2_s6_a_call_that_is_cut_off_makes_one_payment(
    till: Till, where: str, figures: Callable[[str], Figures]
) -> None:
    order_id = till.place()
    # The library repeats a call once by itself.
    till.call("/test/cut-next", where=f"{where},{where}")
    with pytest.raises(GatewayDown):
        till.begin(order_id)
    before = till.payment(order_id)
    key = before.idempotency_key
    assert before.state == "creating"
    intent = till.begin(order_id)
    s6, made = figures("S6"), till.intents_of(order_id)
    s6.exactly(f"payments of an order whose call was cut off {where} it was done", len(made), 1)
    s6.exactly(f"new keys before a look, cut off {where}", int(till.payment(order_id).idempotency_key != key), 0)
    assert [one["id"] for one in made] == [till.payment(order_id).intent_ref] == [intent]


def test_case_5_a_declined_card_leaves_the_order_waiting_and_may_be_tried_again(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    till.pay(intent, "card:decline")
    till.hear_all(intent)
    assert till.order(order_id).status == "awaiting_payment"
    assert (till.payment(order_id).state, till.payment(order_id).last_error) == ("open", "generic_decline")
    till.pay(intent)
    till.hear_all(intent)
    assert till.order(order_id).status == "confirmed"


def test_case_11_lost_events_are_fetched_from_the_list(till: Till) -> None:
    order_id = till.place()
    till.pay(till.begin(order_id))
    fetch_events(db.session(), till.gateway)
    till.work()
    assert till.order(order_id).status == "confirmed"
    assert fetch_events(db.session(), till.gateway) == 0


def test_case_8_the_address_of_the_return_page_proves_nothing(till: Till) -> None:
    order_id = till.place()
    till.begin(order_id)
    number, client = till.order(order_id).number, till.app.test_client()
    with client.session_transaction() as cookie:
        cookie["orders"] = [number]
    answer = client.get(f"/orders/{number}/pay/return?redirect_status=succeeded")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{number}/pay")
    assert till.order(order_id).status == "awaiting_payment"


def test_case_10_events_in_the_wrong_order_end_the_same(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    till.pay(intent, "card:decline")
    till.pay(intent)
    for event in reversed(till.events(intent)):
        assert till.hear(event) == 200
    till.work()
    assert till.order(order_id).status == "confirmed"
    assert till.payment(order_id).state == "succeeded"


def test_an_order_nobody_pays_is_closed_at_the_provider_before_its_stock_is_given_back(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    assert expire_overdue(till.session, utcnow() + LATER) == 0
    assert expire_unpaid(db.session(), till.gateway, utcnow() + LATER) == 1
    assert expire_overdue(till.session, utcnow() + LATER) == 1
    assert till.order(order_id).status == "expired"
    assert till.gateway.read_intent(intent).status == "canceled"
    assert faults(till.session) == []


def test_case_13_who_paid_at_the_last_moment_has_paid(till: Till) -> None:
    order_id = till.place()
    till.pay(till.begin(order_id))
    expire_unpaid(db.session(), till.gateway, utcnow() + LATER)
    expire_overdue(till.session, utcnow() + LATER)
    assert till.order(order_id).status == "confirmed"


def test_case_13_paying_and_expiring_at_once_leaves_one_truth(till: Till) -> None:
    for _ in range(6):
        order_id = till.place(1)
        intent = till.begin(order_id)

        def expire() -> None:
            with till.app.app_context():
                expire_unpaid(db.session(), till.gateway, utcnow() + LATER)
                expire_overdue(db.session(), utcnow() + LATER)

        def pay(ref: str = intent) -> None:
            try:
                till.pay(ref)
            except Exception as refusal:  # noqa: BLE001  the provider says that it is too late
                assert "canceled" in str(refusal)  # noqa: PT017

        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda work: work(), [expire, pay]))
        expire()
        paid = till.gateway.read_intent(intent).received_fen
        till.hear_all(intent)
        assert till.order(order_id).status == ("confirmed" if paid else "expired")
    assert faults(till.session) == []


def test_case_14_money_for_an_order_that_ended_on_purpose_goes_back_once(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    level = till.session.scalars(sa.select(StockLevel)).one()
    count_stock(till.session, level_id=level.id, counted=0, actor=GUEST, source_id="c", now=utcnow())
    till.session.commit()
    assert till.order(order_id).status == "cancelled"
    till.pay(intent)
    till.hear_all(intent)
    till.hear_all(intent)
    assert [(one.why, one.state, one.amount_fen) for one in till.refunds(order_id)] == [("late", "succeeded", 9_000)]
    assert till.ledger(order_id) == [("charge", 9_000), ("refund", -9_000)]


def planted(till: Till, order_id: int, amount: int) -> int:
    """A payment of ours that the provider made with another amount, whose answer we never heard; its number."""
    till.session.rollback()
    payment = Payment(order_id=order_id, amount_fen=9_000, idempotency_key=f"planted-{order_id}-{amount}", looks=1)
    till.session.add(payment)
    till.session.commit()
    made = till.call("/v1/payment_intents", amount=str(amount), currency="cny",
                     **{"payment_method_types[0]": "card", "metadata[payment_id]": str(payment.id),
                        "metadata[order_id]": str(order_id), "metadata[order_no]": payment.order.number})  # fmt: skip
    till.pay(made["id"])
    return payment.id


def test_case_15_a_second_payment_goes_back_by_itself(till: Till) -> None:
    order_id, _intent = till.paid()
    sync_payment(db.session(), till.gateway, planted(till, order_id, 9_000))
    till.work()
    assert [(one.why, one.state) for one in till.refunds(order_id)] == [("duplicate", "succeeded")]
    assert till.order(order_id).status == "confirmed"
    assert len(till.findings("duplicate")) == 1


def test_case_16_another_amount_than_was_asked_pays_nothing_and_goes_back(till: Till) -> None:
    order_id = till.place()
    till.session.execute(
        sa.update(Payment).where(Payment.order_id == order_id).values(state="canceled", intent_ref="x")
    )
    till.session.commit()
    sync_payment(db.session(), till.gateway, planted(till, order_id, 8_999))
    till.work()
    assert till.order(order_id).status == "awaiting_payment"
    assert [(one.why, one.amount_fen) for one in till.refunds(order_id)] == [("mismatch", 8_999)]
    assert len(till.findings("mismatch")) == 1


def test_case_25_money_nobody_asked_for_is_for_a_person(till: Till) -> None:
    made = till.call("/v1/payment_intents", amount="1234", currency="cny", **{"payment_method_types[0]": "card"})
    till.pay(made["id"])
    till.hear_all(made["id"])
    assert [one.ref for one in till.findings("orphan_payment")] == [made["id"]]


def test_an_order_with_a_payment_on_its_way_is_cancelled_only_after_it_is_closed(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    with pytest.raises(CannotCancel):
        cancel_order(till.session, order_id, GUEST, utcnow())
    till.session.rollback()
    close_before_cancelling(db.session(), till.gateway, order_id)
    in_transaction(till.session, lambda: cancel_order(till.session, order_id, GUEST, utcnow()))
    assert till.order(order_id).status == "cancelled"
    assert till.gateway.read_intent(intent).status == "canceled"


def test_the_books_of_both_sides_are_the_same(till: Till) -> None:
    since = utcnow() - timedelta(seconds=2)
    till.paid()
    order_id, _intent = till.paid(1)
    in_transaction(till.session, lambda: cancel_order(till.session, order_id, GUEST, utcnow()))
    till.work()
    run = reconcile(db.session(), till.gateway, "by_hand", since)
    mine = till.findings("payment_differs") + till.findings("refund_differs")
    assert mine == []
    assert run.seen >= 3
    assert ("fee", -(4_500 * 34 // 1000 + 200)) in till.ledger(order_id)
    assert faults(till.session) == []


def test_pi2_of_what_the_provider_tells_it_is_not_kept_who_paid(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    till.pay(intent)
    event = till.events(intent)[-1]
    payer = {"billing_details": {"name": "卓玛央金", "email": "canary@mail.example"}, "amount": 5000}
    event["data"]["object"] |= {"charges": {"data": [payer]}, "receipt_email": "canary@mail.example"}
    assert till.hear(event) == 200
    kept = till.session.scalars(sa.select(ProviderEvent).where(ProviderEvent.event_ref == event["id"])).one().payload
    assert kept["data"]["object"]["charges"] == {"data": [{"amount": 5000}]}
    assert kept["data"]["object"]["id"] == intent
    assert "receipt_email" not in kept["data"]["object"]
    assert "client_secret" not in kept["data"]["object"]
