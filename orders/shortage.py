"""When there is less than was promised: counts, withdrawn lots, and who is served shorter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from flask_babel import lazy_gettext as _l
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, joinedload

from catalogue.stock.availability import add_to_available, available, lock_available
from catalogue.stock.ledger import has_moved, move
from catalogue.stock.lots import is_past_margin, levels_of, lots_past_margin, stop_selling
from catalogue.stock.models import Channel, Location, Lot, MovementKind, StockLevel
from orders.backorders import go_adrift, something_comes, take_up
from orders.consignments.models import Backorder
from orders.consignments.setting_aside import lock_consignments_on, release_on
from orders.consignments.states import BackorderState
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.replan import ROUTABLE, plan_anew
from orders.lifecycle import cancel_parts, move_order, settle_order, settle_orders, tell
from orders.models import Order, OrderLine, Reservation
from orders.payments.refunds import give_back_surplus
from orders.promises import lock_order, lock_orders, shorten_line, unallocate
from orders.states import OrderStatus
from shop import audit
from shop.audit import Actor
from shop.clock import shanghai_day
from shop.db import in_transaction
from shop.errors import Invalid, NotFound
from shop.outbox import emit, emit_all

KEEPER = Actor("stock keeper")
Losses = Mapping[tuple[int, Channel], int]  # packs that leave, by SKU id and where they may be promised


def count_stock(
    session: Session,
    *,
    level_id: int,
    counted: int,
    actor: Actor,
    source_id: str,
    now: datetime,
    note: str = "",
) -> bool:
    """Set a level to what was counted; False when this count (`source_id`) was applied before or changes nothing.

    Fewer packs than are promised: allocations on the level go back to routing, and what cannot be covered by other
    stock is taken off the newest orders first. Raises Invalid, NotFound.
    """
    if counted < 0:
        raise Invalid(errors=[{"field": "counted"}])
    cause = Cause(MovementKind.COUNT, "count", source_id, note)
    return change_level(session, level_id, lambda there: counted - there, cause, actor, now)


def correct_stock(
    session: Session, *, level_id: int, difference: int, actor: Actor, source_id: str, now: datetime
) -> bool:
    """Add what a count found (packs, less than nothing where some are missing) to what stands there by now.

    For counts that are saved later than they were made: what was sold in between stays sold.
    """
    cause = Cause(MovementKind.COUNT, "count", source_id)
    return change_level(session, level_id, lambda there: max(difference, -there), cause, actor, now)


def waste_stock(
    session: Session, *, level_id: int, packs: int, reason: str, actor: Actor, source_id: str, now: datetime
) -> bool:
    """Throw packs away; whoever was promised them is served from elsewhere or shorter. Raises Invalid, NotFound."""
    if packs < 1 or not reason.strip():
        raise Invalid(_l("Please say how many packs and why"), errors=[{"field": "waste"}])
    cause = Cause(MovementKind.WASTE, "waste", source_id, reason.strip())
    return change_level(session, level_id, lambda there: -min(packs, there), cause, actor, now)


@dataclass(frozen=True)
class Cause:
    """Why a level changes: the same cause changes it once."""

    kind: MovementKind
    source_type: str
    source_id: str
    note: str = ""


def change_level(
    session: Session, level_id: int, change: Callable[[int], int], cause: Cause, actor: Actor, now: datetime
) -> bool:
    """Change what stands at a level by `change(what stands there)`; False if nothing changes or it was done before.

    Where fewer packs remain than are promised, allocations go back to routing and the newest orders get less.
    """
    place = session.execute(
        select(StockLevel.lot_id, StockLevel.sku_id, StockLevel.on_hand, Location.channel)
        .join(Location, Location.id == StockLevel.location_id)
        .where(StockLevel.id == level_id)
    ).one_or_none()
    if place is None:
        raise NotFound()
    lock_touched(session, [level_id], {(place.sku_id, Channel(place.channel)): -change(place.on_hand)})
    level = next(one for one in levels_of(session, place.lot_id) if one.id == level_id)
    difference = change(level.on_hand)
    if difference == 0 or has_moved(session, level_id, cause.kind, cause.source_type, cause.source_id):
        return False
    remains = level.on_hand + difference
    if remains < level.reserved:
        # What is meant for a consignment gives way before what a customer was promised.
        needed = level.reserved - remains - release_on(session, [level_id], actor.name)
        if needed > 0:
            needed -= unplan_arrived(session, [level_id], actor.name)
        take_back(session, least_needed(session, level_id, needed), "counted", actor, now)
    lot = session.get_one(Lot, place.lot_id)
    if difference < 0 and lot.sellable:
        cover_loss(session, place.sku_id, Channel(place.channel), -difference, actor, now)
    moved = move(
        session, level_id, cause.kind, on_hand=difference, source_type=cause.source_type, source_id=cause.source_id,
        actor=actor.name, note=cause.note,
    )  # fmt: skip
    if moved:
        action = "stock.wasted" if cause.kind == MovementKind.WASTE else "stock.counted"
        audit.record(
            session, actor, action, "stock_level", level_id,
            before={"on_hand": remains - difference}, after={"on_hand": remains},
        )  # fmt: skip
    return moved


def withdraw_lots(session: Session, now: datetime) -> int:
    """Take every lot whose sell-by margin is over out of sale, one transaction each; how many."""
    withdrawn = 0
    for lot_id in lots_past_margin(session, shanghai_day(now)):
        withdraw = partial(withdraw_lot, session, lot_id, "past its sell-by margin", KEEPER, now, only_if_old=True)
        withdrawn += in_transaction(session, withdraw)
    return withdrawn


def withdraw_lot(
    session: Session, lot_id: int, reason: str, actor: Actor, now: datetime, *, only_if_old: bool = False
) -> bool:
    """Take one lot out of sale: what it was meant for goes back to routing or off the newest orders."""
    level_ids = session.execute(select(StockLevel.id).where(StockLevel.lot_id == lot_id)).scalars().all()
    lock_touched(session, level_ids, standing_of(session, lot_id))
    lot = session.execute(select(Lot).where(Lot.id == lot_id).with_for_update()).scalar_one()
    if not lot.sellable or (only_if_old and not is_past_margin(session, lot, shanghai_day(now))):
        return False
    levels = levels_of(session, lot_id)
    send_back(session, [level.id for level in levels], "recalled", actor, now)
    for channel in Channel:
        lost = sum(level.on_hand for level in levels if session.get_one(Location, level.location_id).channel == channel)
        cover_loss(session, lot.sku_id, channel, lost, actor, now)
    stop_selling(session, lot, reason)
    audit.record(session, actor, "lot.withdrawn", "lot", lot_id, after={"reason": reason})
    return True


def standing_of(session: Session, lot_id: int) -> Losses:
    """What would be lost with a lot that is still sold, read without locks."""
    statement = (
        select(StockLevel.sku_id, Location.channel, func.sum(StockLevel.on_hand))
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(StockLevel.lot_id == lot_id, Lot.sellable)
        .group_by(StockLevel.sku_id, Location.channel)
    )
    return {(sku_id, Channel(channel)): int(packs) for sku_id, channel, packs in session.execute(statement)}


def lock_for_arrival(session: Session, fulfilment_id: int) -> None:
    """Before a transfer is received: lock its order, and whoever gets less when packs of it were called back."""
    statement = (
        select(Lot.sku_id, func.sum(Allocation.quantity))
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(Allocation.fulfilment_id == fulfilment_id, Allocation.state == "in_transit", ~Lot.sellable)
        .group_by(Lot.sku_id)
    )
    lost = {(sku_id, Channel.COUNTERS): int(packs) for sku_id, packs in session.execute(statement)}
    own = session.execute(select(Fulfilment.order_id).where(Fulfilment.id == fulfilment_id)).scalars().all()
    lock_orders(session, {*own, *who_may_give(session, lost)})


def refuse_recalled(session: Session, allocations: Sequence[Allocation], actor: Actor, now: datetime) -> None:
    """Packs (lock_for_arrival()) that were between two counters when their lot went out of sale: nobody gets them.

    They were in no place then, so what may be promised loses them only now.
    """
    statement = (
        select(Allocation, Lot.sku_id)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(Allocation.id.in_([one.id for one in allocations]), ~Lot.sellable)
        .order_by(Lot.sku_id, Allocation.id)
    )
    lost: dict[int, int] = defaultdict(int)
    recalled = []
    for allocation, sku_id in session.execute(statement):
        recalled.append(allocation)
        lost[sku_id] += allocation.quantity
    take_back(session, recalled, "recalled", actor, now)
    for sku_id, packs in lost.items():
        cover_loss(session, sku_id, Channel.COUNTERS, packs, actor, now)
        add_to_available(session, {sku_id: -packs}, Channel.COUNTERS)


def orders_on(session: Session, level_ids: Sequence[int]) -> Sequence[int]:
    """Ids of the orders that have packs allocated on these levels, ascending."""
    allocated = (
        select(OrderLine.order_id)
        .join(Allocation, Allocation.order_line_id == OrderLine.id)
        .where(Allocation.level_id.in_(level_ids), Allocation.state == "reserved")
    )
    arrived = select(Backorder.order_id).where(
        Backorder.level_id.in_(level_ids), Backorder.state == BackorderState.ARRIVED.value
    )
    return sorted(session.execute(allocated.union(arrived)).scalars())


def unplan_arrived(session: Session, level_ids: Sequence[int], actor: str) -> int:
    """What a consignment brought for customers and the router has not planned yet: a promise without a place again.

    The orders have a job that plans them; those not locked yet are not waited for. How many packs.
    """
    statement = (
        select(Backorder)
        .where(Backorder.level_id.in_(level_ids), Backorder.state == BackorderState.ARRIVED.value)
        .order_by(Backorder.id)
        .execution_options(populate_existing=True)
    )
    arrived = session.execute(statement).scalars().all()
    if arrived:
        lock_orders(session, {one.order_id for one in arrived}, wait=False)
        take_up(session, arrived, actor)
    return sum(one.packs for one in arrived)


def lock_touched(session: Session, level_ids: Sequence[int], lost: Losses) -> None:
    """Lock first who has packs on these levels, and who may have to give some up when `lost` leave.

    The shop's one order of locks is order, consignment, stock. Once stock is locked everything is looked at again;
    who turns up only then is not waited for.
    """
    lock_orders(session, {*orders_on(session, level_ids), *who_may_give(session, lost)})
    lock_consignments_on(session, level_ids)


def who_may_give(session: Session, lost: Losses) -> set[int]:
    """Ids of the orders that cover_loss() may shorten, read without locks; none where enough is left unpromised.

    Packs that are only taken back from a level later are not counted, so these are rather too many than too few.
    """
    giving = set()
    for (sku_id, channel), packs in lost.items():
        missing = packs - available(session, [sku_id], channel).get(sku_id, 0) if packs > 0 else 0
        for promise in held_promises(session, sku_id, channel) if missing > 0 else ():
            if missing <= 0:
                break
            giving.add(promise.order_id)
            missing -= promise.held
    return giving


def held_promises(session: Session, sku_id: int, channel: Channel) -> Sequence[Row[int, int, int]]:
    """Order lines with packs promised and not tied to a lot, in the order in which they give way.

    Unpaid orders give way before paid ones, newer before older.
    """
    statement = (
        select(OrderLine.id, OrderLine.order_id, Reservation.held)
        .join(Reservation, Reservation.order_line_id == OrderLine.id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Reservation.sku_id == sku_id, Reservation.channel == channel.value, Reservation.held > 0)
        .order_by((Order.status == OrderStatus.AWAITING_PAYMENT.value).desc(), Order.id.desc())
    )
    return session.execute(statement).all()


def send_back(session: Session, level_ids: Sequence[int], why: str, actor: Actor, now: datetime) -> None:
    """Take everything that is set aside off these levels, and have the orders it was for planned anew."""
    release_on(session, level_ids, actor.name)
    unplan_arrived(session, level_ids, actor.name)
    statement = (
        select(Allocation)
        .where(Allocation.level_id.in_(level_ids), Allocation.state == "reserved")
        .options(joinedload(Allocation.line))
        .order_by(Allocation.id)
    )
    take_back(session, session.execute(statement).scalars().all(), why, actor, now)


def take_back(session: Session, allocations: Sequence[Allocation], why: str, actor: Actor, now: datetime) -> None:
    """Take these packs off their parts and have the orders planned anew; orders not locked yet are not waited for."""
    if not allocations:
        return
    order_ids = sorted({allocation.line.order_id for allocation in allocations})
    orders = lock_orders(session, order_ids, wait=False)
    unallocate(session, allocations, actor.name)
    settle_orders(session, orders, actor, now)
    kinds = dict(session.execute(select(Order.id, Order.kind).where(Order.id.in_(order_ids))).all())
    newest = max(allocation.id for allocation in allocations)
    bulk = [order_id for order_id in order_ids if kinds[order_id] == "bulk"]
    emit_all(session, "order.route", {f"{one}:stock:{newest}": {"order_id": one, "why": why} for one in bulk})
    plan_anew(session, [one for one in order_ids if one not in bulk], why, f"stock:{newest}")
    session.expire_all()


def least_needed(session: Session, level_id: int, packs: int) -> Sequence[Allocation]:
    """Allocations on a level that together free so many packs: what nobody has picked first, the newest first."""
    statement = (
        select(Allocation)
        .where(Allocation.level_id == level_id, Allocation.state == "reserved")
        .options(joinedload(Allocation.line))
        .order_by(Allocation.picked > 0, Allocation.id.desc())
    )
    chosen = []
    for allocation in session.execute(statement).scalars():
        if packs <= 0:
            break
        chosen.append(allocation)
        packs -= allocation.quantity
    return chosen


def cover_loss(session: Session, sku_id: int, channel: Channel, lost: int, actor: Actor, now: datetime) -> None:
    """Before `lost` packs leave: if more is promised than will remain, shorten the newest orders until it fits.

    The orders were locked by lock_touched(); one that was not foreseen there is not waited for.
    """
    if lost <= 0:
        return
    missing = lost - lock_available(session, [sku_id], channel).get(sku_id, 0)
    if missing <= 0:
        return
    for promise in held_promises(session, sku_id, channel):
        if missing <= 0:
            break
        missing -= shorten_order(session, promise.order_id, promise.id, missing, actor, now)


def shorten_order(session: Session, order_id: int, line_id: int, packs: int, actor: Actor, now: datetime) -> int:
    """Take up to `packs` held packs off an order; how many it gave. Where more is coming, the router looks for it."""
    order = lock_order(session, order_id, wait=False)
    line = session.get_one(OrderLine, line_id, populate_existing=True)
    reservation = session.get_one(Reservation, line_id, populate_existing=True, with_for_update=True)
    given = min(packs, reservation.held)
    if not given:
        return 0
    if order.kind == "retail" and order.status in ROUTABLE and something_comes(session, line.sku_id, shanghai_day(now)):
        lost = go_adrift(session, reservation, given)
        settle_order(session, order, actor, now)
        plan_anew(session, [order_id], "counted", f"adrift:{lost.id}")
        return given
    shorten_line(session, order, line, given)
    tell(session, order, "order.shortened", sku_id=line.sku_id, packs=given)
    audit.record(session, actor, "order.shortened", "order", order_id, after={"sku_id": line.sku_id, "packs": given})
    if all(one.cancelled == one.quantity for one in order.lines):
        cancel_parts(session, order_id, actor, now)
        move_order(session, order, OrderStatus.CANCELLED, actor, now)
    else:
        key = f"{order_id}:changed:{sum(one.cancelled for one in order.lines)}"
        emit(session, "order.mail", key, {"order_id": order_id, "kind": "changed"})
        settle_order(session, order, actor, now)
    closed = order.status == OrderStatus.CANCELLED
    give_back_surplus(session, order, 0 if closed else order.total_fen, "short", actor, now)
    return given
