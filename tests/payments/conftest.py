"""A shop whose payment provider is the stand-in, spoken to over HTTP by Stripe's own library."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from orders.checkout import Contact, DraftLine, OrderDraft, Pickup, place_order
from orders.models import Order
from orders.payments.cashier import play
from orders.payments.gateway import PaymentGateway
from orders.payments.models import Finding, MoneyEntry, Payment, Refund
from orders.payments.paying import begin
from orders.payments.providers import payment_gateway
from orders.payments.stripe_gateway import StripeGateway
from shop.app import create_app
from shop.clock import utcnow
from shop.db import db
from shop.outbox import Job
from shop.sandbox.services import scratch_folder
from shop.sandbox.stripe.messenger import sign
from shop.sandbox.stripe.part import StripeStandIn
from tests.builders import GUEST, Builder
from tests.conftest import settings_for
from tests.payments.contract import CheckedClient
from workers import tasks  # noqa: F401  the topics
from workers.jobs import run_job

RETURN = "http://127.0.0.1:1/orders/YL-0/pay/return"


@pytest.fixture(scope="session")
def provider() -> Iterator[StripeStandIn]:
    """One account for all tests: each works on payments of its own."""
    with scratch_folder() as folder:
        server = StripeStandIn(folder / "stripe").start()
        yield server
        server.stop()


@pytest.fixture
def app(database_url: str, redis_url: str, provider: StripeStandIn) -> Iterator[Flask]:
    """The shop, taking money online."""
    stripe = {name.lower(): value for name, value in provider.environment.items()}
    settings = settings_for(database_url, redis_url).model_copy(update=stripe)
    application = create_app(settings)
    application.extensions["payment_gateway"] = StripeGateway(settings, CheckedClient(timeout=10))
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()


@dataclass
class Till:
    """What a test does at the till: orders, customers who pay, messages that come or not."""

    app: Flask
    session: Session
    build: Builder
    sku: Sku
    counter: Counter
    provider: StripeStandIn

    @property
    def gateway(self) -> PaymentGateway:
        found = payment_gateway(self.app)
        assert found is not None
        return found

    def place(self, packs: int = 2) -> int:
        """An order of eggs that waits for its money; its id."""
        draft = OrderDraft(
            lines=(DraftLine(self.sku.id, packs),), contact=Contact("Demo guest", "13800000000", "demo@example.org"),
            fulfilment=Pickup(self.counter.id), payment_method="stripe", means="card",
        )  # fmt: skip
        key = f"form:{self.build.number()}-{time.monotonic_ns()}"
        order = place_order(self.session, draft, placement_key=key, actor=GUEST, now=utcnow())
        self.session.commit()
        return order.id

    def begin(self, order_id: int) -> str:
        """The payment's id at the provider."""
        seen = begin(db.session(), self.gateway, order_id, None, utcnow())
        assert seen is not None
        return seen.ref

    def pay(self, intent: str, outcome: str = "card:pay") -> str:
        """The customer's side."""
        return play(self.app.extensions["settings"], intent, outcome, RETURN)

    def paid(self, packs: int = 2) -> tuple[int, str]:
        """An order that was paid and of which the shop knows it."""
        order_id = self.place(packs)
        intent = self.begin(order_id)
        self.pay(intent)
        self.hear_all(intent)
        return order_id, intent

    def call(self, path: str, **form: str) -> dict[str, Any]:
        """The provider's own levers and lists."""
        data = urllib.parse.urlencode(form).encode() if form or path.startswith("/test/") else None
        request = urllib.request.Request(
            f"{self.provider.url}{path}", data=data, headers={"Authorization": "Bearer sk_test_tests"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return dict(json.loads(answer.read()))

    def intents_of(self, order_id: int) -> list[dict[str, Any]]:
        """The provider's payments for an order of this test."""
        number = self.order(order_id).number
        found = self.call("/v1/payment_intents?limit=100000")["data"]
        return [one for one in found if one["metadata"].get("order_no") == number]

    def events(self, *refs: str) -> list[dict[str, Any]]:
        """The provider's events about these things, oldest first."""
        found = self.call("/v1/events?limit=1000")["data"][::-1]
        return [one for one in found if one["data"]["object"]["id"] in refs]

    def hear(self, event: dict[str, Any], *, secret: str = "whsec_sandbox", at: int | None = None) -> int:
        """Deliver an event, signed; the shop's answer."""
        body = json.dumps(event).encode()
        signature = sign(body, secret, int(time.time()) if at is None else at)
        answer = self.app.test_client().post("/webhooks/stripe", data=body, headers={"Stripe-Signature": signature})
        return answer.status_code

    def hear_all(self, *refs: str) -> None:
        """Deliver every event about these things and work on it."""
        for event in self.events(*refs):
            assert self.hear(event) == 200
        self.work()

    def work(self) -> None:
        """Do the provider's jobs that are open now."""
        topics = ("payment.event", "refund.push", "invoice.push")
        while True:
            self.session.rollback()
            due = sa.select(Job.id).where(Job.topic.in_(topics), Job.done_at.is_(None), Job.dead_at.is_(None),
                                          Job.next_at <= sa.func.now()).order_by(Job.id)  # fmt: skip
            jobs = self.session.scalars(due).all()
            if not jobs:
                return
            for job_id in jobs:
                self.session.execute(sa.update(Job).where(Job.id == job_id).values(lease_token=None))
                self.session.commit()
                run_job(db.session(), job_id)

    def order(self, order_id: int) -> Order:
        """As it is now."""
        self.session.rollback()
        return self.session.get_one(Order, order_id, populate_existing=True)

    def payment(self, order_id: int) -> Payment:
        """The newest."""
        self.session.rollback()
        newest = sa.select(Payment).where(Payment.order_id == order_id).order_by(Payment.id.desc()).limit(1)
        return self.session.execute(newest.execution_options(populate_existing=True)).scalar_one()

    def refunds(self, order_id: int) -> list[Refund]:
        """All of the order."""
        self.session.rollback()
        statement = sa.select(Refund).join(Payment).where(Payment.order_id == order_id).order_by(Refund.id)
        return list(self.session.scalars(statement.execution_options(populate_existing=True)))

    def ledger(self, order_id: int) -> list[tuple[str, int]]:
        """Kind and fen of every movement."""
        self.session.rollback()
        statement = sa.select(MoneyEntry.kind, MoneyEntry.amount_fen).where(MoneyEntry.order_id == order_id)
        return [(kind, fen) for kind, fen in self.session.execute(statement.order_by(MoneyEntry.at))]

    def findings(self, kind: str) -> list[Finding]:
        """Of that kind."""
        self.session.rollback()
        return list(self.session.scalars(sa.select(Finding).where(Finding.kind == kind)))

    def jobs(self, topic: str, key: str) -> int:
        """How many jobs of the topic have a key that begins so."""
        self.session.rollback()
        wanted = (Job.topic == topic) & Job.dedupe_key.startswith(key)
        return self.session.scalar(sa.select(sa.func.count()).select_from(Job).where(wanted)) or 0


@pytest.fixture
def till(app: Flask, session: Session, build: Builder, provider: StripeStandIn) -> Till:
    """A counter with 100 packs of eggs at ¥45.00."""
    sku, counter = build.sku(code="EGG-30", price_fen=4_500), build.counter(code="WH-1")
    build.lot(sku, at=counter, quantity=100)
    build.commit()
    return Till(app, session, build, sku, counter, provider)
