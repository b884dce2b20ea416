"""The rare cases: calls unheard of for a day, deaths between an answer and a commit, empty balances, other versions."""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from orders.check import faults
from orders.models import Order
from orders.payments.endpoint import check_endpoints
from orders.payments.events import keep_event
from orders.payments.gateway import GatewayDown
from orders.payments.models import Payment, Refund
from orders.payments.refunds import Wish, lock_payment, look_at_refunds, request_refund
from orders.payments.standing import payment_standing
from orders.payments.sync import expire_unpaid, look_at_due
from shop.audit import Actor
from shop.clock import utcnow
from shop.config import SettingsError, load_settings
from shop.db import db, in_transaction
from tests.figures import Figures, size
from tests.payments.conftest import Till

CLERK = Actor("Demo office")
DAY = timedelta(days=1, minutes=1)
ENDPOINT = "https://shop.example/webhooks/stripe"


def unheard(till: Till, where: str) -> int:
    """An order whose payment was asked for a day ago, with no answer; still waiting for its money."""
    order_id = till.place()
    till.call("/test/cut-next", where=f"{where},{where}")
    with pytest.raises(GatewayDown):
        till.begin(order_id)
    till.session.execute(
        sa.update(Payment).where(Payment.order_id == order_id).values(created_at=Payment.created_at - DAY)
    )
    till.session.execute(sa.update(Order).where(Order.id == order_id).values(expires_at=utcnow() + DAY))
    till.session.commit()
    return order_id


def test_case_3_a_payment_unheard_of_for_a_day_is_adopted_when_the_provider_has_it(till: Till) -> None:
    order_id = unheard(till, "after")
    intent = till.begin(order_id)
    assert [one["id"] for one in till.intents_of(order_id)] == [intent]
    assert till.payment(order_id).state == "open"


def test_case_3_else_a_new_payment_is_opened_and_the_old_key_never_sent_again(till: Till) -> None:
    order_id = unheard(till, "before")
    old = till.payment(order_id)
    intent = till.begin(order_id)
    new = till.payment(order_id)
    assert till.session.get_one(Payment, old.id).state == "canceled"
    assert (new.id != old.id, new.idempotency_key != old.idempotency_key) == (True, True)
    assert [(one["id"], one["metadata"]["payment_id"]) for one in till.intents_of(order_id)] == [(intent, str(new.id))]


def test_case_3_an_order_that_ends_meanwhile_asks_for_nothing_any_more(till: Till) -> None:
    order_id = unheard(till, "before")
    assert expire_unpaid(db.session(), till.gateway, utcnow() + DAY + DAY) == 1
    assert till.payment(order_id).state == "canceled"
    assert till.intents_of(order_id) == []


# The library repeats a call once by itself, but not when it was told that it calls too often.
@pytest.mark.parametrize("fault", ["500,500", "409,409", "429"])
def test_s6_whatever_the_provider_answers_at_first_one_payment_is_made(
    till: Till, fault: str, figures: Callable[[str], Figures]
) -> None:
    order_id = till.place()
    till.call("/test/cut-next", where=fault)
    with pytest.raises(GatewayDown):
        till.begin(order_id)
    key = till.payment(order_id).idempotency_key
    if fault == "500,500":  # Stripe keeps a fault of its own under the key: the look comes first, then a new key
        with pytest.raises(GatewayDown):
            till.begin(order_id)
    intent = till.begin(order_id)
    made = till.intents_of(order_id)
    figures("S6").exactly(
        f"payments of an order whose call was answered {fault.split(',', maxsplit=1)[0]}", len(made), 1
    )
    assert [one["id"] for one in made] == [intent]
    assert (till.payment(order_id).idempotency_key == key) == (fault != "500,500")


