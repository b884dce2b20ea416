"""What the provider tells: five times at once, days late, not at all, falsely, or something else than was asked."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError
from werkzeug.serving import make_server

from orders.check import faults
from orders.lifecycle import expire_overdue
from orders.models import Order, OrderEvent
from orders.office.money import money_page
from orders.payments.events import work_on_event
from orders.payments.gateway import GatewayDown
from orders.payments.models import Payment, ProviderEvent
from orders.payments.sync import look_at_due, sync_payment
from shop.app import create_app
from shop.audit import AuditEntry
from shop.clock import utcnow
from shop.db import db
from shop.outbox import Job
from shop.sandbox.processes import free_port
from shop.sandbox.stripe.messenger import sign
from tests.figures import Figures, size
from tests.payments.conftest import Till

TIMES, AT_ONCE = 5, 20
THREE_DAYS, SHORTLY_AFTER = timedelta(days=3), timedelta(minutes=5)
# Between two strokes of the clock that looks at payments nobody told of.
TICK_SECONDS = 60
TWENTY_MINUTES = timedelta(minutes=20)


@contextmanager
def served(till: Till) -> Iterator[tuple[Flask, str]]:
    """The shop behind a web server with a thread and a connection for each of the crowd; the address of its webhook."""
    settings = till.app.extensions["settings"].model_copy(update={"web_threads": 2 * AT_ONCE})
    app = create_app(settings)
    server = make_server("127.0.0.1", free_port(), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield app, f"http://127.0.0.1:{server.port}/webhooks/stripe"
    server.shutdown()
    thread.join(10)
    with app.app_context():
        db.engine.dispose()


def send(address: str, event: dict[str, Any]) -> int:
    """Deliver a signed event over HTTP; the answer."""
    body = json.dumps(event).encode()
    signature = sign(body, "whsec_sandbox", int(time.time()))
    headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
    request = urllib.request.Request(address, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def succeeded(till: Till, intent: str) -> dict[str, Any]:
    """The event that says so."""
    return next(one for one in till.events(intent) if one["type"] == "payment_intent.succeeded")


def count(till: Till, *wanted: Any) -> int:
    """Rows that fit."""
    till.session.rollback()
    return till.session.scalar(sa.select(sa.func.count()).where(*wanted)) or 0


def test_case_9_s1_events_told_five_times_by_twenty_at_once_count_once(
    till: Till, figures: Callable[[str], Figures]
) -> None:
    wanted, events = size(4, 40), {}
    for _ in range(wanted):
        order_id = till.place(1)
        intent = till.begin(order_id)
        till.pay(intent)
        events[order_id] = succeeded(till, intent)
    told = [event for event in events.values() for _ in range(TIMES)]
    random.Random(1).shuffle(told)
    together = threading.Barrier(AT_ONCE)
    with served(till) as (shop, address), ThreadPoolExecutor(AT_ONCE) as crowd:

        def deliver(event: dict[str, Any]) -> int:
            together.wait(60)
            return send(address, event)

        def work_again(event: dict[str, Any]) -> None:
            """As if a worker had lost its lease of the event: others work on it meanwhile."""
            together.wait(60)
            # What waits too long for the row, or for its turn at the provider, is done by its job.
            with shop.app_context(), suppress(GatewayDown, DBAPIError):
                work_on_event(db.session(), till.gateway, event["id"])

        answers = list(crowd.map(deliver, told))
        list(crowd.map(work_again, told))
    till.work()
    refs = [event["id"] for event in events.values()]
    s1, orders = figures("S1"), list(events)
    s1.exactly(f"of {len(told)} deliveries, {AT_ONCE} at once, those answered 200", answers.count(200), len(told))
    s1.exactly(f"rows of {wanted} events", count(till, ProviderEvent.event_ref.in_(refs)), wanted)
    seen = till.session.scalars(sa.select(ProviderEvent.seen).where(ProviderEvent.event_ref.in_(refs))).all()
    s1.exactly("deliveries counted on them", sum(seen), len(told))
    assert set(seen) == {TIMES}
    confirmed = (OrderEvent.order_id.in_(orders), OrderEvent.kind == "order.confirmed")
    moved = (AuditEntry.action == "payment.moved", AuditEntry.after["state"].astext == "succeeded")
    s1.exactly(f"changes of state of {wanted} orders", count(till, *confirmed), wanted)
    s1.exactly("changes of state of their payments", count(till, *moved), wanted)
    mails = (Job.topic == "order.mail", Job.dedupe_key.in_([f"{one}:confirmed" for one in orders]))
    s1.exactly("jobs that mail a receipt", count(till, *mails), wanted)
    assert [till.ledger(one) for one in orders] == [[("charge", 4_500)]] * wanted
    assert [till.jobs("order.route", f"{one}:") for one in orders] == [1] * wanted
    assert faults(till.session) == []


@pytest.mark.parametrize(
    ("stock_is_there", "paid_in_time"), [(True, True), (False, True), (True, False)],
    ids=["stock there", "stock gone", "paid late"],
)  # fmt: skip
def test_case_14_s3_news_of_three_days_ago_is_honoured_or_given_back_once(
    till: Till, stock_is_there: bool, paid_in_time: bool, figures: Callable[[str], Figures]
) -> None:
    order_id, ended = till.place(2), utcnow() - THREE_DAYS
    intent = till.begin(order_id)
    # The order ended although it could still be paid: what a provider does that lets a cancelled wallet pay.
    mine = Payment.order_id == order_id
    till.session.execute(sa.update(Payment).where(mine).values(state="canceled"))
    till.session.execute(sa.update(Order).where(Order.id == order_id).values(
        created_at=ended - timedelta(hours=1), expires_at=ended))  # fmt: skip
    till.session.commit()
    assert expire_overdue(till.session, ended) == 1
    till.session.execute(sa.update(Payment).where(mine).values(state="open"))
    till.session.commit()
    if not stock_is_there:
        till.place(99)
    till.pay(intent)
    if paid_in_time:  # and the news of it comes three days late; else the money itself does
        till.call(f"/test/age/{intent}", seconds=str(int((THREE_DAYS - SHORTLY_AFTER).total_seconds())))
    for _ in range(2):
        till.hear_all(intent)
        sync_payment(db.session(), till.gateway, till.payment(order_id).id)
    given = till.call(f"/v1/refunds?limit=100&payment_intent={intent}")["data"]
    s3 = figures("S3")
    case = f"{'news' if paid_in_time else 'money'} 3 days late, stock {'there' if stock_is_there else 'gone'}"
    honoured = stock_is_there and paid_in_time
    confirmations = count(till, OrderEvent.order_id == order_id, OrderEvent.kind == "order.confirmed")
    s3.exactly(f"{case}: times the order was honoured", confirmations, int(honoured))
    s3.exactly(f"{case}: fen given back of 9,000", sum(one["amount"] for one in given), 0 if honoured else 9_000)
    s3.exactly(f"{case}: refunds", len(given), 0 if honoured else 1)
    assert till.order(order_id).status == ("confirmed" if honoured else "expired")
    assert till.jobs("order.route", f"{order_id}:") == int(honoured)
    assert [(one.why, one.state) for one in till.refunds(order_id)] == [("late", "succeeded")] * len(given)
    assert faults(till.session) == []


def test_case_7_11_s4_without_any_message_orders_are_paid_by_looking(
    till: Till, figures: Callable[[str], Figures]
) -> None:
    orders, waits = [], []
    for number in range(size(6, 60)):
        order_id = till.place(1)
        # However often it was looked at before its customer paid: the pauses grow.
        for _ in range(1 + number % 6):
            intent = till.begin(order_id)
        till.pay(intent)
        looks_next = till.payment(order_id).next_look_at
        assert looks_next is not None
        orders.append(order_id)
        waits.append((looks_next - utcnow()).total_seconds() + TICK_SECONDS)
    s4 = figures("S4")
    s4.at_most("longest until the shop looks by itself", max(waits), TWENTY_MINUTES.total_seconds(), "s")
    look_at_due(db.session(), till.gateway, utcnow() + TWENTY_MINUTES)
    paid = [one for one in orders if till.order(one).status == "confirmed"]
    s4.exactly(f"orders of {len(orders)} paid without any message", len(paid), len(orders))
    assert count(till, ProviderEvent.event_ref != "") == 0
    assert faults(till.session) == []


def test_case_12_s5_what_is_not_signed_freshly_is_refused_and_leaves_nothing(
    till: Till, figures: Callable[[str], Figures]
) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    till.pay(intent)
    event = till.events(intent)[-1]
    now, client = int(utcnow().timestamp()), till.app.test_client()
    jobs = count(till, Job.topic != "")

    def raw(body: bytes, **headers: str) -> int:
        return client.post("/webhooks/stripe", data=body, headers=headers).status_code

    body = json.dumps(event).encode()
    signature = sign(body, "whsec_sandbox", now)
    answers = {
        "wrong secret": till.hear(event, secret="whsec_other"),
        "older than 300 s": till.hear(event, at=now - 301),
        "from the future": till.hear(event, at=now + 900),
        "written anew": raw(json.dumps(event, indent=1).encode(), **{"Stripe-Signature": signature}),
        "no signature": raw(body),
        "1 MB": till.hear(event | {"more": "x" * 1_000_000}),
    }
    assert raw(body, **{"Stripe-Signature": "t=1"}) == raw(b"{}", **{"Stripe-Signature": signature}) == 400
    s5 = figures("S5")
    refused = [kind for kind, answer in answers.items() if answer == 400]
    s5.exactly(f"of {len(answers)} kinds of false messages, those answered 400", len(refused), 6)
    left = count(till, ProviderEvent.event_ref != "") + count(till, Job.topic != "") - jobs
    s5.exactly("rows they left", left, 0)
    till.app.extensions.pop("payment_gateway")
    old, new = till.app.extensions["settings"], "whsec_new"
    till.app.extensions["settings"] = old.model_copy(update={"stripe_webhook_secrets": f"{new},whsec_sandbox"})
    rotated = [till.hear(event, secret=new), till.hear(event)]
    s5.exactly("answers 200 to the new and the old secret while they are rolled", rotated.count(200), 2)
    assert till.hear(event, secret="whsec_other") == 400


@pytest.mark.parametrize("changed", ["amount", "currency", "order id"])
def test_s8_a_signed_event_that_says_something_else_is_for_a_person_and_moves_nothing(
    till: Till, changed: str, figures: Callable[[str], Figures]
) -> None:
    order_id, other = till.place(), till.place()
    intent = till.begin(order_id)
    till.begin(other)
    thing = till.events(intent)[0]["data"]["object"] | {"status": "succeeded", "amount_received": 9_000}
    thing |= {
        "amount": {"amount": 1, "amount_received": 1}, "currency": {"currency": "usd"},
        "order id": {"metadata": thing["metadata"] | {"order_id": str(other)}},
    }[changed]  # fmt: skip
    event = till.events(intent)[0] | {"type": "payment_intent.succeeded", "data": {"object": thing}}
    for number in (1, 1, 2):
        assert till.hear(event | {"id": f"evt_{changed}_{number}_{intent}"}) == 200
    till.work()
    s8 = figures("S8")
    s8.exactly(f"findings for a person, {changed} changed", len(till.findings("event_differs")), 1)
    routed = till.jobs("order.route", f"{order_id}:") + till.jobs("order.route", f"{other}:")
    s8.exactly(f"orders routed, {changed} changed", routed, 0)
    waiting = [(finding.kind, number) for finding, number in money_page(till.session).findings]
    assert waiting == [("event_differs", till.order(order_id).number)]
    assert [(till.order(one).status, till.payment(one).state) for one in (order_id, other)] == [
        ("awaiting_payment", "open")
    ] * 2
    assert till.ledger(order_id) == till.ledger(other) == []
