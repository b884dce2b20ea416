"""Money back: decided under the payment's lock, told to the provider with a key that is kept, followed to its end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.models import Order
from orders.payments.gateway import GatewayDown, GatewayRefused, MissingAtProvider, PaymentGateway, RefundSeen
from orders.payments.ledger import enter, find, standing_refunds
from orders.payments.models import AUTOMATIC, Dispute, Payment, Refund, RefundLine
from orders.payments.states import (
    OF_REFUND,
    ON_ITS_WAY,
    RefundState,
    next_refund_state,
    seconds_to_next_look,
    surplus,
)
from orders.promises import lock_order
from shop import audit
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import in_transaction
from shop.errors import DomainError, Invalid, WrongState
from shop.fail_points import reach
from shop.outbox import emit

CASHIER = Actor("cashier")
# A clerk alone may give back this much at once; more needs a second person.
ALONE_FEN = 50_000
# How long the wallets take a refund: https://docs.stripe.com/payments/alipay and /wechat-pay
REFUNDABLE = {"alipay": timedelta(days=90), "wechat_pay": timedelta(days=180)}
# The bank's patience is longer than a wallet's; after this a person looks.
PENDING_FOR = {"card": timedelta(days=7), "alipay": timedelta(hours=1), "wechat_pay": timedelta(hours=1)}
# The provider forgets a key after a day at the earliest: docs.stripe.com/api/idempotent_requests
KEY_LIVES = timedelta(hours=23)


class MoreThanReceived(DomainError):
    """More would go back than came in."""

    code: ClassVar[str] = "more_than_received"
    title = _l("No more can be given back than was received")


class TooLateForWallet(DomainError):
    """The wallet takes no refund of so old a payment."""

    code: ClassVar[str] = "too_late_for_wallet"
    title = _l("The wallet takes back payments for 90 or 180 days only. Please pay by bank transfer and note it here.")


class Disputed(DomainError):
    """The customer's bank is asking for the money already."""

    code: ClassVar[str] = "charge_disputed"
    title = _l("The customer's bank disputes this payment. Nothing can be given back until that is decided.")


@dataclass(frozen=True)
class LineBack:
    """What goes back for one line: fen, for so many packs or so many grams that were short."""

    amount_fen: int
    packs: int | None = None
    grams: int | None = None


@dataclass(frozen=True)
class Wish:
    """A refund to make: fen, why (orders.payments.models.REASONS), and what of it is for which line (by id).

    `form` names the form somebody typed it in: however often that is sent, it asks for one refund.
    """

    amount_fen: int
    why: str
    note: str = ""
    lines: Mapping[int, LineBack] | None = None
    form: str = ""


def lock_payment(session: Session, payment_id: int) -> tuple[Order, Payment]:
    """The order's row, then the payment's: the shop's one order of locks; both read anew."""
    order_id = session.execute(select(Payment.order_id).where(Payment.id == payment_id)).scalar_one()
    order = lock_order(session, order_id)
    return order, session.get_one(Payment, payment_id, populate_existing=True, with_for_update=True)


