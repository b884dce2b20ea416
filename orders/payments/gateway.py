"""What a way of paying must be able to do. Paying at the counter is one; card and wallets come in beside it."""

from __future__ import annotations

from typing import ClassVar, Protocol

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from orders.models import Order
from orders.payments.models import MoneyEntry
from orders.states import OrderStatus


class PaymentMethod(Protocol):
    """A way of paying: what an order that chose it starts as, and what it is called."""

    code: str
    label: str
    first_status: OrderStatus

    def receive(self, session: Session, order: Order, amount_fen: int, ref: str, actor: str) -> None:
        """Write down money that came in (fen), once per `ref`."""


class PayAtCounter:
    """到店付款: the order is confirmed at once, the counter takes the money when it hands over."""

    code: ClassVar[str] = "at_counter"
    label = _l("Pay at the counter")
    first_status: ClassVar[OrderStatus] = OrderStatus.CONFIRMED

    def receive(self, session: Session, order: Order, amount_fen: int, ref: str, actor: str) -> None:
        """One `counter_payment` row; the primary key refuses the same `ref` twice."""
        session.add(MoneyEntry(kind="counter_payment", ref=ref, order_id=order.id, amount_fen=amount_fen, actor=actor))
        session.flush()


class OnAccount:
    """The organisation pays its invoices: the order is confirmed at once, and nobody takes money at the counter."""

    code: ClassVar[str] = "on_account"
    label = _l("On account")
    first_status: ClassVar[OrderStatus] = OrderStatus.CONFIRMED


METHODS: dict[str, PayAtCounter] = {PayAtCounter.code: PayAtCounter()}


def methods_for(kind: str) -> list[PayAtCounter] | list[OnAccount]:
    """The ways of paying offered to orders of that kind ('retail' or 'bulk')."""
    return list(METHODS.values()) if kind == "retail" else [OnAccount()]