def test_case_21_a_refund_that_waits_for_our_balance_is_not_made_twice_and_somebody_is_told(till: Till) -> None:
    order_id, intent = till.paid()
    payment_id = till.payment(order_id).id

    def decide() -> None:
        _order, payment = lock_payment(till.session, payment_id)
        request_refund(till.session, payment, Wish(9_000, "goodwill"), CLERK, utcnow())

    till.call("/test/balance", empty="yes")
    try:
        in_transaction(till.session, decide)
        till.work()
        for day in range(3):
            look_at_refunds(db.session(), till.gateway, utcnow() + timedelta(days=day))
        made = till.call(f"/v1/refunds?limit=100&payment_intent={intent}")["data"]
        assert [(one["status"], one["pending_reason"]) for one in made] == [("pending", "insufficient_funds")]
        assert [one.theirs for one in till.findings("refund_waits")] == [{"reason": "insufficient_funds"}]
        standing = payment_standing(till.session, till.order(order_id))
        assert (standing.status, standing.returning_fen, standing.refunded_fen) == ("paid", 9_000, 0)
    finally:
        till.call("/test/balance", empty="no")
    till.call("/test/settle-refunds")
    till.hear_all(*[one["id"] for one in made])
    assert [(one.state, one.amount_fen) for one in till.refunds(order_id)] == [("succeeded", 9_000)]
    assert till.jobs("order.mail", f"{order_id}:refunded") == 1


def die_at(till: Till, point: str, work: Callable[[], object]) -> None:
    """Do it in a process that is killed at the fail point: `kill -9`, with nothing said to anybody."""
    db.session.remove()
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        try:
            os.environ["FAIL_POINT"] = point
            settings = till.app.extensions["settings"]
            till.app.extensions["settings"] = settings.model_copy(update={"fail_points": True})
            work()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_case_24_s7_a_web_server_killed_between_answer_and_commit_leaves_one_payment_an_order(
    till: Till, figures: Callable[[str], Figures]
) -> None:
    wanted, numbers = size(5, 100), []
    for _ in range(wanted):
        order_id = till.place(1)
        numbers.append(till.order(order_id).number)
        die_at(till, "payment.answered", lambda: till.begin(order_id))  # noqa: B023
        assert till.payment(order_id).intent_ref is None
    till.session.execute(sa.update(Payment).values(next_look_at=utcnow()))
    till.session.commit()
    while look_at_due(db.session(), till.gateway, utcnow()):
        pass
    ours = set(till.session.scalars(sa.select(Payment.intent_ref)))
    made = [
        one["id"]
        for one in till.call("/v1/payment_intents?limit=100000")["data"]
        if one["metadata"].get("order_no") in numbers
    ]
    s7 = figures("S7")
    s7.exactly("orders whose process died after the provider's answer", len(numbers), wanted)
    s7.exactly("payments the provider made for them", len(made), wanted)
    s7.exactly("of them unknown here", len(set(made) - ours), 0)
    assert faults(till.session) == []


def test_case_24_a_worker_killed_after_a_refund_was_made_makes_no_second(till: Till) -> None:
    order_id, intent = till.paid()
    payment_id = till.payment(order_id).id

    def decide() -> None:
        _order, payment = lock_payment(till.session, payment_id)
        request_refund(till.session, payment, Wish(1_000, "goodwill"), CLERK, utcnow())

    in_transaction(till.session, decide)
    die_at(till, "refund.answered", till.work)
    assert till.refunds(order_id)[0].refund_ref is None
    look_at_refunds(db.session(), till.gateway, utcnow())
    made = till.call(f"/v1/refunds?limit=100&payment_intent={intent}")["data"]
    assert [one["id"] for one in made] == [till.refunds(order_id)[0].refund_ref]
    assert till.ledger(order_id) == [("charge", 9_000), ("refund", -1_000)]


