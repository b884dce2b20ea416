"""Which work a change of counters' days would touch, to be looked at before it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from catalogue.stock.models import StockLevel
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.queue import masked
from orders.fulfilment.standing import UNDONE
from orders.models import Order, OrderContact
from shop.clock import shanghai_day

MOST_SHOWN = 200
IS_PACKED = Fulfilment.status == "ready"


@dataclass(frozen=True)
class Touched:
    """A part that a change touches, and its counter's names; a `packed` one is left alone: its customer is told."""

    part_id: int
    number: str
    counter: dict[str, str]
    role: str
    due_at: datetime
    packs: int
    customer: str
    packed: bool


def touched_by_closure(
    session: Session, counter_id: int | None, first: date, last: date, today: date
) -> Sequence[Touched]:
    """Parts at this counter (None: at any) that fall on these days; what is overdue counts as today's."""
    day = func.greatest(func.date(func.timezone("Asia/Shanghai", Fulfilment.due_at)), today)
    here = true() if counter_id is None else Fulfilment.counter_id == counter_id
    return parts(session, and_(here, day.between(first, last)), Allocation.state == "reserved")


def touched_by_early_closing(session: Session, counter_id: int, closes: datetime, now: datetime) -> Sequence[Touched]:
    """Parts at this counter that are due on that day after it closes; what is overdue is asked of now."""
    day = func.greatest(func.date(func.timezone("Asia/Shanghai", Fulfilment.due_at)), shanghai_day(now))
    later = func.greatest(Fulfilment.due_at, now) > closes
    condition = and_(Fulfilment.counter_id == counter_id, day == shanghai_day(closes), later)
    return parts(session, condition, Allocation.state == "reserved")


def touched_by_outage(session: Session, counter_id: int, storage: str) -> Sequence[Touched]:
    """Parts at this counter with goods of that storage class that are not picked yet, or stand packed."""
    unpicked = and_(Allocation.picked_at.is_(None), Allocation.picked == 0)
    packs = and_(Allocation.state == "reserved", Sku.storage == storage, or_(IS_PACKED, unpicked))
    return [one for one in parts(session, Fulfilment.counter_id == counter_id, packs) if one.packs]


def parts(session: Session, condition: ColumnElement[bool], counted: ColumnElement[bool]) -> Sequence[Touched]:
    """Parts that wait at their counters and meet a condition, by due time, with the packs that are counted of them."""
    packs = func.coalesce(func.sum(Allocation.quantity).filter(counted), 0)
    statement = (
        select(Fulfilment, Order.number, Counter.names, OrderContact.name, OrderContact.phone, packs)
        .join(Order, Order.id == Fulfilment.order_id)
        .join(Counter, Counter.id == Fulfilment.counter_id)
        .outerjoin(OrderContact, OrderContact.order_id == Order.id)
        .outerjoin(Allocation, Allocation.fulfilment_id == Fulfilment.id)
        .outerjoin(StockLevel, StockLevel.id == Allocation.level_id)
        .outerjoin(Sku, Sku.id == StockLevel.sku_id)
        .where(or_(Fulfilment.status.in_(UNDONE), IS_PACKED), condition)
        .group_by(Fulfilment.id, Order.number, Counter.id, OrderContact.name, OrderContact.phone)
        .order_by(Fulfilment.due_at, Fulfilment.id)
    )
    return [
        Touched(
            part.id, number, counter, part.role, part.due_at, int(count), masked(name or "", phone or ""),
            part.status == "ready",
        )
        for part, number, counter, name, phone, count in session.execute(statement)
    ]  # fmt: skip
