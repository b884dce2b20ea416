"""The payment provider is away, slow or says that it is too late: orders stand, nothing is asked twice."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalogue.stock.models import Availability
from orders.access import access_key
from orders.check import faults
from orders.lifecycle import expire_overdue
from orders.models import Order, Reservation
from orders.payments.gateway import GatewayDown, NotAccepted
from orders.payments.models import Payment
from orders.payments.refunds import TooLateForWallet, Wish, lock_payment, request_refund
from orders.payments.stripe_gateway import StripeGateway
from orders.payments.sync import expire_unpaid, look_at_due
from shop.clock import utcnow
from shop.db import db
from shop.sandbox.processes import answers
from shop.sandbox.services import scratch_folder
from shop.sandbox.stripe.part import StripeStandIn
from tests.builders import GUEST
from tests.faults.harness import processes, wait_until
from tests.figures import Figures, size
from tests.payments.conftest import RETURN, Till
from workers.schedule import run_expiry

HALF_AN_HOUR = timedelta(minutes=31)


@pytest.fixture
def own_provider(till: Till) -> Iterator[Till]:
    """A till whose provider may be stopped."""
    with scratch_folder() as folder:
        provider = StripeStandIn(folder / "stripe").start()
        update = {name.lower(): value for name, value in provider.environment.items()}
        settings = till.app.extensions["settings"].model_copy(update=update)
        till.app.extensions |= {"settings": settings, "payment_gateway": StripeGateway(settings)}
        till.provider = provider
        yield till
        provider.stop()


def test_case_4_s10_while_the_provider_is_away_orders_stand_and_end_when_it_is_back(own_provider: Till) -> None:
    till, client = own_provider, own_provider.app.test_client()
    early = till.place()
    intent = till.begin(early)
    till.provider.stop()
    order_id = till.place()
    number = till.order(order_id).number
    with client.session_transaction() as cookie:
        cookie["orders"] = [number]
    answer = client.get(f"/orders/{number}/pay")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert client.get("/products").status_code == 200
    with pytest.raises(GatewayDown):
        expire_unpaid(db.session(), till.gateway, utcnow() + HALF_AN_HOUR)
    db.session.rollback()
    # Somebody may have paid it just before: its stock is kept until the provider says that nobody did.
    assert expire_overdue(till.session, utcnow() + HALF_AN_HOUR) == 0
    till.provider.start()
    assert expire_unpaid(db.session(), till.gateway, utcnow() + HALF_AN_HOUR) == 2
    assert expire_overdue(till.session, utcnow() + HALF_AN_HOUR) == 2
    assert till.gateway.read_intent(intent).status == "canceled"
    assert faults(till.session) == []


@dataclass(frozen=True)
class Answer:
    """What somebody was told, and after how many seconds."""

    status: int
    seconds: float
    come_again: str | None = None


def ask(address: str, wish: dict[str, Any] | None = None) -> Answer:
    """Ask the shop for a page, or send it JSON."""
    body = None if wish is None else json.dumps(wish).encode()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    request, begun = urllib.request.Request(address, body, {"Content-Type": "application/json"}), time.monotonic()
    try:
        with opener.open(request, timeout=60) as answer:
            answer.read()
            return Answer(answer.status, time.monotonic() - begun)
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, time.monotonic() - begun, refusal.headers["Retry-After"])


@contextmanager
def hanging(provider: StripeStandIn) -> Iterator[None]:
    """It takes every call and answers none; afterwards it answers those as well, though nobody hears it."""
    assert provider.process is not None
    os.kill(provider.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(provider.process.pid, signal.SIGCONT)


def test_s10_while_the_provider_hangs_goods_are_sold_and_payers_told_to_come_again(
    own_provider: Till, database_url: str, redis_url: str, figures: Callable[[str], Figures]
) -> None:
    till, payers, others = own_provider, size(6, 60), size(3, 30)
    waiting = [till.place(1) for _ in range(payers)]
    numbers = [till.order(one).number for one in waiting]
    at_counter = {
        "lines": [{"sku": "EGG-30", "quantity": 1}], "contact": {"name": "Demo guest", "phone": "13800000000"},
        "fulfilment": {"method": "pickup", "counter": "WH-1"}, "payment": {"method": "at_counter"},
    }  # fmt: skip
    online = at_counter | {"payment": {"method": "stripe"}}
    with processes(database_url, redis_url, extra=till.provider.environment) as children:
        _server, address = children.web()
        wait_until(lambda: answers(int(address.rsplit(":", 1)[1])) and ask(f"{address}/products").status == 200, 60)
        with hanging(till.provider), ThreadPoolExecutor(payers + 1) as crowd:
            pages = [f"{address}/orders/{number}/pay?key={access_key(number)}" for number in numbers]
            paying = [crowd.submit(ask, page) for page in pages]
            ordering = crowd.submit(ask, f"{address}/api/v1/orders", online)
            sold, looked = [], []
            while wait((*paying, ordering), timeout=0.1).not_done:
                looked.append(ask(f"{address}/products"))
                if len(sold) < others:
                    sold.append(ask(f"{address}/api/v1/orders", at_counter))
            told = [one.result() for one in paying]
    s10 = figures("S10")
    again = [one for one in told if (one.status, one.come_again) == (503, "30")]
    s10.exactly(f"of {payers} customers who want to pay, those told to try again", len(again), payers)
    s10.takes_at_most("longest until one of them was told", max(one.seconds for one in told), 12)
    s10.exactly("answer to an order to be paid online", ordering.result().status, 201)
    s10.takes_at_most("until that answer", ordering.result().seconds, 12)
    s10.exactly(f"of {len(looked)} pages meanwhile, those that failed", sum(one.status != 200 for one in looked), 0)
    taken = sum(one.status == 201 for one in sold)
    s10.exactly(f"of {others} orders paid at the counter meanwhile, those taken", taken, others)
    s10.takes_at_most("slowest of these pages and orders", max(one.seconds for one in (*looked, *sold)), 4)
    after = utcnow() + HALF_AN_HOUR
    while expire_unpaid(db.session(), till.gateway, after):
        pass
    while expire_overdue(till.session, after):
        pass
    till.session.rollback()
    held = sa.select(sa.func.sum(Reservation.held)).join(Order).where(Order.payment_method == "stripe")
    s10.exactly("packs still held for orders that ended", till.session.scalar(held) or 0, 0)
    free = till.session.scalar(sa.select(Availability.available).where(Availability.channel == "counters"))
    s10.exactly("packs of 100 that may be sold again", free or 0, 100 - others)
    alive = [one for one in till.call("/v1/payment_intents?limit=1000")["data"] if one["status"] != "canceled"]
    s10.exactly("payments that could still be made", len(alive), 0)
    assert faults(till.session) == []


def test_a_sum_the_provider_does_not_take_is_told_and_blocks_nothing(till: Till) -> None:
    till.session.execute(sa.text("UPDATE sku SET price_fen = 300"))
    small, other = till.place(1), till.place(2)
    with pytest.raises(NotAccepted):
        till.begin(small)
    assert [one.order_id for one in till.findings("payment_refused")] == [small]
    assert look_at_due(db.session(), till.gateway, utcnow() + timedelta(hours=1)) == 2
    assert till.payment(other).state == "open"
    assert expire_unpaid(db.session(), till.gateway, utcnow() + HALF_AN_HOUR) == 2
    assert expire_overdue(till.session, utcnow() + HALF_AN_HOUR) == 2


def test_a_wrong_key_ends_no_order(till: Till) -> None:
    order_id = till.place()
    wrong = StripeGateway(till.app.extensions["settings"].model_copy(update={"stripe_secret_key": "sk_live_wrong"}))
    with pytest.raises(GatewayDown):
        expire_unpaid(db.session(), wrong, utcnow() + HALF_AN_HOUR)
    db.session.rollback()
    assert till.payment(order_id).state == "creating"


def test_case_6_who_leaves_the_banks_page_has_not_paid_and_the_order_ends(till: Till) -> None:
    order_id = till.place()
    intent = till.begin(order_id)
    assert "/test/authorize/" in till.pay(intent, "card:verify")
    look_at_due(db.session(), till.gateway, utcnow() + timedelta(minutes=1))
    assert till.payment(order_id).state == "open"
    till.session.execute(sa.text('UPDATE "order" SET expires_at = now()'))
    till.session.commit()
    run_expiry(db.session())
    assert till.order(order_id).status == "expired"
    assert till.gateway.read_intent(intent).status == "canceled"


@pytest.mark.parametrize(("means", "days"), [("alipay", 91), ("wechat_pay", 181)])
def test_case_20_a_wallet_takes_nothing_back_after_its_time(till: Till, means: str, days: int) -> None:
    order_id, _intent = till.paid()
    payment_id = till.payment(order_id).id
    old = {"means": means, "created_at": utcnow() - timedelta(days=days)}
    till.session.execute(sa.update(Payment).where(Payment.id == payment_id).values(**old))
    till.session.commit()
    _order, payment = lock_payment(till.session, payment_id)
    with pytest.raises(TooLateForWallet):
        request_refund(till.session, payment, Wish(100, "goodwill"), GUEST, utcnow())


@pytest.mark.parametrize("means", ["alipay", "wechat_pay"])
def test_a_wallet_is_begun_without_any_script_of_the_provider(till: Till, means: str) -> None:
    order_id = till.place()
    started = till.gateway.start_wallet(till.begin(order_id), means, RETURN)
    assert started.status == "requires_action"
    assert "/test/authorize/" in (started.redirect_url if means == "alipay" else started.qr_text)