def request_refund(session: Session, payment: Payment, wish: Wish, actor: Actor, now: datetime) -> Refund:
    """Decide a refund of a locked payment; a form that was sent before gives the same refund again.

    Raises Invalid, MoreThanReceived, TooLateForWallet, Disputed.
    """
    if (decided := decided_before(session, payment, wish.form)) is not None:
        return decided
    if wish.amount_fen <= 0:
        raise Invalid(_l("Please enter an amount"), errors=[{"field": "amount"}])
    left = payment.received_fen - standing_refunds(session, payment.id)
    if wish.amount_fen > left:
        raise MoreThanReceived(errors=[{"field": "amount", "left_fen": left}])
    if session.scalar(select(Dispute.id).where(Dispute.payment_id == payment.id, Dispute.closed_at.is_(None)).limit(1)):
        raise Disputed()
    if now - payment.created_at > REFUNDABLE.get(payment.means or "", timedelta.max):
        raise TooLateForWallet()
    # The shop's own clerks act by rule; people above a sum need a second one.
    needs_second = actor.user_id is not None and wish.why != "cancelled" and wish.amount_fen > ALONE_FEN
    state = RefundState.PROPOSED if needs_second else RefundState.REQUESTED
    refund = Refund(
        payment_id=payment.id, amount_fen=wish.amount_fen, why=wish.why, state=state.value, note=wish.note,
        idempotency_key=key_of(payment, wish.form or secrets.token_hex(16)), next_look_at=now,
        requested_by=actor.name, requested_by_id=actor.user_id,
        lines=[
            RefundLine(order_line_id=line_id, amount_fen=one.amount_fen, packs=one.packs, grams=one.grams)
            for line_id, one in (wish.lines or {}).items()
        ],
    )  # fmt: skip
    session.add(refund)
    session.flush()
    audit.record(session, actor, "refund.decided", "order", payment.order_id,
                 after={"amount_fen": wish.amount_fen, "why": wish.why, "state": state.value})  # fmt: skip
    if state == RefundState.REQUESTED:
        start_refund(session, refund, payment)
    return refund


def key_of(payment: Payment, form: str) -> str:
    """The key under which a refund is asked for at the provider; unique here as well."""
    return f"refund-{payment.id}-{form}"


def decided_before(session: Session, payment: Payment, form: str) -> Refund | None:
    """The refund of a (locked) payment that was decided by this form, if it was sent before."""
    if not form:
        return None
    return session.scalar(select(Refund).where(Refund.idempotency_key == key_of(payment, form)))


def start_refund(session: Session, refund: Refund, payment: Payment) -> None:
    """Have the provider told, and the customer."""
    emit(session, "refund.push", str(refund.id), {"refund_id": refund.id, "order_id": payment.order_id})
    tell_customer(session, refund, payment.order_id, "refund_started")


def tell_customer(session: Session, refund: Refund, order_id: int, kind: str) -> None:
    """A mail about this refund, once for each of its steps."""
    emit(session, "order.mail", f"{order_id}:{kind}:{refund.id}", {"order_id": order_id, "kind": kind})


def approve_refund(session: Session, refund_id: int, actor: Actor, now: datetime) -> Refund:
    """The second person agrees. Raises WrongState, also for the one who proposed it."""
    refund, payment = lock_refund(session, refund_id)
    if refund.state != RefundState.PROPOSED or refund.requested_by_id == actor.user_id:
        raise WrongState(_l("Somebody else must agree to this refund"))
    refund.state, refund.approved_by, refund.next_look_at = RefundState.REQUESTED.value, actor.name, now
    audit.record(session, actor, "refund.approved", "order", payment.order_id, after={"refund": refund.id})
    start_refund(session, refund, payment)
    return refund


def decline_refund(session: Session, refund_id: int, actor: Actor) -> Refund:
    """A proposed refund is not made. Raises WrongState."""
    refund, payment = lock_refund(session, refund_id)
    if refund.state != RefundState.PROPOSED:
        raise WrongState()
    refund.state = RefundState.DECLINED.value
    audit.record(session, actor, "refund.declined", "order", payment.order_id, after={"refund": refund.id})
    return refund


def lock_refund(session: Session, refund_id: int) -> tuple[Refund, Payment]:
    """Order, payment, refund, locked in this order and read anew."""
    payment_id = session.execute(select(Refund.payment_id).where(Refund.id == refund_id)).scalar_one()
    _order, payment = lock_payment(session, payment_id)
    return session.get_one(Refund, refund_id, populate_existing=True, with_for_update=True), payment