def test_case_24_a_worker_killed_after_it_read_a_payment_leaves_the_event_to_the_next(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    till.pay(intent)
    for event in till.events(intent):
        till.hear(event)
    die_at(till, "payment.read", till.work)
    assert till.order(order_id).status == "awaiting_payment"
    till.session.execute(sa.text("UPDATE job SET next_at = now() WHERE done_at IS NULL"))
    till.session.commit()
    till.work()
    assert till.order(order_id).status == "confirmed"
    assert till.ledger(order_id) == [("charge", 9_000)]


def test_case_30_an_event_of_another_version_is_kept_told_of_and_its_object_read_anew(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    till.pay(intent)
    old: dict[str, Any] = next(one for one in till.events(intent) if one["type"] == "payment_intent.succeeded")
    old |= {"api_version": "2017-08-15", "data": {"object": {"id": intent, "object": "payment_intent", "total": "9"}}}
    assert till.hear(old) == 200
    till.work()
    assert till.order(order_id).status == "confirmed"
    assert [one.ref for one in till.findings("event_version")] == ["2017-08-15"]
    assert till.findings("event_differs") == []


def test_case_30_a_release_does_not_start_while_messages_come_in_another_version(till: Till) -> None:
    made = till.call("/test/endpoint", url=ENDPOINT)
    assert check_endpoints(till.gateway, ENDPOINT) == []
    till.call("/test/endpoint", url=ENDPOINT, api_version="2017-08-15", events="refund.failed")
    wrong = check_endpoints(till.gateway, ENDPOINT)
    assert [made["id"] in fault for fault in wrong] == [True, True]
    assert "2017-08-15" in wrong[0]
    assert "payment_intent.succeeded" in wrong[1]
    assert check_endpoints(till.gateway, "https://other.example/") == ["none sends to https://other.example/"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"stripe_secret_key": "sk_test_of_somebody"},
        {"stripe_secret_key": "sk_live_x", "stripe_api_base": "http://127.0.0.1:8421"},
    ],
)
def test_case_31_no_shop_starts_in_the_wrong_world(wrong: dict[str, str]) -> None:
    right = {
        "app_env": "production", "database_url": "postgresql://127.0.0.1/x", "redis_url": "redis://127.0.0.1:1/0",
        "smtp_url": "smtps://mail.example", "secret_key": "x" * 40, "security_password_salt": "y" * 20,
        "public_url": "https://shop.example", "stripe_secret_key": "sk_live_x", "stripe_webhook_secrets": "whsec_x",
    }  # fmt: skip
    load_settings(**right)
    with pytest.raises(SettingsError, match="STRIPE"):
        load_settings(**{**right, **wrong})


def five_events(till: Till, intent: str, before: str) -> list[dict[str, Any]]:
    """Created, processing, succeeded, canceled and refunded, of one payment that was paid and partly given back.

    Only events newer than the one `before` are read, if there is one.
    """
    cursor = f"&ending_before={before}" if before else ""
    told = {one["type"]: one for one in till.call(f"/v1/events?limit=1000{cursor}")["data"]
            if intent in (one["data"]["object"]["id"], one["data"]["object"].get("payment_intent"))}  # fmt: skip
    created, succeeded, refunded = (
        told[kind] for kind in ("payment_intent.created", "payment_intent.succeeded", "charge.refunded")
    )

    def variant(status: str) -> dict[str, Any]:
        thing = created["data"]["object"] | {"status": status}
        kind = f"payment_intent.{status}"
        return created | {"id": f"evt_{status}_{intent}", "type": kind, "data": {"object": thing}}

    return [created, variant("processing"), succeeded, variant("canceled"), refunded]


def test_s2_five_events_in_any_order_end_the_same(till: Till, figures: Callable[[str], Figures]) -> None:
    orders = list(itertools.permutations(range(5)))
    chosen = random.Random(2).sample(orders, size(8, 120))
    ends: dict[tuple[Any, ...], int] = {}
    for number, order_of_events in enumerate(chosen):
        if number % 40 == 0:
            till.build.lot(till.sku, at=till.counter, quantity=50)
            till.build.commit()
        newest = till.call("/v1/events?limit=1")["data"][0]["id"] if number else ""
        order_id = till.place(1)
        intent = till.begin(order_id)
        till.pay(intent)
        till.call("/v1/refunds", payment_intent=intent, amount="500")
        events = five_events(till, intent, newest)
        for place in order_of_events:
            in_transaction(db.session(), lambda: keep_event(db.session(), events[place], "webhook", till.gateway))  # noqa: B023
            till.work()
        payment, order = till.payment(order_id), till.order(order_id)
        refunds = [(one.why, one.state, one.amount_fen) for one in till.refunds(order_id)]
        end = (order.status, payment.state, payment.received_fen, *refunds, *sorted(till.ledger(order_id)))
        ends[end] = ends.get(end, 0) + 1
    right = (
        "confirmed", "succeeded", 4_500, ("external", "succeeded", 500), ("charge", 4_500), ("refund", -500),
    )  # fmt: skip
    what = f"of {len(chosen)} orders of five events, those that end the same"
    figures("S2").exactly(what, ends.get(right, 0), len(chosen))
    assert till.session.scalar(sa.select(sa.func.count()).select_from(Refund)) == len(chosen)
