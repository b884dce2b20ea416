"""The payment provider is away, slow or says that it is too late: orders stand, nothing is asked twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orders.check import faults
from orders.lifecycle import expire_overdue
from orders.payments.gateway import GatewayDown, NotAccepted
from orders.payments.models import Payment
from orders.payments.refunds import TooLateForWallet, Wish, lock_payment, request_refund
from orders.payments.stripe_gateway import StripeGateway
from orders.payments.sync import expire_unpaid, look_at_due
from shop.clock import utcnow
from shop.db import db
from shop.sandbox.services import scratch_folder
from shop.sandbox.stripe.part import StripeStandIn
from tests.builders import GUEST
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
