"""What counters have of some orders already, and what of it can no longer be done as it was planned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Sku
from catalogue.stock.models import Lot, StockLevel
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.world import World
from orders.models import Order
from orders.states import FulfilmentRole, FulfilmentStatus
from shop.clock import shanghai_day

OPEN = (FulfilmentStatus.ASSIGNED, FulfilmentStatus.ACCEPTED, FulfilmentStatus.READY)
# What is packed stays as it is: only work that was not done yet may go elsewhere.
UNDONE = (FulfilmentStatus.ASSIGNED, FulfilmentStatus.ACCEPTED)


@dataclass(frozen=True)
class Standing:
    """Packs set aside at a part: which SKU, and how long they keep."""

    allocation: Allocation
    sku: int
    storage: str
    best_before: date
    min_life_days: int


@dataclass
class Part:
    """A part that has not left its counter, with what stands there; `unfit` says why it cannot stay ('' if it can)."""

    row: Fulfilment
    packs: list[Standing] = field(default_factory=list)
    unfit: str = ""

    @property
    def is_coming(self) -> bool:
        """Whether it brings goods to the pickup counter; once it left, its packs stand nowhere."""
        left = self.row.status == FulfilmentStatus.DISPATCHED
        return self.row.role == FulfilmentRole.TRANSFER and (left or bool(self.packs))

    @property
    def can_end(self) -> bool:
        """Whether it is over once it is empty: not a transfer on its way; a delivery on its way is called back."""
        return self.row.status in OPEN or self.row.role == FulfilmentRole.DELIVER


@dataclass
class Work:
    """An order's parts, and the packs among them that need another place, with the reason of each."""

    parts: list[Part] = field(default_factory=list)
    freed: list[tuple[Standing, str]] = field(default_factory=list)

    @property
    def is_unfit(self) -> bool:
        return bool(self.freed) or any(part.unfit for part in self.parts)

    @property
    def is_idle(self) -> bool:
        """Whether a part has nothing left to do: its packs were taken back, and it waits for no transfer."""
        waits = any(part.is_coming for part in self.parts)
        return any(
            not part.packs and not part.is_coming and not (waits and part.row.role == FulfilmentRole.HAND_OVER)
            for part in self.parts
        )


def read_work(session: Session, orders: Sequence[Order], world: World, *, lock: bool) -> dict[int, Work]:
    """The parts of these orders that are still at their counters or between two, with what of them is unfit.

    Two statements. Who means to change them locks them.
    """
    statement = (
        select(Fulfilment)
        .where(
            Fulfilment.order_id.in_([order.id for order in orders]),
            Fulfilment.status.in_((*OPEN, FulfilmentStatus.DISPATCHED)),
        )
        .order_by(Fulfilment.id)
        .execution_options(populate_existing=True)
    )
    if lock:
        statement = statement.with_for_update()
    parts = {row.id: Part(row) for row in session.execute(statement).scalars()}
    if parts:
        read_packs(session, parts)
    work: dict[int, Work] = defaultdict(Work)
    for part in parts.values():
        judge(part, world)
        mine = work[part.row.order_id]
        mine.parts.append(part)
        if part.row.status in UNDONE:
            mine.freed += [(packs, why) for packs in part.packs if (why := unfit_packs(part, packs, world))]
    return work


def read_packs(session: Session, parts: dict[int, Part]) -> None:
    """What stands at these parts' counters for them and was not picked yet."""
    statement = (
        select(Allocation, StockLevel.sku_id, Sku.storage, Lot.best_before, Sku.min_life_days)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .where(Allocation.fulfilment_id.in_(parts), Allocation.state == "reserved")
        .order_by(Allocation.id)
        .execution_options(populate_existing=True)
    )
    for allocation, sku, storage, best_before, min_life_days in session.execute(statement):
        standing = Standing(allocation, sku, storage, best_before, min_life_days)
        parts[allocation.fulfilment_id].packs.append(standing)


def judge(part: Part, world: World) -> None:
    """Whether its counter is there when the part is due. A counter that left the shop is closed."""
    counter = world.by_id.get(part.row.counter_id)
    if part.row.status not in UNDONE:
        return
    if counter is None or not counter.active or not world.calendars[counter.id].keeps(part.row.due_at, world.now):
        part.unfit = "closed"


def unfit_packs(part: Part, packs: Standing, world: World) -> str:
    """Why packs cannot stay where they are ('' when they can); picked ones are never moved."""
    if packs.allocation.picked_at is not None or packs.allocation.picked:
        return ""
    if part.unfit:
        return part.unfit
    if packs.storage not in world.storage[part.row.counter_id]:
        return "no_cold_place"
    due = max(shanghai_day(part.row.due_at), world.today)
    if packs.best_before < due + timedelta(days=packs.min_life_days):
        return "no_fresh_stock"
    return ""
