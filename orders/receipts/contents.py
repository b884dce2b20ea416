"""What a receipt says: the goods and where they come from, the sums, and every movement of money in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Product, Sku
from catalogue.stock.models import Lot, StockLevel
from orders.fulfilment.models import Allocation
from orders.models import Order, OrderLine
from orders.payments.methods import MEANS
from orders.payments.models import MoneyEntry, Payment, Refund
from orders.payments.standing import INCOME
from orders.payments.states import ON_ITS_WAY
from orders.weights import charged_g
from shop.i18n import localised
from shop.money import weight, yuan


def _(text: str, **values: object) -> str:
    """The text in the reader's language."""
    return str(gettext(text, **values))


@dataclass(frozen=True)
class Origin:
    """Where packs of a line come from: the cooperative, the lot's code and the day it was produced."""

    cooperative: str
    lot: str
    produced_on: date


@dataclass(frozen=True)
class ReceiptLine:
    """A line of goods as it was charged; `packs` without those that could not be given. Fen, grams.

    Of goods sold by weight `weighing` says what they were expected to weigh, or weigh; packs have no one price.
    """

    name: str
    pack: str
    packs: int
    cancelled: int
    net_g: int
    price_fen: int | None
    weighing: str
    total_fen: int
    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class Movement:
    """One entry of the ledger in the customer's words; fen, negative when it went back. `ref` is the provider's."""

    at: datetime
    kind: str
    text: str
    amount_fen: int
    ref: str


@dataclass(frozen=True)
class Receipt:
    """Everything a receipt says. `kept_fen` is what the shop has of the customer's money in the end."""

    number: str
    placed_at: datetime
    lines: tuple[ReceiptLine, ...]
    delivery_fen: int
    discount_fen: int
    total_fen: int
    movements: tuple[Movement, ...]
    paid_fen: int
    kept_fen: int

    @property
    def back_fen(self) -> int:
        return self.paid_fen - self.kept_fen


def receipt_of(session: Session, order: Order) -> Receipt | None:
    """The receipt of an order; None while no money came for it. Three queries, whatever the order's size."""
    entries = movements_of(session, order)
    paid = sum(one.amount_fen for one in entries if one.kind in INCOME)
    if not paid:
        return None
    return Receipt(
        number=order.number, placed_at=order.created_at, lines=lines_of(session, order),
        delivery_fen=order.delivery_fen, discount_fen=order.discount_fen, total_fen=order.total_fen,
        movements=entries, paid_fen=paid, kept_fen=sum(one.amount_fen for one in entries),
    )  # fmt: skip


def lines_of(session: Session, order: Order) -> tuple[ReceiptLine, ...]:
    """The order's lines; those of which nothing could be given are left out."""
    statement = (
        select(OrderLine, Sku, Product, charged_g())
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    )
    origins = origins_of(session, order)
    return tuple(
        ReceiptLine(
            name=localised(product.names), pack=localised(sku.pack_names), packs=line.quantity - line.cancelled,
            cancelled=line.cancelled, net_g=net_weight(line, sku.pack_g, int(charged)), weighing=weighing_text(line),
            price_fen=None if line.by_weight else line.price_fen, total_fen=line.total_fen,
            origins=origins.get(line.id, ()),
        )
        for line, sku, product, charged in session.execute(statement)
        if line.quantity > line.cancelled
    )  # fmt: skip


def net_weight(line: OrderLine, pack_g: int, charged: int) -> int:
    """The grams that are charged: of weighed packs `charged`, and for those not weighed yet the most they can weigh."""
    packs = line.quantity - line.cancelled
    if line.by_weight is None:
        return packs * pack_g
    return charged + (packs - line.weighed_packs) * line.by_weight.to_g


def weighing_text(line: OrderLine) -> str:
    """What goods sold by weight were expected to weigh a pack, what they weigh, and what a kilogram costs."""
    terms = line.by_weight
    if terms is None:
        return ""
    told = {"least": weight(terms.from_g), "most": weight(terms.to_g), "price": yuan(terms.per_kg_fen)}
    if line.weighed_packs < line.quantity - line.cancelled:
        return _("%(price)s per kg, expected %(least)s to %(most)s a pack; what weighs less is given back", **told)
    return _("%(price)s per kg, expected %(least)s to %(most)s a pack, weighed %(weight)s",
             weight=weight(line.weighed_g), **told)  # fmt: skip


def origins_of(session: Session, order: Order) -> Mapping[int, tuple[Origin, ...]]:
    """The lots the packs of each line (by its id) were taken from, once an order is routed; oldest lot first."""
    statement = (
        select(Allocation.order_line_id, Lot.code, Lot.produced_on, Cooperative.names)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Cooperative, Cooperative.id == Lot.cooperative_id)
        .where(OrderLine.order_id == order.id, Allocation.state != "released")
        .order_by(Lot.produced_on, Lot.id)
    )
    found: dict[int, dict[Origin, None]] = defaultdict(dict)
    for line_id, code, produced_on, names in session.execute(statement):
        found[line_id][Origin(localised(names), code, produced_on)] = None
    return {line_id: tuple(origins) for line_id, origins in found.items()}


def movements_of(session: Session, order: Order) -> tuple[Movement, ...]:
    """The ledger of the order, oldest first; the provider's fees are between it and the shop."""
    statement = (
        select(MoneyEntry, Payment.means, Refund.state)
        .outerjoin(Payment, Payment.id == MoneyEntry.payment_id)
        .outerjoin(Refund, Refund.refund_ref == MoneyEntry.ref)
        .where(MoneyEntry.order_id == order.id, MoneyEntry.kind != "fee")
        .order_by(MoneyEntry.at, MoneyEntry.kind)
    )
    return tuple(
        Movement(entry.at, entry.kind, movement_text(entry.kind, means, state), entry.amount_fen, entry.ref)
        for entry, means, state in session.execute(statement)
    )


def movement_text(kind: str, means: str | None, refund_state: str | None) -> str:
    """What a movement was, for the customer: money is only back when the bank has it."""
    if kind == "charge":
        return _("Paid by %(means)s", means=str(MEANS[means])) if means else _("Paid online")
    if kind == "refund" and refund_state in set(ON_ITS_WAY):
        return _("On its way back to you")
    texts = {
        "counter_payment": _("Paid at the counter"), "counter_refund": _("Given back at the counter"),
        "refund": _("Given back"), "refund_reversal": _("Could not be given back, is with us again"),
        "dispute": _("Taken back by your bank"), "dispute_won": _("Returned to us by your bank"),
    }  # fmt: skip
    return texts[kind]
