"""Where the money of an order stands, told from the ledger alone."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orders.models import Order
from orders.payments.models import MoneyEntry
from orders.states import OrderStatus


@dataclass(frozen=True)
class PaymentStanding:
    """`status` is due, paid, refunded or void; amounts in fen."""

    method: str
    status: str
    paid_fen: int
    refunded_fen: int


def payment_standing(session: Session, order: Order) -> PaymentStanding:
    """What was received for the order and what was given back."""
    amount = MoneyEntry.amount_fen
    paid, back = session.execute(
        select(
            func.coalesce(func.sum(amount).filter(amount > 0), 0), func.coalesce(func.sum(amount).filter(amount < 0), 0)
        ).where(MoneyEntry.order_id == order.id)
    ).one()
    over = order.status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    return PaymentStanding(order.payment_method, status_of(int(paid), -int(back), over), int(paid), -int(back))


def status_of(paid_fen: int, refunded_fen: int, over: bool) -> str:
    """The word for it: `void` when nothing was paid and nothing is due any more."""
    if paid_fen == 0:
        return "void" if over else "due"
    return "refunded" if refunded_fen >= paid_fen else "paid"
