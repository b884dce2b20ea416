"""Tick packs off a pick list, by scanner or by hand, and gather the lists of several parts into one round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Product, Sku
from catalogue.stock.models import Lot, StockLevel
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.steps import lock_part, move_fulfilment
from orders.lifecycle import settle_order
from orders.models import Order
from orders.states import FulfilmentStatus
from shop.audit import Actor
from shop.errors import DomainError, NotFound, WrongState

TO_PICK = (FulfilmentStatus.ASSIGNED, FulfilmentStatus.ACCEPTED)
MOST_IN_A_WAVE = 2_000


class WrongGoods(DomainError):
    """What was scanned does not belong to this part."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "wrong_goods"
    title = _l("STOP: this does not belong to this order. Put it back.")


class WrongLot(DomainError):
    """The right goods from the wrong lot: another one expires first."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "wrong_lot"
    title = _l("STOP: right goods, wrong lot")


class PickedAlready(DomainError):
    """More was scanned than was ordered."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "picked_already"
    title = _l("STOP: all packs of this are ticked off already")


@dataclass(frozen=True)
class Standing:
    """One row of a pick list with what a scanner reads on its packs."""

    allocation: Allocation
    sku: str
    lot: str


def rows_of(session: Session, fulfilment_id: int) -> Sequence[Standing]:
    """The part's packs that stand on its shelves, the lot that expires first on top."""
    statement = (
        select(Allocation, Sku.code, Lot.code)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .where(Allocation.fulfilment_id == fulfilment_id, Allocation.state == "reserved")
        .order_by(Lot.best_before, Sku.code, Allocation.id)
        .execution_options(populate_existing=True)
    )
    return [Standing(*row) for row in session.execute(statement)]


def find_row(rows: Sequence[Standing], code: str) -> Standing:
    """The row a scanned code (of a SKU or of a lot) ticks off next. Pure.

    Raises WrongGoods, WrongLot (`code` is a lot's of the same goods), PickedAlready.
    """
    wanted = code.strip().upper()
    fitting = [row for row in rows if wanted in {row.sku.upper(), row.lot.upper()}]
    if not fitting:
        raise WrongGoods(errors=[{"field": "code"}])
    for row in fitting:
        if row.allocation.picked < row.allocation.quantity:
            return row
    raise PickedAlready(errors=[{"field": "code"}])


def tick(session: Session, fulfilment_id: int, code: str, actor: Actor, now: datetime) -> Standing:
    """One pack was scanned: tick it off. The first one accepts the part. Raises what find_row raises, WrongState."""
    order, part = lock_to_pick(session, fulfilment_id)
    rows = rows_of(session, fulfilment_id)
    try:
        row = find_row(rows, code)
    except WrongGoods:
        lot_wanted = lot_instead(session, rows, code)
        if lot_wanted is None:
            raise
        raise WrongLot(
            _l("STOP: right goods, wrong lot. Take lot %(lot)s, it expires first.", lot=lot_wanted)
        ) from None
    begin(session, order, part, actor, now)
    set_picked(row.allocation, row.allocation.picked + 1)
    return row


def tick_row(session: Session, fulfilment_id: int, allocation_id: int, packs: int, actor: Actor, now: datetime) -> None:
    """So many packs of a row are in the bag (0 takes the ticks back). Raises NotFound, WrongState."""
    order, part = lock_to_pick(session, fulfilment_id)
    row = next((one for one in rows_of(session, fulfilment_id) if one.allocation.id == allocation_id), None)
    if row is None:
        raise NotFound()
    begin(session, order, part, actor, now)
    set_picked(row.allocation, min(max(packs, 0), row.allocation.quantity))


def lock_to_pick(session: Session, fulfilment_id: int) -> tuple[Order, Fulfilment]:
    """Order and part, locked, while there is something to pick. Raises WrongState."""
    order, part = lock_part(session, fulfilment_id)
    if FulfilmentStatus(part.status) not in TO_PICK:
        raise WrongState(errors=[{"status": part.status}])
    return order, part


def begin(session: Session, order: Order, part: Fulfilment, actor: Actor, now: datetime) -> None:
    """Whoever picks has accepted."""
    if part.status == FulfilmentStatus.ASSIGNED:
        move_fulfilment(session, order, part, FulfilmentStatus.ACCEPTED, actor, now)
        settle_order(session, order, actor, now)


def set_picked(allocation: Allocation, packs: int) -> None:
    """Write how many packs are ticked off."""
    allocation.picked, allocation.picked_at = packs, None


def lot_instead(session: Session, rows: Sequence[Standing], code: str) -> str | None:
    """The lot to take when the code is another lot's of goods this part wants; None when it is no such lot."""
    wanted = select(Sku.code).join(Lot, Lot.sku_id == Sku.id).where(Lot.code == code.strip())
    skus = set(session.execute(wanted).scalars())
    return next((row.lot for row in rows if row.sku in skus), None)


@dataclass
class WaveRow:
    """Packs of one lot for all open parts: `shares` says which order gets how many."""

    storage: str
    names: dict[str, str]
    pack_names: dict[str, str]
    sku: str
    lot: str
    best_before: date
    packs: int = 0
    picked: int = 0
    shares: list[tuple[str, int]] = field(default_factory=list)


def wave(session: Session, counter_ids: set[int] | None, due_before: datetime | None) -> Sequence[WaveRow]:
    """One round through the shelves for everything still to pick: by storage, then the lot that expires first."""
    statement = (
        select(Allocation, Order.number, Sku, Lot, Product.names)
        .join(Fulfilment, Fulfilment.id == Allocation.fulfilment_id)
        .join(Order, Order.id == Fulfilment.order_id)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(Fulfilment.status.in_([one.value for one in TO_PICK]), Allocation.state == "reserved")
        .order_by(Sku.storage, Lot.best_before, Sku.code, Lot.code, Fulfilment.due_at, Allocation.id)
    )
    if counter_ids is not None:
        statement = statement.where(Fulfilment.counter_id.in_(counter_ids))
    if due_before is not None:
        statement = statement.where(Fulfilment.due_at <= due_before)
    rows: dict[int, WaveRow] = {}
    for allocation, number, sku, lot, names in session.execute(statement.limit(MOST_IN_A_WAVE)):
        row = rows.setdefault(
            allocation.level_id, WaveRow(sku.storage, names, sku.pack_names, sku.code, lot.code, lot.best_before)
        )
        row.packs += allocation.quantity
        row.picked += allocation.picked
        row.shares.append((number, allocation.quantity))
    return list(rows.values())
