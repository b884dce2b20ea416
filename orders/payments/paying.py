"""What happens at the customer's side of paying: asking the provider at a good moment, and beginning with a wallet."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.models import Order
from orders.payments.events import look_again
from orders.payments.gateway import GatewayDown, GatewayRefused, IntentSeen, NeverMade, PaymentGateway
from orders.payments.methods import MEANS
from orders.payments.models import Payment
from orders.payments.sync import apply_intent, live_payment, lock_for_paying, sync_payment
from shop.db import in_transaction
from shop.errors import Invalid

log = logging.getLogger("orders.payments")


def begin(
    session: Session, gateway: PaymentGateway, order_id: int, means: str | None, now: datetime
) -> IntentSeen | None:
    """The payment of an order that waits for its money, known at the provider; None when nothing is to be paid.

    Raises GatewayDown.
    """

    def payment() -> int | None:
        found = lock_for_paying(session, order_id, means, now)
        return found.id if found is not None else None

    for last in (False, True):
        payment_id = in_transaction(session, payment)
        try:
            return sync_payment(session, gateway, payment_id) if payment_id is not None else None
        except NeverMade:  # its row is over: a new payment takes its place
            if last:
                raise
    raise AssertionError("unreachable")


def begin_if_possible(
    session: Session, gateway: PaymentGateway | None, order_id: int, now: datetime
) -> IntentSeen | None:
    """The same right after an order was placed: the order stands in any case, and is asked for again later."""
    if gateway is None:
        return None
    try:
        return begin(session, gateway, order_id, None, now)
    except (GatewayDown, GatewayRefused) as reason:
        log.warning("payment not begun: %s", reason)
        session.rollback()
        return None


def begin_wallet(
    session: Session, gateway: PaymentGateway, order_id: int, means: str, return_url: str, now: datetime
) -> IntentSeen | None:
    """Begin paying with Alipay or WeChat Pay: an address to go to or a code to scan. Raises Invalid, GatewayDown …"""
    if means not in MEANS or means == "card":
        raise Invalid(errors=[{"field": "means"}])
    seen = begin(session, gateway, order_id, means, now)
    if seen is None or seen.status not in {"requires_payment_method", "requires_action", "requires_confirmation"}:
        return seen
    payment_id = live_payment(session, order_id)
    session.rollback()
    started = gateway.start_wallet(seen.ref, means, return_url)
    if payment_id is not None:
        in_transaction(session, lambda: apply_intent(session, payment_id, started))
    return started


def look_now(session: Session, gateway: PaymentGateway | None, order: Order) -> None:
    """Somebody looks at an order's money: ask the provider, but stay calm when it is away."""
    if gateway is None or order.payment_method != "stripe":
        return
    payment_id = live_payment(session, order.id)
    if payment_id is None:
        return
    try:
        sync_payment(session, gateway, payment_id)
    except (GatewayDown, GatewayRefused) as reason:
        log.warning("payment not read: %s", reason)
        session.rollback()


def look_at_all(session: Session, gateway: PaymentGateway, order_id: int) -> None:
    """The office's button: every payment of the order and its refunds. Raises GatewayDown."""
    ids = session.scalars(select(Payment.id).where(Payment.order_id == order_id).order_by(Payment.id)).all()
    session.rollback()
    for payment_id in ids:
        look_again(session, gateway, payment_id)
