"""The one way a payment moves: look at the provider, lock order and payment, write down what was seen.

Webhook, return page, poll, expiry, reconciliation and the office's button all end here.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.stock.availability import InsufficientStock, promise
from catalogue.stock.models import Channel
from orders.lifecycle import confirm_order, reinstate_order
from orders.models import Order, Reservation
from orders.payments.gateway import (
    GatewayDown,
    GatewayRefused,
    IntentSeen,
    IntentWish,
    NeverMade,
    NotAccepted,
    PaymentGateway,
)
from orders.payments.ledger import enter, find
from orders.payments.models import Payment
from orders.payments.refunds import CASHIER, KEY_LIVES, Wish, give_back_surplus, lock_payment, request_refund
from orders.payments.states import (
    LIVE_PAYMENTS,
    OF_INTENT,
    Arrival,
    PaymentState,
    Verdict,
    may_be_honoured,
    next_payment_state,
    seconds_to_next_look,
    verdict,
)
from orders.promises import lock_order
from orders.states import OrderStatus
from shop import audit
from shop.clock import utcnow
from shop.db import in_transaction
from shop.fail_points import reach

# While a wallet or bank is at work, an order waits this much longer for its money.
MORE_TIME = timedelta(minutes=15)
FIRST_LOOK = timedelta(seconds=30)


def open_payment(session: Session, order: Order, means: str | None, now: datetime) -> Payment:
    """Write down that the (new or locked) order is to be paid; a live payment it has is used again."""
    live = [state.value for state in LIVE_PAYMENTS]
    known = session.scalar(select(Payment).where(Payment.order_id == order.id, Payment.state.in_(live)))
    if known is not None:
        known.means = means or known.means
        return known
    payment = Payment(
        order_id=order.id, amount_fen=order.total_fen, means=means, next_look_at=now + FIRST_LOOK,
        idempotency_key=f"pay-{secrets.token_hex(16)}",
    )  # fmt: skip
    session.add(payment)
    session.flush()
    return payment


def live_payment(session: Session, order_id: int) -> int | None:
    """Id of the payment by which the order could be paid now."""
    live = [state.value for state in LIVE_PAYMENTS]
    return session.scalar(select(Payment.id).where(Payment.order_id == order_id, Payment.state.in_(live)))


def sync_payment(session: Session, gateway: PaymentGateway, payment_id: int) -> IntentSeen:
    """Make the payment known at the provider if it is not yet, and write down how it stands there.

    Safe to repeat. No transaction is open while the provider is asked. Raises GatewayDown, NotAccepted, NeverMade.
    """
    payment = session.get_one(Payment, payment_id, populate_existing=True)
    ref = payment.intent_ref
    session.commit()
    try:
        seen = gateway.read_intent(ref) if ref else announce(session, gateway, payment_id)
        reach("payment.answered")
    except NeverMade:
        in_transaction(session, lambda: give_up(session, payment_id))
        raise
    except GatewayDown as down:
        answered = down.answered
        in_transaction(session, lambda: look_later(session, payment_id, answered=answered))
        raise
    except GatewayRefused as refusal:
        code = refusal.code
        in_transaction(session, lambda: note_refusal(session, payment_id, code))
        raise NotAccepted(str(refusal)) from refusal
    in_transaction(session, lambda: apply_intent(session, payment_id, seen))
    return seen


def announce(session: Session, gateway: PaymentGateway, payment_id: int) -> IntentSeen:
    """Ask the provider for the payment with the key that was kept; after a try, look first whether it did it.

    Raises NeverMade when it did not and may have forgotten the key: the same key could make a second payment then.
    """
    payment = session.get_one(Payment, payment_id)
    order = session.get_one(Order, payment.order_id)
    wish = IntentWish(
        key=payment.idempotency_key, amount_fen=payment.amount_fen, order_id=order.id, order_number=order.number,
        payment_id=payment.id, email=order.contact.email if order.contact else "",
    )  # fmt: skip
    tried, since = payment.looks > 0, payment.created_at - timedelta(minutes=1)
    forgotten = utcnow() - payment.created_at > KEY_LIVES
    session.commit()
    if tried:
        mine = (str(payment_id), wish.order_number)
        told = gateway.intents_since(since)
        found = next((one for one in told if name_of(one) == mine), None)
        if found is not None:
            return found
        if forgotten:
            raise NeverMade(f"payment {payment_id}")
    return gateway.create_intent(wish)


def name_of(seen: IntentSeen) -> tuple[str, str]:
    """What we call a payment at the provider. Not its number alone: a restored database counts from an older one."""
    return seen.metadata.get("payment_id", ""), seen.metadata.get("order_no", "")


def payment_of(session: Session, seen: IntentSeen) -> int | None:
    """Our row for what was seen: known by the provider's id, or named in its metadata and not known there yet."""
    known = session.scalar(select(Payment.id).where(Payment.intent_ref == seen.ref))
    payment_id, order_number = name_of(seen)
    if known is not None or not payment_id.isdecimal():
        return known
    named = (Payment.id == int(payment_id)) & (Order.number == order_number) & Payment.intent_ref.is_(None)
    return session.scalar(select(Payment.id).join(Order, Order.id == Payment.order_id).where(named))


