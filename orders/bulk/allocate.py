"""Give a bulk order its lots at the cooperatives, the one that expires first on top, and tell their makers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.stock.models import Location, Lot, StockLevel
from orders.fulfilment.assign import ROUTER
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.write_parts import place
from orders.lifecycle import settle_order, tell, tell_suppliers
from orders.models import Order
from orders.promises import lock_order, reservations_of
from orders.routing.problem import Take
from orders.states import OPEN_ORDERS, FulfilmentRole, FulfilmentStatus, OrderStatus
from shop import audit
from shop.clock import SHANGHAI
from shop.observability import follow_order
from shop.outbox import emit

# When a delivery counter should have an order without a wish of its own, and the hour on the day.
USUAL_DAYS = 7
HOUR = time(12, 0)


def bulk_orders(session: Session, order_ids: Sequence[int]) -> set[int]:
    """Those of these orders that take their goods from the cooperatives."""
    return set(session.scalars(select(Order.id).where(Order.id.in_(order_ids), Order.kind == "bulk")))


def allocate_at_origin(session: Session, order_id: int, now: datetime) -> int:
    """Tie every promised pack to a lot in a cooperative's store; how many packs were tied, 0 the second time."""
    order = lock_order(session, order_id)
    follow_order(order.number)
    held = {one.sku_id: one for one in reservations_of(session, order_id) if one.held}
    waits = order.status in OPEN_ORDERS and order.status != OrderStatus.AWAITING_PAYMENT
    if not held or not waits or order.pickup_counter_id is None:
        return 0
    part = part_of(session, order, now)
    chosen = []
    wanted = {sku_id: reservation.held for sku_id, reservation in held.items()}
    for level_id, sku_id, free in free_at_origin(session, list(held)):
        packs = min(free, wanted[sku_id])
        if packs:
            chosen.append((held[sku_id], part, Take(sku_id, level_id, packs)))
            wanted[sku_id] -= packs
    place(session, chosen, ROUTER)
    settle_order(session, order, ROUTER, now)
    change = session.scalar(select(func.max(Allocation.id)).where(Allocation.fulfilment_id == part.id))
    tell_suppliers(session, order, f"origin-{change}")
    emit(session, "counter.notice", f"{part.id}:origin-{change}", {"fulfilment_id": part.id, "kind": "assigned"})
    return sum(take.quantity for _, _, take in chosen)


def free_at_origin(session: Session, sku_ids: list[int]) -> list[tuple[int, int, int]]:
    """Level, SKU and free packs of sellable lots at the cooperatives, oldest first; locked in level order."""
    statement = (
        select(StockLevel.id, StockLevel.sku_id, StockLevel.on_hand - StockLevel.reserved, Lot.best_before)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Location, Location.id == StockLevel.location_id)
        .where(Location.channel == "origin", StockLevel.sku_id.in_(sku_ids), Lot.sellable)
        .where(StockLevel.on_hand > StockLevel.reserved)
        .order_by(StockLevel.id)
        .with_for_update(of=StockLevel)
    )
    rows = session.execute(statement).all()
    return [
        (level_id, sku_id, int(free)) for level_id, sku_id, free, _day in sorted(rows, key=lambda row: (row[3], row[0]))
    ]


def part_of(session: Session, order: Order, now: datetime) -> Fulfilment:
    """The delivery counter's open part of the order, made if there is none."""
    statement = select(Fulfilment).where(
        Fulfilment.order_id == order.id, Fulfilment.role == FulfilmentRole.HAND_OVER.value,
        Fulfilment.status.in_(("assigned", "accepted", "ready")),
    )  # fmt: skip
    part = session.execute(statement).scalars().first()
    if part is not None:
        if part.status == FulfilmentStatus.READY:
            # More goods for a part that was ready reopen it.
            part.status, part.ready_at = FulfilmentStatus.ACCEPTED.value, None
        return part
    due = now + timedelta(days=USUAL_DAYS)
    if order.needed_by is not None:
        due = datetime.combine(order.needed_by, HOUR, SHANGHAI)
    part = Fulfilment(
        order_id=order.id, counter_id=order.pickup_counter_id, role=FulfilmentRole.HAND_OVER.value, due_at=due
    )
    session.add(part)
    session.flush()
    audit.record(session, ROUTER, "fulfilment.assigned", "fulfilment", part.id, after={"counter": part.counter.code})
    tell(session, order, "order.counter_found", counter=part.counter.code, role=part.role)
    return part
