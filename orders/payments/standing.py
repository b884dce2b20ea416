"""Where the money of an order stands, told truly: nothing is paid before it came, nothing back before it is back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orders.models import Order
from orders.payments.models import MoneyEntry, Payment, Refund
from orders.payments.states import ON_ITS_WAY, PaymentState, RefundState
from orders.states import OrderStatus

INCOME = ("counter_payment", "charge")


@dataclass(frozen=True)
class PaymentStanding:
    """`status` is due, processing, paid, partly_refunded, refunded or void; amounts in fen.

    `returning_fen` is on its way back, `stuck_fen` could not be given back yet; `intent` is the provider's id and
    `client_secret` what a browser needs to pay, where they are known. `last_error` is the bank's reason.
    """

    method: str
    status: str
    paid_fen: int
    refunded_fen: int
    returning_fen: int = 0
    stuck_fen: int = 0
    means: str | None = None
    intent: str | None = None
    client_secret: str | None = None
    last_error: str = ""
    expires_at: datetime | None = None


def payment_standing(session: Session, order: Order) -> PaymentStanding:
    """What was received for the order, what was given back and what is under way."""
    amount = MoneyEntry.amount_fen
    paid, back = session.execute(
        select(
            func.coalesce(func.sum(amount).filter(MoneyEntry.kind.in_(INCOME)), 0),
            func.coalesce(-func.sum(amount).filter(MoneyEntry.kind == "counter_refund"), 0),
        ).where(MoneyEntry.order_id == order.id)
    ).one()
    over = order.status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    if order.payment_method != "stripe":
        # Of what is paid at the counter only the goods that were taken are paid; the rest is due with the rest.
        status = "due" if paid < order.total_fen and not over else status_of(int(paid), int(back), over)
        return PaymentStanding(order.payment_method, status, int(paid), int(back))
    return online_standing(session, order, int(paid), over)


def online_standing(session: Session, order: Order, paid: int, over: bool) -> PaymentStanding:
    """The standing of an order paid through the provider."""
    newest = session.scalar(select(Payment).where(Payment.order_id == order.id).order_by(Payment.id.desc()).limit(1))
    sums = dict(
        session.execute(
            select(Refund.state, func.sum(Refund.amount_fen))
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Payment.order_id == order.id)
            .group_by(Refund.state)
        ).all()
    )
    back = int(sums.get(RefundState.SUCCEEDED.value, 0) + sums.get(RefundState.MANUAL.value, 0))
    status = status_of(paid, back, over)
    if status == "due" and newest is not None and newest.state == PaymentState.PROCESSING:
        status = "processing"
    return PaymentStanding(
        order.payment_method, status, paid, back,
        returning_fen=int(sum(sums.get(state.value, 0) for state in ON_ITS_WAY)),
        stuck_fen=int(sums.get(RefundState.FAILED.value, 0)),
        means=newest.means if newest else None, intent=newest.intent_ref if newest else None,
        last_error=newest.last_error if newest and newest.state == PaymentState.OPEN else "",
        expires_at=order.expires_at if order.status == OrderStatus.AWAITING_PAYMENT else None,
    )  # fmt: skip


def status_of(paid_fen: int, refunded_fen: int, over: bool) -> str:
    """The word for it: `void` when nothing was paid and nothing is due any more."""
    if paid_fen == 0:
        return "void" if over else "due"
    if refunded_fen >= paid_fen:
        return "refunded"
    return "partly_refunded" if refunded_fen else "paid"
