"""The five faults a payment system is most often built with, planted on request: what the soak must be able to see.

Each is what a hurried programmer might write. DEFECT names those that a worker process plants in itself.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from orders import lifecycle
from orders.models import Order
from orders.office import giving_back
from orders.payments import refunds, stripe_gateway, sync
from orders.payments.gateway import GatewayDown, IntentSeen, IntentWish, PaymentGateway, RefundSeen
from orders.payments.models import Payment, Refund
from orders.payments.providers import payment_gateway
from orders.payments.refunds import Wish
from orders.payments.stripe_gateway import StripeGateway
from workers import schedule

ENVIRONMENT = "DEFECT"
A_MOMENT = 0.3
Put = Callable[[Any, str, Any], None]


def new_key_at_each_try(put: Put) -> None:
    """The key is made when the provider is called, not when the payment is written down; nobody looks first."""
    create = StripeGateway.create_intent

    def with_a_new_key(self: StripeGateway, wish: IntentWish) -> IntentSeen:
        return create(self, replace(wish, key=secrets.token_hex(16)))

    def never_look(session: Session, gateway: PaymentGateway, payment_id: int) -> IntentSeen:
        payment = session.get_one(Payment, payment_id)
        order = session.get_one(Order, payment.order_id)
        wish = IntentWish("", payment.amount_fen, order.id, order.number, payment.id, "")
        session.commit()
        return gateway.create_intent(wish)

    put(stripe_gateway, "RETRIES", 0)
    put(StripeGateway, "create_intent", with_a_new_key)
    put(sync, "announce", never_look)


def new_refund_key_at_each_try(put: Put) -> None:
    """The same with refunds, which are tried again at once."""
    create = StripeGateway.create_refund

    def with_a_new_key(self: StripeGateway, key: str, *rest: Any, **more: Any) -> RefundSeen:
        try:
            return create(self, key + secrets.token_hex(4), *rest, **more)
        except GatewayDown:
            return create(self, key + secrets.token_hex(4), *rest, **more)

    put(stripe_gateway, "RETRIES", 0)
    put(StripeGateway, "create_refund", with_a_new_key)
    put(refunds, "made_before", lambda *_: None)


def stock_released_before_the_cancel(put: Put) -> None:
    """An order ends when its time is over, whoever may be paying it; the provider is told afterwards."""

    def end_first(session: Session, now: datetime) -> int:
        ended = lifecycle.expire_overdue(session, now)
        gateway = payment_gateway()
        assert gateway is not None
        sync.expire_unpaid(session, gateway, now)
        return ended

    put(lifecycle, "refuse_while_payable", lambda *_: None)
    put(schedule, "expire_unpaid", lambda *_: 0)
    put(schedule, "expire_overdue", end_first)


def no_lock_on_refunds(put: Put) -> None:
    """What is left to give back is read, decided and written without a lock; a rival has a moment in between."""
    look = refunds.standing_refunds

    def only_look(session: Session, payment_id: int) -> tuple[Order, Payment]:
        payment = session.get_one(Payment, payment_id, populate_existing=True)
        return session.get_one(Order, payment.order_id), payment

    def look_for_a_moment(session: Session, payment_id: int, **more: Any) -> int:
        found = look(session, payment_id, **more)
        time.sleep(A_MOMENT)
        return found

    put(refunds, "standing_refunds", look_for_a_moment)
    put(refunds, "lock_payment", only_look)
    put(giving_back, "lock_payment", only_look)


def no_late_rule(put: Put) -> None:
    """Money for an order that has ended is written down, and that is that."""
    give_back = sync.request_refund

    def not_when_late(session: Session, payment: Payment, wish: Wish, *rest: Any) -> Refund | None:
        return None if wish.why == "late" else give_back(session, payment, wish, *rest)

    put(sync, "request_refund", not_when_late)
    put(sync, "may_be_honoured", lambda *_: False)


DEFECTS: dict[str, Callable[[Put], None]] = {
    plant.__name__: plant
    for plant in (
        new_key_at_each_try, new_refund_key_at_each_try, stock_released_before_the_cancel, no_lock_on_refunds,
        no_late_rule,
    )
}  # fmt: skip


def plant(names: str, put: Put) -> None:
    """Plant the named ones (with commas between them)."""
    for name in filter(None, names.split(",")):
        DEFECTS[name](put)
