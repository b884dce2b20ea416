"""What a counter's screen shows: today's parts by state and due time, and one part with its pick list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.by_weight import ByWeight
from catalogue.models import Product, Sku
from catalogue.stock.models import Lot, StockLevel
from orders.fulfilment.models import Allocation, Fulfilment, Substitution
from orders.models import Order, OrderContact, OrderLine, Reservation

MOST_PARTS = 200
# From when the board warns that a packed order will go back on the shelf.
WARN_BEFORE = timedelta(hours=24)


@dataclass(frozen=True)
class Ticket:
    """One part on the board. `customer` shows an initial and the last four digits, never more; `collect_by` is set
    where a packed order goes back on the shelf within a day (UTC); `coming` is another counter's transfer to here."""

    id: int
    number: str
    status: str
    role: str
    due_at: datetime
    late: bool
    packs: int
    picked: int
    customer: str
    collect_by: datetime | None
    coming: bool


@dataclass(frozen=True)
class Pick:
    """Packs to take from one lot; `picked` of them are ticked off. `terms` of goods sold by weight, with the grams that
    were weighed already."""

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
    picked: int
    storage: str


@dataclass(frozen=True)
class Elsewhere:
    """Packs of the order that are not in this part: where they are, in the story's words."""

    names: dict[str, str]
    pack_names: dict[str, str]
    packs: int
    where: str


def masked(name: str, phone: str) -> str:
    """'王* 1234': enough to call somebody to the desk, not enough to find them."""
    return f"{name[:1]}* {phone[-4:]}" if name or phone else ""


def board(session: Session, counter_ids: set[int] | None, now: datetime) -> Sequence[Ticket]:
    """Open parts of these counters (None: of all), and transfers on their way to them, by due time."""
    statement = (
        select(
            Fulfilment, Order.number, Order.collect_by, OrderContact.name, OrderContact.phone,
            func.sum(Allocation.quantity), func.sum(Allocation.picked),
        )
        .join(Order, Order.id == Fulfilment.order_id)
        .outerjoin(OrderContact, OrderContact.order_id == Order.id)
        .outerjoin(
            Allocation, (Allocation.fulfilment_id == Fulfilment.id) & Allocation.state.in_(["reserved", "in_transit"])
        )
        .where(Fulfilment.status.in_(["assigned", "accepted", "ready", "dispatched"]))
        .group_by(Fulfilment.id, Order.number, Order.collect_by, OrderContact.name, OrderContact.phone)
        .order_by(Fulfilment.due_at, Fulfilment.id)
        .limit(MOST_PARTS)
    )  # fmt: skip
    if counter_ids is not None:
        coming = (Fulfilment.role == "transfer") & Order.pickup_counter_id.in_(counter_ids)
        statement = statement.where(or_(Fulfilment.counter_id.in_(counter_ids), coming))
    return [
        Ticket(
            part.id, number, part.status, part.role, part.due_at,
            part.due_at < now and part.status in {"assigned", "accepted"},
            int(packs or 0), int(picked or 0), masked(name or "", phone or ""),
            collect_by if goes_back_soon(part, collect_by, now) else None,
            counter_ids is not None and part.counter_id not in counter_ids,
        )
        for part, number, collect_by, name, phone, packs, picked in session.execute(statement)
    ]  # fmt: skip


def goes_back_soon(part: Fulfilment, collect_by: datetime | None, now: datetime) -> bool:
    """Whether a packed hand-over is about to end because nobody collected it. Pure."""
    waits = part.status == "ready" and part.role == "hand_over"
    return waits and collect_by is not None and collect_by - now <= WARN_BEFORE


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
        Pick(
            allocation.id, allocation.order_line_id, names, sku.pack_names, sku.code, lot.code, lot.best_before,
            allocation.quantity, line.by_weight, tuple(one.grams for one in allocation.weights), allocation.picked,
            sku.storage,
        )
        for allocation, line, sku, lot, names in session.execute(statement)
    ]  # fmt: skip


def elsewhere(session: Session, part: Fulfilment) -> Sequence[Elsewhere]:
    """What else belongs to the order and is not in this bag, so that nobody hands over a part for the whole."""
    other = (
        select(OrderLine.position, Product.names, Sku.pack_names, Allocation.quantity, Allocation.state,
               Fulfilment.status)
        .select_from(Allocation)
        .join(Fulfilment, Fulfilment.id == Allocation.fulfilment_id)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(OrderLine.order_id == part.order_id, Allocation.fulfilment_id != part.id, Allocation.state != "released")
    )  # fmt: skip
    waiting = (
        select(OrderLine.position, Product.names, Sku.pack_names, Reservation.held, Reservation.awaited,
               OrderLine.cancelled)
        .join(Reservation, Reservation.order_line_id == OrderLine.id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(
            OrderLine.order_id == part.order_id,
            (Reservation.held > 0) | (Reservation.awaited > 0) | (OrderLine.cancelled > 0),
        )
    )  # fmt: skip
    found = [
        (position, Elsewhere(names, pack, packs, "handed_over" if state == "shipped" else status))
        for position, names, pack, packs, state, status in session.execute(other)
    ]
    for position, names, pack, held, awaited, cancelled in session.execute(waiting):
        found += [(position, Elsewhere(names, pack, held, "waiting"))] if held else []
        found += [(position, Elsewhere(names, pack, awaited, "awaited"))] if awaited else []
        found += [(position, Elsewhere(names, pack, cancelled, "taken_off"))] if cancelled else []
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def part_with_order(session: Session, fulfilment_id: int) -> Fulfilment:
    """A part with its counter, order and contact loaded."""
    statement = (
        select(Fulfilment)
        .where(Fulfilment.id == fulfilment_id)
        .options(joinedload(Fulfilment.counter), joinedload(Fulfilment.order).joinedload(Order.contact))
    )
    return session.execute(statement).scalar_one()


def question_of(session: Session, part: Fulfilment) -> Substitution | None:
    """What the customer is being asked about this part, or answered last."""
    statement = (
        select(Substitution)
        .where(Substitution.fulfilment_id == part.id)
        .options(joinedload(Substitution.sku).joinedload(Sku.product))
        .order_by(Substitution.id.desc())
        .limit(1)
    )
    return session.execute(statement).scalars().first()