def give_back_surplus(session: Session, order: Order, owed_fen: int, why: str, actor: Actor, now: datetime) -> int:
    """After a change of a (locked) order: what was received beyond what it costs now goes back to the customer (fen).

    What was paid at the counter was paid for what was handed over: nothing of it is left over.
    """
    given = 0
    for payment in paid_payments(session, order):
        went_back = standing_refunds(session, payment.id)
        goodwill = standing_refunds(session, payment.id, why=("goodwill",))
        amount = surplus(payment.received_fen, owed_fen, went_back - goodwill, goodwill)
        if amount and not automatic_refund(session, payment.id):
            try:
                given += request_refund(session, payment, Wish(amount, why), actor, now).amount_fen
            except (TooLateForWallet, Disputed) as refusal:
                ref = f"{payment.id}:{why}:{amount}"
                find(session, "refund_impossible", ref, order_id=order.id, ours={"why": refusal.code, "fen": amount})
    return given


def note_overpaid(session: Session, order: Order) -> int:
    """After a (locked) order became dearer again: what went back in excess before stays, a person hears of it (fen)."""
    in_excess = 0
    for payment in paid_payments(session, order):
        went_back = standing_refunds(session, payment.id) - standing_refunds(session, payment.id, why=("goodwill",))
        too_much = order.total_fen - (payment.received_fen - went_back)
        if too_much > 0 and not automatic_refund(session, payment.id):
            find(session, "overpaid_for_weight", f"{payment.id}:{too_much}", order_id=order.id, ours={"fen": too_much})
            in_excess += too_much
    return in_excess


