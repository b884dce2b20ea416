"""What a counter's screen shows: today's parts by state and due time, and one part with its pick list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.by_weight import ByWeight
from catalogue.models import Product, Sku
from catalogue.stock.models import Lot, StockLevel
from orders.fulfilment.models import Allocation, Fulfilment
from orders.models import Order, OrderContact, OrderLine

MOST_PARTS = 200


@dataclass(frozen=True)
class Ticket:
    """One part on the board. `customer` shows an initial and the last four digits, never more."""

    id: int
    number: str
    status: str
    role: str
    due_at: datetime
    late: bool
    packs: int
    customer: str


@dataclass(frozen=True)
class Pick:
    """Packs to take from one lot. `terms` of goods sold by weight, with the grams that were weighed already."""

    allocation_id: int
    line_id: int
    names: dict[str, str]
    pack_names: dict[str, str]
    sku: str
    lot: str
    best_before: date
    quantity: int
    terms: ByWeight | None
    grams: tuple[int, ...]


def masked(name: str, phone: str) -> str:
    """'王* 1234': enough to call somebody to the desk, not enough to find them."""
    return f"{name[:1]}* {phone[-4:]}"


def board(session: Session, counter_ids: set[int] | None, now: datetime) -> Sequence[Ticket]:
    """Open parts of these counters (None: of all), and transfers on their way to them, by due time."""
    statement = (
        select(Fulfilment, Order.number, OrderContact.name, OrderContact.phone, func.sum(Allocation.quantity))
        .join(Order, Order.id == Fulfilment.order_id)
        .outerjoin(OrderContact, OrderContact.order_id == Order.id)
        .outerjoin(
            Allocation, (Allocation.fulfilment_id == Fulfilment.id) & Allocation.state.in_(["reserved", "in_transit"])
        )
        .where(Fulfilment.status.in_(["assigned", "accepted", "ready", "dispatched"]))
        .group_by(Fulfilment.id, Order.number, OrderContact.name, OrderContact.phone)
        .order_by(Fulfilment.due_at, Fulfilment.id)
        .limit(MOST_PARTS)
    )
    if counter_ids is not None:
        coming = (Fulfilment.role == "transfer") & Order.pickup_counter_id.in_(counter_ids)
        statement = statement.where(or_(Fulfilment.counter_id.in_(counter_ids), coming))
    return [
        Ticket(
            part.id, number, part.status, part.role, part.due_at,
            part.due_at < now and part.status in {"assigned", "accepted"},
            int(packs or 0), masked(name or "", phone or ""),
        )
        for part, number, name, phone, packs in session.execute(statement)
    ]  # fmt: skip


def picks(session: Session, part: Fulfilment) -> Sequence[Pick]:
    """The pick list: by lot, the one that expires first on top."""
    statement = (
        select(Allocation, OrderLine, Sku, Lot, Product.names)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(Allocation.fulfilment_id == part.id, Allocation.state != "released")
        .options(selectinload(Allocation.weights))
        .order_by(Lot.best_before, Sku.code, Allocation.id)
        .execution_options(populate_existing=True)
    )
    return [
        Pick(allocation.id, line.id, names, sku.pack_names, sku.code, lot.code, lot.best_before, allocation.quantity,
             line.by_weight, tuple(one.grams for one in allocation.weights))
        for allocation, line, sku, lot, names in session.execute(statement)
    ]  # fmt: skip


def part_with_order(session: Session, fulfilment_id: int) -> Fulfilment:
    """A part with its counter, order and contact loaded."""
    statement = (
        select(Fulfilment)
        .where(Fulfilment.id == fulfilment_id)
        .options(joinedload(Fulfilment.counter), joinedload(Fulfilment.order).joinedload(Order.contact))
    )
    return session.execute(statement).scalar_one()