def look_later(session: Session, payment_id: int, *, answered: bool) -> None:
    """The provider could not be asked. A key under which it answered with a fault is kept with that fault there:
    after a look that found nothing, the next try needs a new one (docs.stripe.com/api/idempotent_requests)."""
    _order, payment = lock_payment(session, payment_id)
    if answered and payment.looks > 0 and payment.intent_ref is None:
        payment.idempotency_key = f"pay-{secrets.token_hex(16)}"
    payment.looks += 1
    payment.next_look_at = utcnow() + timedelta(seconds=seconds_to_next_look(payment.looks))


def note_refusal(session: Session, payment_id: int, code: str) -> None:
    """The provider will not take it: a person is told, and it is asked again later, in case that was mended."""
    order, payment = lock_payment(session, payment_id)
    find(session, "payment_refused", f"{payment_id}:{code}", order_id=order.id, ours={"fen": payment.amount_fen},
         theirs={"code": code})  # fmt: skip
    payment.last_error, payment.looks = code, payment.looks + 1
    payment.next_look_at = utcnow() + timedelta(seconds=seconds_to_next_look(payment.looks))


def give_up(session: Session, payment_id: int) -> None:
    """A payment the provider never took can be paid by nobody: it is over."""
    _order, payment = lock_payment(session, payment_id)
    if payment.intent_ref is None:
        payment.state = PaymentState.CANCELED.value


def apply_intent(session: Session, payment_id: int, seen: IntentSeen) -> None:
    """Write down what was seen of a payment; what its money means is decided once, when its charge is new."""
    order, payment = lock_payment(session, payment_id)
    before = PaymentState(payment.state)
    kind = OF_INTENT.get(seen.status)
    if kind is None:
        find(session, "unknown_state", f"{seen.ref}:{seen.status}", order_id=order.id, theirs={"status": seen.status})
        return
    payment.intent_ref, payment.livemode, payment.last_error = seen.ref, seen.livemode, seen.error_code
    payment.means = seen.means or payment.means
    after = next_payment_state(before, kind)
    payment.state = after.value
    payment.looks += 1
    payment.next_look_at = utcnow() + timedelta(seconds=seconds_to_next_look(payment.looks))
    if after != before:
        audit.record(session, CASHIER, "payment.moved", "order", order.id,
                     before={"state": before.value}, after={"state": after.value})  # fmt: skip
    if after == PaymentState.PROCESSING and before != after and order.status == OrderStatus.AWAITING_PAYMENT:
        order.expires_at = max(order.expires_at or utcnow(), utcnow() + MORE_TIME)
    if after == PaymentState.SUCCEEDED and seen.charge_ref:
        payment.received_fen = seen.received_fen
        if enter(session, "charge", seen.charge_ref, seen.received_fen, payment, CASHIER.name):
            settle(session, order, payment, seen)
    session.flush()


def settle(session: Session, order: Order, payment: Payment, seen: IntentSeen) -> None:
    """Money arrived: it pays the order, or goes back."""
    now = utcnow()
    arrival = Arrival(payment.amount_fen, seen.received_fen, seen.currency, seen.charged_at or seen.created_at)
    paid_before = session.scalar(
        select(Payment.id).where(Payment.order_id == order.id, Payment.id != payment.id, Payment.received_fen > 0)
        .limit(1)
    ) is not None  # fmt: skip
    meaning = verdict(arrival, OrderStatus(order.status), paid_before=paid_before)
    honoured = meaning == Verdict.LATE and may_be_honoured(arrival, OrderStatus(order.status), order.closed_at)
    if honoured and take_stock_again(session, order):
        reinstate_order(session, order, CASHIER)
        meaning = Verdict.PAYS
    if meaning == Verdict.PAYS:
        if order.status == OrderStatus.AWAITING_PAYMENT:
            confirm_order(session, order, CASHIER, now)
        # Goods may have run short while the customer was paying the old sum.
        give_back_surplus(session, order, order.total_fen, "short", CASHIER, now)
        return
    request_refund(session, payment, Wish(payment.received_fen, meaning.value), CASHIER, now)
    if meaning != Verdict.LATE:
        find(session, meaning.value, seen.ref, order_id=order.id, ours={"fen": payment.amount_fen},
             theirs={"fen": seen.received_fen, "currency": seen.currency})  # fmt: skip