def paid_payments(session: Session, order: Order) -> Sequence[Payment]:
    """The payments that brought the order money, locked in id order and read anew."""
    return session.scalars(
        select(Payment)
        .where(Payment.order_id == order.id, Payment.received_fen > 0)
        .order_by(Payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def automatic_refund(session: Session, payment_id: int) -> bool:
    """Whether this payment was one too many and went back by itself: it never belonged to the order."""
    statement = select(Refund.id).where(Refund.payment_id == payment_id, Refund.why.in_(AUTOMATIC))
    return session.scalar(statement.limit(1)) is not None


def push_refund(session: Session, gateway: PaymentGateway, refund_id: int) -> None:
    """Tell the provider of a decided refund, with the key that was kept; safe to repeat. Raises GatewayDown."""
    refund = session.get_one(Refund, refund_id, populate_existing=True)
    payment = session.get_one(Payment, refund.payment_id)
    if refund.state != RefundState.REQUESTED or payment.intent_ref is None:
        session.rollback()
        return
    key, intent_ref, amount, why = refund.idempotency_key, payment.intent_ref, refund.amount_fen, refund.why
    old, tried = utcnow() - refund.created_at > KEY_LIVES, refund.looks > 0
    session.commit()
    seen = made_before(gateway, intent_ref, refund_id) if tried else None
    if seen is None and old and tried:
        # The key may be forgotten, and nothing was made under it: a person decides.
        in_transaction(session, lambda: note_stuck(session, refund_id))
        return
    try:
        seen = seen or gateway.create_refund(key, intent_ref, amount, refund_id, duplicate=why == "duplicate")
        reach("refund.answered")
    except GatewayDown:
        in_transaction(session, lambda: postpone_refund(session, refund_id))
        raise
    except GatewayRefused as refusal:
        code = refusal.code
        in_transaction(session, lambda: refuse_refund(session, refund_id, code))
        return
    found = seen
    in_transaction(session, lambda: apply_refund(session, refund_id, found))


def made_before(gateway: PaymentGateway, intent_ref: str, refund_id: int) -> RefundSeen | None:
    """A refund the provider made although we never heard its answer."""
    mine = (one for one in gateway.refunds_of(intent_ref) if one.metadata.get("refund_id") == str(refund_id))
    return next(mine, None)


def note_stuck(session: Session, refund_id: int) -> None:
    """A refund that could not be told for a day."""
    refund, payment = lock_refund(session, refund_id)
    find(session, "refund_stuck", str(refund.id), order_id=payment.order_id, ours={"fen": refund.amount_fen})
    refund.next_look_at = None


def postpone_refund(session: Session, refund_id: int) -> None:
    """The provider is not there: later."""
    refund, _payment = lock_refund(session, refund_id)
    refund.looks += 1
    refund.next_look_at = utcnow() + timedelta(seconds=seconds_to_next_look(refund.looks))


def refuse_refund(session: Session, refund_id: int, code: str) -> None:
    """The provider will not: a person decides what to do instead."""
    refund, payment = lock_refund(session, refund_id)
    if refund.state != RefundState.REQUESTED:
        return
    refund.state, refund.failure, refund.next_look_at = RefundState.FAILED.value, code, None
    find(session, "refund_failed", str(refund.id), order_id=payment.order_id, ours={"fen": refund.amount_fen},
         theirs={"code": code})  # fmt: skip
    tell_customer(session, refund, payment.order_id, "refund_failed")


def sync_refund(session: Session, gateway: PaymentGateway, refund_ref: str) -> None:
    """Look at a refund at the provider and write down how it stands; one made elsewhere is taken into the books."""
    try:
        seen = gateway.read_refund(refund_ref)
    except MissingAtProvider:
        in_transaction(session, lambda: find(session, "refund_unknown_at_provider", refund_ref))
        return
    adopt_refund(session, seen)


def adopt_refund(session: Session, seen: RefundSeen) -> None:
    """Write down a refund that was seen at the provider."""
    refund_id = in_transaction(session, lambda: refund_for(session, seen))
    if refund_id is not None:
        in_transaction(session, lambda: apply_refund(session, refund_id, seen))


def refund_for(session: Session, seen: RefundSeen) -> int | None:
    """Our row for it: known, named in its metadata, or a new one for a refund made outside the shop."""
    known = session.scalar(select(Refund.id).where(Refund.refund_ref == seen.ref))
    if known is not None:
        return known
    payment_id = session.scalar(select(Payment.id).where(Payment.intent_ref == seen.intent_ref))
    if payment_id is None:
        find(session, "orphan_refund", seen.ref, theirs={"amount_fen": seen.amount_fen, "intent": seen.intent_ref})
        return None
    order, payment = lock_payment(session, payment_id)
    named = seen.metadata.get("refund_id", "")
    if named.isdecimal():
        mine = select(Refund.id).where(
            Refund.id == int(named), Refund.payment_id == payment.id, Refund.refund_ref.is_(None)
        )
        found = session.scalar(mine)
        if found is not None:
            return found
    refund = Refund(
        payment_id=payment.id, amount_fen=seen.amount_fen, why="external", state=RefundState.REQUESTED.value,
        idempotency_key=f"external-{seen.ref}", requested_by="payment provider",
    )  # fmt: skip
    session.add(refund)
    session.flush()
    find(session, "external_refund", seen.ref, order_id=order.id, theirs={"amount_fen": seen.amount_fen})
    return refund.id


def apply_refund(session: Session, refund_id: int, seen: RefundSeen) -> None:
    """Move a refund to where the provider says it is; the ledger once each way."""
    refund, payment = lock_refund(session, refund_id)
    before = RefundState(refund.state)
    after = next_refund_state(before, OF_REFUND.get(seen.status, RefundState.PENDING))
    refund.refund_ref, refund.failure = seen.ref, seen.failure or seen.pending
    if after in {RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED}:
        enter(session, "refund", seen.ref, -seen.amount_fen, payment, refund.requested_by)
    if after == RefundState.FAILED:
        enter(session, "refund_reversal", seen.ref, seen.amount_fen, payment, "payment provider")
    refund.looks += 1
    refund.next_look_at = None
    if after in ON_ITS_WAY:
        refund.next_look_at = utcnow() + timedelta(seconds=seconds_to_next_look(refund.looks))
        watch_pending(session, refund, payment, seen)
    if seen.amount_fen != refund.amount_fen:
        find(session, "refund_amount", seen.ref, order_id=payment.order_id, ours={"fen": refund.amount_fen},
             theirs={"fen": seen.amount_fen})  # fmt: skip
    if after != before:
        refund.state = after.value
        refund_moved(session, refund, payment, before, after)


def watch_pending(session: Session, refund: Refund, payment: Payment, seen: RefundSeen) -> None:
    """A refund that takes too long, or waits for money of ours, is for a person; no other one is made."""
    patience = PENDING_FOR.get(payment.means or "card", PENDING_FOR["card"])
    if seen.pending == "insufficient_funds" or utcnow() - refund.created_at > patience:
        find(session, "refund_waits", seen.ref, order_id=payment.order_id, theirs={"reason": seen.pending})


def refund_moved(session: Session, refund: Refund, payment: Payment, before: RefundState, after: RefundState) -> None:
    """Audit, and what the customer is told: never that money is back before it is."""
    moved = {"state": after.value, "amount_fen": refund.amount_fen}
    audit.record(
        session, CASHIER, "refund.moved", "order", payment.order_id, before={"state": before.value}, after=moved
    )
    if after in {RefundState.SUCCEEDED, RefundState.FAILED}:
        refund.settled_at = utcnow()
    if after == RefundState.SUCCEEDED:
        tell_customer(session, refund, payment.order_id, "refunded")
    if after == RefundState.FAILED:
        find(session, "refund_failed", str(refund.id), order_id=payment.order_id, ours={"fen": refund.amount_fen},
             theirs={"reason": refund.failure})  # fmt: skip
        tell_customer(session, refund, payment.order_id, "refund_failed")


def retry_refund(session: Session, refund_id: int, actor: Actor, now: datetime) -> Refund:
    """A new refund in the place of one that failed. Raises WrongState and what request_refund raises."""
    refund, payment = lock_refund(session, refund_id)
    if refund.state != RefundState.FAILED:
        raise WrongState()
    again = request_refund(session, payment, Wish(refund.amount_fen, refund.why, refund.note), actor, now)
    refund.state, refund.replaced_by_id = RefundState.REPLACED.value, again.id
    return again


def note_manual(session: Session, refund_id: int, reference: str, actor: Actor) -> Refund:
    """A failed refund was paid back another way, under this reference. Raises Invalid, WrongState, MoreThanReceived."""
    refund, payment = lock_refund(session, refund_id)
    if refund.state != RefundState.FAILED:
        raise WrongState()
    if not reference.strip():
        raise Invalid(_l("Please enter the number of the transfer"), errors=[{"field": "reference"}])
    if refund.amount_fen > payment.received_fen - standing_refunds(session, payment.id):
        raise MoreThanReceived()
    refund.state, refund.manual_reference = RefundState.MANUAL.value, reference.strip()
    enter(session, "refund", f"manual:{refund.id}", -refund.amount_fen, payment, actor.name)
    audit.record(session, actor, "refund.paid_by_hand", "order", payment.order_id, after={"reference": reference})
    tell_customer(session, refund, payment.order_id, "refunded")
    return refund


def look_at_refunds(session: Session, gateway: PaymentGateway, now: datetime, limit: int = 100) -> int:
    """Push and look at every refund that is due for it; how many. Raises GatewayDown."""
    open_states = [state.value for state in ON_ITS_WAY]
    statement = (
        select(Refund.id, Refund.refund_ref)
        .where(Refund.state.in_(open_states), Refund.next_look_at <= now)
        .order_by(Refund.next_look_at)
        .limit(limit)
    )
    due = session.execute(statement).all()
    session.commit()
    for refund_id, ref in due:
        if ref is None:
            push_refund(session, gateway, refund_id)
        else:
            sync_refund(session, gateway, ref)
    return len(due)
