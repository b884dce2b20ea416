"""The day changed: which orders are planned anew. One way for every cause.

A cause is written down where it happens (a closure, a broken freezer, a lot out of sale, a rejected line) with an
event in the same transaction. Whoever works on the event asks what of the orders' work can no longer stand, so it
does not matter how often, or in which order, events come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from orders.consignments.models import Backorder
from orders.consignments.states import TO_PLAN
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.standing import UNDONE
from orders.models import Order, Reservation
from orders.states import OrderStatus
from shop.outbox import emit, emit_all

CHUNK = 25  # orders planned in one transaction: their levels are locked for well under a second
JOINT_FROM = 40  # so many orders that wait at once are worth planning together
ROUTABLE = [status.value for status in (OrderStatus.CONFIRMED, OrderStatus.ROUTED, OrderStatus.PREPARING,
                                        OrderStatus.READY)]  # fmt: skip
RUSH = timedelta(seconds=20)


def plan_anew(session: Session, order_ids: Iterable[int], why: str, key: str) -> None:
    """Have these orders planned: few of them order by order, many of them together. Once per `key`."""
    ids = sorted(set(order_ids))
    if len(ids) >= JOINT_FROM:
        emit(session, "backlog.route", key, {"order_ids": ids, "why": why})
        return
    chunks = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
    emit_all(
        session,
        "orders.route",
        {f"{key}:{number}": {"order_ids": chunk, "why": why} for number, chunk in enumerate(chunks)},
    )


def counter_changed(session: Session, counter_id: int, why: str, key: str) -> None:
    """Something about a counter is no longer as its work was planned (or is again): look at all of that work."""
    plan_anew(session, orders_at(session, counter_id), why, key)


def orders_at(session: Session, counter_id: int) -> Sequence[int]:
    """Orders with undone work at a counter, and those that wait to be collected there."""
    undone = select(Fulfilment.order_id).where(Fulfilment.counter_id == counter_id, Fulfilment.status.in_(UNDONE))
    waiting = select(Order.id).where(
        Order.pickup_counter_id == counter_id, Order.status.in_(ROUTABLE), waits_for_a_counter()
    )
    return session.execute(undone.union(waiting)).scalars().all()


def waits_for_a_counter() -> ColumnElement[bool]:
    """Whether an order has packs to plan: promised ones, or awaited ones that came or that nothing brings any more."""
    to_plan = select(Backorder.id).where(
        Backorder.order_line_id == Reservation.order_line_id, Backorder.order_id == Reservation.order_id,
        Backorder.state.in_(TO_PLAN),
    )  # fmt: skip
    waits = (Reservation.held > 0) | ((Reservation.awaited > 0) & to_plan.exists())
    return select(Reservation.order_id).where(Reservation.order_id == Order.id, waits).exists()


def plan_rest(session: Session, now: datetime) -> int:
    """When many orders wait for longer than one takes (an opening rush), have them planned together; how many."""
    ids = waiting_orders(session, before=now - RUSH)
    if len(ids) < JOINT_FROM:
        return 0
    plan_anew(session, ids, "backlog", f"rush:{now:%Y-%m-%dT%H:%M}")
    return len(ids)


def waiting_orders(session: Session, before: datetime | None = None) -> Sequence[int]:
    """Every order that waits for a counter, the oldest first; `before`: only those placed by then."""
    statement = (
        select(Order.id)
        .where(Order.kind == "retail", Order.status == OrderStatus.CONFIRMED.value, waits_for_a_counter())
        .order_by(Order.id)
    )
    if before is not None:
        statement = statement.where(Order.created_at < before)
    return session.execute(statement).scalars().all()
