"""The end of a counter's day: what should stand there, what was counted and thrown away, and what the day was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Product, Sku
from catalogue.stock.models import Location, Lot, MovementKind, StockLevel, StockMovement
from orders.fulfilment.models import Allocation, Fulfilment
from orders.models import Order
from orders.payments.models import MoneyEntry
from orders.shortage import correct_stock, waste_stock
from orders.states import FulfilmentRole, FulfilmentStatus, OrderStatus
from shop import audit
from shop.audit import Actor
from shop.clock import SHANGHAI
from shop.db import in_transaction
from shop.errors import Invalid, NotFound

# Why goods are thrown away, as kept in the ledger's note.
WASTE_REASONS = {
    "expired": _l("too old"), "damaged": _l("damaged"), "warm": _l("got warm"), "other": _l("other"),
}  # fmt: skip


@dataclass(frozen=True)
class ShelfRow:
    """A lot that should stand at the counter: packs, and how many of them are set aside for orders."""

    level_id: int
    names: dict[str, str]
    pack_names: dict[str, str]
    sku: str
    lot: str
    best_before: date
    sellable: bool
    storage: str
    on_hand: int
    reserved: int


@dataclass(frozen=True)
class Entry:
    """What was written beside a row: good packs counted (None: not counted), packs thrown away and why.

    `expected` is what the page said should be there when it was counted.
    """

    level_id: int
    expected: int
    counted: int | None
    wasted: int
    reason: str

    @property
    def difference(self) -> int:
        """Packs found beyond what should be there; what was thrown away is accounted for."""
        return 0 if self.counted is None else self.counted + self.wasted - self.expected


@dataclass(frozen=True)
class HandedOver:
    """A part the counter handed over that day; `collected_fen` was paid for it at the counter."""

    number: str
    at: datetime
    role: str
    packs: int
    collected_fen: int


@dataclass(frozen=True)
class Loss:
    """Packs of a lot that were thrown away, or that a count found too few (less than nothing) or too many."""

    names: dict[str, str]
    sku: str
    lot: str
    kind: str
    packs: int
    note: str
    actor: str


@dataclass(frozen=True)
class DaySummary:
    """A counter's day."""

    day: date
    handed_over: Sequence[HandedOver]
    losses: Sequence[Loss]
    not_collected: Sequence[str]

    @property
    def collected_fen(self) -> int:
        return sum(one.collected_fen for one in self.handed_over)

    @property
    def packs(self) -> int:
        return sum(one.packs for one in self.handed_over)

    @property
    def wasted(self) -> int:
        return -sum(one.packs for one in self.losses if one.kind == MovementKind.WASTE)


def own_counter(session: Session, counter_ids: set[int] | None, code: str) -> Counter:
    """The counter of that code among one's own (None: any), else the first. Raises NotFound."""
    statement = select(Counter).order_by(Counter.code)
    if counter_ids is not None:
        statement = statement.where(Counter.id.in_(counter_ids))
    if code:
        statement = statement.where(Counter.code == code)
    found = session.execute(statement.limit(1)).scalars().first()
    if found is None:
        raise NotFound()
    return found


def shelf(session: Session, counter_id: int) -> Sequence[ShelfRow]:
    """Every lot that should stand there: by storage and goods, the one that expires first on top."""
    statement = (
        select(StockLevel, Lot, Sku, Product.names)
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(Location.counter_id == counter_id, StockLevel.on_hand > 0)
        .order_by(Sku.storage, Product.position, Sku.code, Lot.best_before, Lot.id)
    )
    return [
        ShelfRow(level.id, names, sku.pack_names, sku.code, lot.code, lot.best_before, lot.sellable, sku.storage,
                 level.on_hand, level.reserved)
        for level, lot, sku, names in session.execute(statement)
    ]  # fmt: skip