def take_stock_again(session: Session, order: Order) -> bool:
    """Promise again what an expired order had; False, and nothing changed, when it is not there any more."""
    promises = session.scalars(
        select(Reservation).where(Reservation.order_id == order.id).order_by(Reservation.sku_id).with_for_update()
    ).all()
    short = {line.id: line.cancelled for line in order.lines}
    packs = {one.order_line_id: one.quantity - short[one.order_line_id] for one in promises}
    wanted = {one.sku_id: packs[one.order_line_id] for one in promises if packs[one.order_line_id]}
    try:
        with session.begin_nested():
            promise(session, wanted, Channel.COUNTERS)
    except InsufficientStock:
        return False
    for one in promises:
        one.held, one.released = packs[one.order_line_id], one.quantity - packs[one.order_line_id]
    return True


def close_payment(session: Session, gateway: PaymentGateway, payment_id: int, *, abandoned: bool) -> None:
    """Make sure at the provider that nobody can pay any more; when it is too late, write down what happened."""
    payment = session.get_one(Payment, payment_id, populate_existing=True)
    known, state = payment.intent_ref, PaymentState(payment.state)
    session.commit()
    if state not in LIVE_PAYMENTS:
        return
    try:
        ref = known or sync_payment(session, gateway, payment_id).ref
    except NotAccepted:
        in_transaction(session, lambda: give_up(session, payment_id))
        return
    try:
        seen = gateway.cancel_intent(ref, abandoned=abandoned)
    except GatewayRefused:
        seen = gateway.read_intent(ref)
    in_transaction(session, lambda: apply_intent(session, payment_id, seen))


def expire_unpaid(session: Session, gateway: PaymentGateway, now: datetime, limit: int = 50) -> int:
    """Close the payments of orders whose time to pay is over; how many. The orders then end by themselves."""
    statement = (
        select(Payment.id)
        .join(Order, Order.id == Payment.order_id)
        .where(
            Payment.state.in_([state.value for state in LIVE_PAYMENTS]),
            ((Order.status == OrderStatus.AWAITING_PAYMENT.value) & (Order.expires_at <= now))
            | Order.status.in_([OrderStatus.CANCELLED.value, OrderStatus.EXPIRED.value]),
        )
        .order_by(Payment.id)
        .limit(limit)
    )
    due = session.scalars(statement).all()
    session.commit()
    for payment_id in due:
        close_payment(session, gateway, payment_id, abandoned=True)
    return len(due)


def look_at_due(session: Session, gateway: PaymentGateway, now: datetime, limit: int = 100) -> int:
    """Look at every live payment nobody has reported of for a while; how many."""
    statement = (
        select(Payment.id)
        .where(Payment.state.in_([state.value for state in LIVE_PAYMENTS]), Payment.next_look_at <= now)
        .order_by(Payment.next_look_at)
        .limit(limit)
    )
    due = session.scalars(statement).all()
    session.commit()
    for payment_id in due:
        with suppress(NotAccepted):  # written down already; the others go on
            sync_payment(session, gateway, payment_id)
    return len(due)


def close_before_cancelling(session: Session, gateway: PaymentGateway | None, order_id: int) -> None:
    """An order that somebody wants to cancel must not be payable any more. Raises GatewayDown."""
    payment_id = live_payment(session, order_id)
    session.rollback()
    if payment_id is not None and gateway is not None:
        close_payment(session, gateway, payment_id, abandoned=False)


def lock_for_paying(session: Session, order_id: int, means: str | None, now: datetime) -> Payment | None:
    """The payment of an order that still waits for its money, a new one if none is live; else None."""
    order = lock_order(session, order_id)
    waits = order.status == OrderStatus.AWAITING_PAYMENT and (order.expires_at is None or order.expires_at > now)
    return open_payment(session, order, means, now) if waits else None
