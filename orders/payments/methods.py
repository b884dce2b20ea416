"""The ways of paying an order: what an order that chose one starts as, and what happens when it is handed over."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from orders.models import Order
from orders.payments.models import MoneyEntry
from orders.states import OrderStatus


class PaymentMethod(Protocol):
    """A way of paying. `label` is a text to translate."""

    code: ClassVar[str]
    label: Any
    first_status: ClassVar[OrderStatus]

    def handed_over(self, session: Session, order: Order, actor: str) -> None:
        """What the counter does about money when the last of the goods is handed over."""


class PayAtCounter:
    """到店付款: the order is confirmed at once, the counter takes the money when it hands over."""

    code: ClassVar[str] = "at_counter"
    label = _l("Pay at the counter")
    first_status: ClassVar[OrderStatus] = OrderStatus.CONFIRMED

    def handed_over(self, session: Session, order: Order, actor: str) -> None:
        """One `counter_payment` row; the primary key refuses the same order twice."""
        if order.total_fen:
            session.add(
                MoneyEntry(
                    kind="counter_payment", ref=order.number, order_id=order.id, amount_fen=order.total_fen, actor=actor
                )
            )
            session.flush()


class PayOnline:
    """Card, Alipay or WeChat Pay: the order waits for the money before any counter hears of it."""

    code: ClassVar[str] = "stripe"
    label = _l("Pay online")
    first_status: ClassVar[OrderStatus] = OrderStatus.AWAITING_PAYMENT

    def handed_over(self, session: Session, order: Order, actor: str) -> None:
        """Nothing: it is paid."""


class OnAccount:
    """The organisation pays its invoices: the order is confirmed at once, and nobody takes money at the counter."""

    code: ClassVar[str] = "on_account"
    label = _l("On account")
    first_status: ClassVar[OrderStatus] = OrderStatus.CONFIRMED

    def handed_over(self, session: Session, order: Order, actor: str) -> None:
        """Nothing: it is invoiced."""


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
