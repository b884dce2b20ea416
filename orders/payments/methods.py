"""The ways of paying an order: what an order that chose one starts as, and what is paid when goods change hands."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orders.fulfilment.models import Allocation, Fulfilment
from orders.models import Order, OrderLine
from orders.payments.ledger import received
from orders.payments.models import MoneyEntry
from orders.states import OrderStatus
from orders.weights import allocated_fen


class PaymentMethod(Protocol):
    """A way of paying. `label` is a text to translate."""

    code: ClassVar[str]
    label: Any
    first_status: ClassVar[OrderStatus]

    def due(self, session: Session, order: Order, part: Fulfilment) -> int:
        """What the customer pays (fen) when she is given this part."""


class PayAtCounter:
    """到店付款: the order is confirmed at once, the counter takes the money for what it hands over.

    Each part brings its own money, so that nobody waits for the last of the goods, which may never come.
    """

    code: ClassVar[str] = "at_counter"
    label = _l("Pay at the counter")
    first_status: ClassVar[OrderStatus] = OrderStatus.CONFIRMED

    def due(self, session: Session, order: Order, part: Fulfilment) -> int:
        """What she has with this part, and the delivery with the first of them, less what she paid before."""
        leaves = (Allocation.fulfilment_id == part.id) & (Allocation.state == "reserved")
        taken = (
            select(func.coalesce(func.sum(allocated_fen()), 0))
            .select_from(Allocation)
            .join(OrderLine, OrderLine.id == Allocation.order_line_id)
            .where(OrderLine.order_id == order.id, (Allocation.state == "shipped") | leaves)
        )
        goods = int(session.scalar(taken) or 0)
        return max(goods + order.delivery_fen - order.discount_fen - received(session, order.id), 0)


class PayOnline:
    """Card, Alipay or WeChat Pay: the order waits for the money before any counter hears of it."""

    code: ClassVar[str] = "stripe"
    label = _l("Pay online")
    first_status: ClassVar[OrderStatus] = OrderStatus.AWAITING_PAYMENT

    def due(self, session: Session, order: Order, part: Fulfilment) -> int:
        """Nothing: it is paid."""
        return 0


class OnAccount:
    """The organisation pays its invoices: the order is confirmed at once, and nobody takes money at the counter."""

    code: ClassVar[str] = "on_account"
    label = _l("On account")
    first_status: ClassVar[OrderStatus] = OrderStatus.CONFIRMED

    def due(self, session: Session, order: Order, part: Fulfilment) -> int:
        """Nothing: it is invoiced."""
        return 0


METHODS: dict[str, PaymentMethod] = {one.code: one for one in (PayAtCounter(), PayOnline(), OnAccount())}
OFFERED: dict[str, tuple[str, ...]] = {
    "retail": (PayOnline.code, PayAtCounter.code),
    "bulk": (OnAccount.code,),
}
# The means of paying online, in the order people see them.
MEANS = {"alipay": _l("Alipay"), "wechat_pay": _l("WeChat Pay"), "card": _l("Bank card")}


def method_for(kind: str, code: str) -> PaymentMethod | None:
    """The way of paying of that code, if orders of that kind ('retail' or 'bulk') may choose it."""
    return METHODS[code] if code in OFFERED[kind] else None


def due_now(session: Session, order: Order, part: Fulfilment) -> int:
    """What the customer pays (fen) when she is given this part of the order."""
    return METHODS[order.payment_method].due(session, order, part)


def ledger_ref(order: Order, part: Fulfilment) -> str:
    """Under which the money of a part stands in the ledger: its primary key refuses a second time."""
    return f"{order.number}/{part.id}"


def take_money(session: Session, order: Order, part: Fulfilment, actor: str) -> int:
    """Write down what the customer pays for a part (order locked) that is being handed over; fen."""
    due = due_now(session, order, part)
    if due:
        session.add(
            MoneyEntry(
                kind="counter_payment", ref=ledger_ref(order, part), order_id=order.id, amount_fen=due, actor=actor
            )
        )
        session.flush()
    return due
