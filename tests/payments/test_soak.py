"""A crowd pays while messages are lost, doubled and shuffled and calls are cut off; then the books are compared.

`make soak-payments` runs it with 500 orders; every `make test` with 15. What is random is seeded and printed.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
import sqlalchemy as sa
import stripe
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from orders.check import faults
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.payments.events import fetch_events
from orders.payments.gateway import GatewayDown, GatewayRefused
from orders.payments.models import MoneyEntry, Payment, Refund
from orders.payments.refunds import MoreThanReceived, Wish, lock_payment, look_at_refunds, request_refund
from orders.payments.states import LIVE_PAYMENTS, ON_ITS_WAY
from orders.payments.sync import close_before_cancelling, look_at_due
from orders.promises import lock_order
from shop.app import create_app
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError
from shop.outbox import Job
from shop.sandbox.processes import free_port
from shop.sandbox.services import scratch_folder
from shop.sandbox.stripe.part import StripeStandIn
from tests.builders import GUEST, Builder
from tests.conftest import settings_for
from tests.figures import Figures
from tests.payments.conftest import Till
from workers.schedule import run_expiry

FULL = bool(os.environ.get("FULL_SIZE"))
ORDERS = 500 if FULL else 15
SEED = int(os.environ.get("SOAK_SEED", "1"))
ROUNDS = 200
HOUR = timedelta(hours=1)
CLERK = Actor("Demo office")
FAULTS = ("--repeat", "0.5", "--shuffle", "--cut-before", "0.05", "--cut-after", "0.10", "--seed", str(SEED))
HABITS = ("pay", "pay", "pay", "decline, then pay", "decline", "leave", "pay and cancel", "cancel and pay", "pay late")
ALL_OPEN = sa.update(Job).where(Job.done_at.is_(None), Job.dead_at.is_(None)).values(next_at=sa.func.now())

TIME_IS_UP = sa.update(Order).where(Order.status == "awaiting_payment").values(expires_at=sa.func.now())


@pytest.fixture(params=["30 % of messages lost", "no messages at all"])
def bad_day(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> Iterator[Till]:
    """A shop with a web server of its own, and a provider with every fault."""
    drop = "0.3" if "30" in request.param else "1"
    port = free_port()
    with scratch_folder() as folder:
        provider = StripeStandIn(
            folder / "stripe", to=f"http://127.0.0.1:{port}/webhooks/stripe", options=("--drop", drop, *FAULTS)
        ).start()
        update = {name.lower(): value for name, value in provider.environment.items()}
        app = create_app(settings_for(database_url, redis_url).model_copy(update=update))
        server = make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        engine = sa.create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
        with app.app_context(), Session(engine, expire_on_commit=False) as session:
            build = Builder(session)
            sku, counter = build.sku(code="EGG-30", price_fen=4_500), build.counter(code="WH-1")
            build.lot(sku, at=counter, quantity=ORDERS * 3)
            build.commit()
            yield Till(app, session, build, sku, counter, provider)
            db.session.remove()
            db.engine.dispose()
        engine.dispose()
        server.shutdown()
        thread.join(10)
        provider.stop()


def one_customer(till: Till, chance: random.Random) -> None:
    """Somebody orders and does what they do; whatever refuses them, they go away."""
    habit, order_id = chance.choice(HABITS), till.place(chance.randint(1, 3))
    with suppress(GatewayDown, GatewayRefused, DomainError, stripe.StripeError):
        intent = till.begin(order_id)
        if habit.startswith("decline"):
            till.pay(intent, "card:decline")
        if habit == "cancel and pay":
            cancel(till, order_id)
        if "pay" in habit and habit != "pay late":
            till.pay(intent)
        if habit == "pay and cancel":
            cancel(till, order_id)
        if habit == "pay late":
            expire(order_id)
            till.pay(intent)


def cancel(till: Till, order_id: int) -> None:
    """The customer changes their mind."""
    close_before_cancelling(db.session(), till.gateway, order_id)
    in_transaction(db.session(), lambda: cancel_order(db.session(), order_id, GUEST, utcnow()))


def expire(order_id: int) -> None:
    """The time to pay is over."""

    def over() -> None:
        order = lock_order(db.session(), order_id)
        order.expires_at = utcnow()

    in_transaction(db.session(), over)
    run_expiry(db.session())


def one_clerk(till: Till, chance: random.Random) -> None:
    """Somebody in the office gives something back, perhaps twice."""
    till.session.rollback()
    paid = till.session.scalars(sa.select(Payment.id).where(Payment.received_fen > 0)).all()
    if not paid:
        return
    payment_id = chance.choice(paid)

    def give() -> None:
        _order, payment = lock_payment(db.session(), payment_id)
        request_refund(db.session(), payment, Wish(chance.randint(1, 3_000), "goodwill"), CLERK, utcnow())

    for _ in range(2):
        with suppress(MoreThanReceived):
            in_transaction(db.session(), give)


def come_to_rest(till: Till) -> int:
    """Let the clock run until nothing is open any more; after how many rounds. Calls are still cut off."""
    for round_number in range(1, ROUNDS + 1):
        till.session.execute(ALL_OPEN)
        till.session.execute(TIME_IS_UP)
        till.session.commit()
        later = utcnow() + HOUR
        for work in (
            till.work,
            lambda: look_at_due(db.session(), till.gateway, later),  # noqa: B023
            lambda: run_expiry(db.session()),
            lambda: look_at_refunds(db.session(), till.gateway, later),  # noqa: B023
            lambda: fetch_events(db.session(), till.gateway),
        ):
            with suppress(GatewayDown):
                work()
            db.session.rollback()
        if not still_open(till.session):
            return round_number
    raise AssertionError(f"not at rest after {ROUNDS} rounds: {still_open(till.session)}")


def still_open(session: Session) -> dict[str, int]:
    """What is not at its end."""
    session.rollback()
    topics = ("payment.event", "refund.push")
    counts = {
        "orders": sa.select(sa.func.count()).where(Order.status == "awaiting_payment"),
        "payments": sa.select(sa.func.count()).where(Payment.state.in_([one.value for one in LIVE_PAYMENTS])),
        "refunds": sa.select(sa.func.count()).where(Refund.state.in_([one.value for one in ON_ITS_WAY])),
        "jobs": sa.select(sa.func.count()).where(Job.topic.in_(topics), Job.done_at.is_(None), Job.dead_at.is_(None)),
    }
    return {name: count for name, query in counts.items() if (count := session.scalar(query) or 0)}


def differences(till: Till, planted: str) -> list[str]:
    """Our books against the provider's, both ways."""
    till.session.rollback()
    theirs = {one["id"]: one for one in till.call("/v1/payment_intents?limit=100000")["data"] if one["id"] != planted}
    back = till.call("/v1/refunds?limit=100000")["data"]
    ours = {one.intent_ref: one for one in till.session.scalars(sa.select(Payment))}
    refunds = {one.refund_ref: one for one in till.session.scalars(sa.select(Refund)) if one.refund_ref}
    charged = dict(
        till.session.execute(
            sa.select(MoneyEntry.payment_id, sa.func.sum(MoneyEntry.amount_fen))
            .where(MoneyEntry.kind == "charge").group_by(MoneyEntry.payment_id)
        ).all()
    )  # fmt: skip
    given: Counter[str] = Counter()
    found = [f"unknown here: {ref}" for ref in theirs.keys() - ours.keys()]
    found += [f"unknown there: {ref}" for ref in ours.keys() - theirs.keys()]
    for one in back:
        given[one["payment_intent"]] += one["amount"]
        mine = refunds.pop(one["id"], None)
        if mine is None or mine.amount_fen != one["amount"]:
            found.append(f"refund differs: {one['id']}")
    found += [f"refund unknown there: {ref}" for ref in refunds]
    for ref, payment in ours.items():
        if ref not in theirs:
            continue
        if theirs[ref]["amount_received"] != (charged.get(payment.id) or 0):
            found.append(f"ledger differs: {ref}")
        if given[ref] > payment.received_fen:
            found.append(f"more back than came: {ref}")
        order = till.session.get_one(Order, payment.order_id)
        if order.status in {"cancelled", "expired"} and given[ref] != payment.received_fen:
            found.append(f"kept money of an ended order: {order.number}")
    return found


def test_after_a_bad_day_both_books_say_the_same(bad_day: Till, figures: Callable[[str], Figures]) -> None:
    chance = random.Random(SEED)
    planted = ""
    for number in range(ORDERS):
        one_customer(bad_day, chance)
        db.session.rollback()
        if number % 5 == 4:
            bad_day.work()
            one_clerk(bad_day, chance)
        if number == ORDERS // 2:
            with suppress(OSError):
                planted = bad_day.call("/v1/payment_intents", amount="777", currency="cny")["id"]
    rounds = come_to_rest(bad_day)
    wrong = differences(bad_day, planted)
    bad_day.session.rollback()
    statuses = dict(bad_day.session.execute(sa.select(Order.status, sa.func.count()).group_by(Order.status)).all())
    refunds = bad_day.session.scalar(sa.select(sa.func.count()).select_from(Refund))
    outcome = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    books = figures("MONEY")
    books.exactly(f"orders placed (seed {SEED}: {outcome}; {refunds} refunds)", sum(statuses.values()), ORDERS)
    books.at_most("rounds until nothing is open", rounds, ROUNDS)
    books.exactly("differences between the two books", len(wrong), 0)
    assert wrong == []
    assert faults(bad_day.session) == []