def close_day(
    session: Session, counter: Counter, entries: Sequence[Entry], key: str, actor: Actor, now: datetime
) -> int:
    """Apply counts and waste, a row a transaction (each may touch many orders); how many rows changed anything.

    Safe to repeat with the same `key`. Raises Invalid for a level that is not the counter's.
    """
    own = {row.level_id for row in shelf(session, counter.id)}
    if {one.level_id for one in entries} - own:
        raise Invalid(_l("Some of these lots are no longer on the shelf. Please open the day's close again."))
    changed = 0
    for entry in sorted(entries, key=lambda one: one.level_id):
        if entry.wasted:
            changed += in_transaction(session, partial(
                waste_stock, session, level_id=entry.level_id, packs=entry.wasted, reason=entry.reason, actor=actor,
                source_id=key, now=now,
            ))  # fmt: skip
        if entry.difference:
            changed += in_transaction(session, partial(
                correct_stock, session, level_id=entry.level_id, difference=entry.difference, actor=actor,
                source_id=key, now=now,
            ))  # fmt: skip
    counted = sum(one.counted is not None for one in entries)
    after = {"counted": counted, "changed": changed, "wasted": sum(one.wasted for one in entries)}
    audit.record(session, actor, "counter.day_closed", "counter", counter.id, after=after)
    session.commit()
    return changed


def summary(session: Session, counter: Counter, day: date) -> DaySummary:
    """What the counter did on that day in Wuhan."""
    begins = datetime.combine(day, time(), SHANGHAI)
    ends = begins + timedelta(days=1)
    return DaySummary(
        day,
        handed_over_between(session, counter.id, begins, ends),
        losses_between(session, counter.id, begins, ends),
        not_collected_between(session, counter.id, begins, ends),
    )


def handed_over_between(session: Session, counter_id: int, begins: datetime, ends: datetime) -> Sequence[HandedOver]:
    """Parts this counter handed over, with the money it took for them."""
    ref = func.concat(Order.number, "/", Fulfilment.id)  # orders.payments.methods.ledger_ref
    # Before parts brought their own money, an order's stood under its number.
    money = (
        select(func.coalesce(func.sum(MoneyEntry.amount_fen), 0))
        .where(MoneyEntry.kind == "counter_payment", MoneyEntry.ref.in_([ref, Order.number]))
        .scalar_subquery()
    )
    statement = (
        select(Order.number, Fulfilment.closed_at, Fulfilment.role, func.sum(Allocation.quantity), money)
        .join(Order, Order.id == Fulfilment.order_id)
        .join(Allocation, (Allocation.fulfilment_id == Fulfilment.id) & (Allocation.state == "shipped"))
        .where(
            Fulfilment.counter_id == counter_id,
            Fulfilment.status == FulfilmentStatus.HANDED_OVER.value,
            Fulfilment.role != FulfilmentRole.TRANSFER.value,
            Fulfilment.closed_at >= begins,
            Fulfilment.closed_at < ends,
        )
        .group_by(Fulfilment.id, Order.id)
        .order_by(Fulfilment.closed_at, Fulfilment.id)
    )
    return [
        HandedOver(number, at, role, int(packs), int(fen))
        for number, at, role, packs, fen in session.execute(statement)
    ]


def losses_between(session: Session, counter_id: int, begins: datetime, ends: datetime) -> Sequence[Loss]:
    """What was thrown away, and what counts found."""
    statement = (
        select(Product.names, Sku.code, Lot.code, StockMovement)
        .join(StockLevel, StockLevel.id == StockMovement.level_id)
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(
            Location.counter_id == counter_id,
            StockMovement.kind.in_([MovementKind.WASTE.value, MovementKind.COUNT.value]),
            StockMovement.recorded_at >= begins,
            StockMovement.recorded_at < ends,
        )
        .order_by(StockMovement.kind.desc(), Sku.code, Lot.code, StockMovement.seq)
    )
    return [
        Loss(names, sku, lot, moved.kind, moved.d_on_hand, moved.note, moved.actor)
        for names, sku, lot, moved in session.execute(statement)
    ]


def not_collected_between(session: Session, counter_id: int, begins: datetime, ends: datetime) -> Sequence[str]:
    """Numbers of packed orders that nobody collected and that ended: their bags go back on the shelf."""
    statement = (
        select(Order.number)
        .where(
            Order.pickup_counter_id == counter_id,
            Order.status == OrderStatus.EXPIRED.value,
            Order.collect_by.is_not(None),
            Order.closed_at >= begins,
            Order.closed_at < ends,
        )
        .order_by(Order.number)
    )
    return session.execute(statement).scalars().all()
