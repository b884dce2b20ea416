"""Give orders' promised packs their counters and lots, together with what can no longer stay where it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Product, Sku
from catalogue.stock.models import Availability, Channel
from orders.backorders import backorders_of, take_up
from orders.consignments.models import Backorder
from orders.consignments.states import TO_PLAN, BackorderState
from orders.fulfilment.cases import close_cases, open_cases, park
from orders.fulfilment.coming import Missing, missing_of
from orders.fulfilment.instance import Snapshot, Waiting
from orders.fulfilment.missing import see_to_missing
from orders.fulfilment.plan_models import RoutingPlan
from orders.fulfilment.planning import Decision, Proposal, days_for, decide_all
from orders.fulfilment.plans import forgiven, keep_plans, versions_of
from orders.fulfilment.standing import Work, read_work
from orders.fulfilment.world import World
from orders.fulfilment.write_parts import Assigned, tell_of, write_parts
from orders.lifecycle import settle_orders
from orders.models import Order, Reservation
from orders.promises import lock_orders, reservations_of
from orders.states import OrderStatus
from shop.audit import Actor
from shop.clock import shanghai_day
from shop.observability import follow_order
from shop.outbox import emit_all

ROUTER = Actor("router")
ROUTABLE = {OrderStatus.CONFIRMED, OrderStatus.ROUTED, OrderStatus.PREPARING, OrderStatus.READY}
# An order that was planned so often since a person last looked at it waits for a person.
MOST_PLANS = 12
# Why an order waits for a person until there is a day again.
NO_DAY = {"pickup_closed", "all_closed"}


@dataclass(frozen=True)
class ToRoute:
    """An order with its promises and its work; `wish` are the packs (by SKU id) that need a counter.

    `awaited` are those among them that a consignment brought, or will not bring any more.
    """

    order: Order
    reservations: Sequence[Reservation]
    work: Work
    wish: Mapping[int, int]
    awaited: Sequence[Backorder] = ()

    @property
    def arrived(self) -> list[Backorder]:
        return [one for one in self.awaited if one.state == BackorderState.ARRIVED]


def route_order(session: Session, order_id: int, now: datetime, why: str = "placed") -> RoutingPlan | None:
    """One order by itself; None when there is nothing to do."""
    return route_orders(session, [order_id], now, why).get(order_id)


def route_orders(
    session: Session,
    order_ids: Sequence[int],
    now: datetime,
    why: str = "placed",
    proposals: Mapping[int, Proposal] | None = None,
) -> dict[int, RoutingPlan]:
    """Plan what these orders wait for, and what their counters can no longer do; the new plans by order id.

    The one way packs find a counter, for whatever reason they need one, in as many statements for many orders as for
    one. Safe to repeat: an order without anything to plan is left alone. What no counter can give on any of the next
    days is promised against a consignment or taken off the order, and its customer is told. An order that was planned
    too often, or whose pickup counter does not open, is parked for a person. `proposals` are plans made earlier; one
    that still fits is used.
    """
    orders = [one for one in lock_orders(session, order_ids) if one.kind == "retail" and one.status in ROUTABLE]
    if len(orders) == 1:
        follow_order(orders[0].number)
    world = World(session, now, [one.pickup_counter_id for one in orders if one.pickup_counter_id is not None])
    found = to_route(session, orders, world, lock=True)
    if not found:
        return {}
    versions = versions_of(session, [one.order.id for one in found])
    found = without_parked(session, found, versions, world, why)
    if not found:
        return {}
    snapshot, waiting = snapshot_for(session, found, world, lock=True)
    adrift = take_up(session, [one for order in found for one in order.awaited], ROUTER.name)
    waiting = without_adrift(waiting, found, adrift) if adrift else waiting
    decisions = decide_all(snapshot, waiting, proposals)
    plans = keep_plans(session, decisions, versions, world.costs_row.id, why) if decisions else {}
    assigned = carry_out(session, found, decisions, plans, world)
    see_to_missing(session, snapshot, missing_from(found, decisions, adrift), ROUTER, now)
    settle_orders(session, [one.order for one in found if one.order.status in ROUTABLE], ROUTER, now)
    tell_of(session, assigned, plans, why, world, ROUTER)
    suppliers = {
        f"{order_id}:plan-{plan.version}": {"order_id": order_id, "change": f"plan-{plan.version}"}
        for order_id, plan in plans.items()
    }
    emit_all(session, "supplier.notice", suppliers)
    tell_low_stock(session, sorted({sku for one in waiting for sku in one.wish}), now)
    return plans


def to_route(session: Session, orders: Sequence[Order], world: World, *, lock: bool) -> list[ToRoute]:
    """The orders among these that have something to plan."""
    if not orders:
        return []
    reservations: dict[int, list[Reservation]] = {order.id: [] for order in orders}
    for reservation in reservations_of(session, *reservations, lock=lock):
        reservations[reservation.order_id].append(reservation)
    work = read_work(session, orders, world, lock=lock)
    waiting = [order_id for order_id, promises in reservations.items() if any(one.awaited for one in promises)]
    awaited: dict[int, list[Backorder]] = defaultdict(list)
    for backorder in backorders_of(session, waiting, TO_PLAN) if waiting else ():
        awaited[backorder.order_id].append(backorder)
    found = []
    for order in orders:
        mine = work[order.id]
        wish = {one.sku_id: one.held for one in reservations[order.id] if one.held}
        for packs, _ in mine.freed:
            wish[packs.sku] = wish.get(packs.sku, 0) + packs.allocation.quantity
        skus = {one.order_line_id: one.sku_id for one in reservations[order.id]}
        for backorder in awaited[order.id]:
            sku = skus[backorder.order_line_id]
            wish[sku] = wish.get(sku, 0) + backorder.packs
        if wish or mine.is_unfit or mine.is_idle:
            found.append(ToRoute(order, reservations[order.id], mine, wish, awaited[order.id]))
    return found


def snapshot_for(
    session: Session, found: Sequence[ToRoute], world: World, *, lock: bool
) -> tuple[Snapshot, list[Waiting]]:
    """What there is for them, what they give back themselves included; whoever waited for a consignment comes first."""
    freed: dict[int, int] = defaultdict(int)
    for one in found:
        for packs, _ in one.work.freed:
            freed[packs.allocation.level_id] += packs.allocation.quantity
        for backorder in one.arrived:
            freed[backorder.level_id or 0] += backorder.packs
    ordered = sorted(found, key=lambda one: not one.arrived)
    waiting = [Waiting(one.order, one.wish) for one in ordered if one.wish]
    return Snapshot(session, world, waiting, freed, lock=lock), waiting


def without_adrift(
    waiting: Sequence[Waiting], found: Sequence[ToRoute], adrift: Mapping[int, int]
) -> list[Waiting]:  # fmt: skip
    """What can be planned from shelves: packs (by order line id) that nothing stands for are not among it."""
    lacking = adrift_of(found, adrift)
    reduced = []
    for one in waiting:
        wish = {sku: packs - lacking[one.order.id].get(sku, 0) for sku, packs in one.wish.items()}
        reduced.append(Waiting(one.order, {sku: packs for sku, packs in wish.items() if packs}))
    return [one for one in reduced if one.wish]


def adrift_of(found: Sequence[ToRoute], adrift: Mapping[int, int]) -> dict[int, dict[int, int]]:
    """Those packs by order and SKU id."""
    return {
        one.order.id: {
            promise.sku_id: adrift[promise.order_line_id]
            for promise in one.reservations
            if promise.order_line_id in adrift
        }
        for one in found
    }


def missing_from(found: Sequence[ToRoute], decisions: Sequence[Decision], adrift: Mapping[int, int]) -> list[Missing]:
    """What plans leave out, and what there was nothing to plan from; the oldest order first."""
    unfilled = {one.waiting.order.id: {line.sku: line.quantity for line in one.plan.unfilled} for one in decisions}
    lacking = adrift_of(found, adrift)
    missing = [missing_of(one.order, unfilled.get(one.order.id, {}), lacking[one.order.id]) for one in found]
    return [one for one in missing if one.packs]


def without_parked(
    session: Session, found: Sequence[ToRoute], versions: Mapping[int, int], world: World, why: str
) -> list[ToRoute]:
    """Those that may be planned; the others wait for a person, each with one open case."""
    ids = [one.order.id for one in found]
    known = open_cases(session, ids)
    often = [order_id for order_id in ids if versions.get(order_id, 0) >= MOST_PLANS]
    waved = forgiven(session, often) if often else {}
    kept: list[ToRoute] = []
    parked: dict[int, str] = {}
    for one in found:
        order_id = one.order.id
        if order_id in known and not (known[order_id] in NO_DAY and has_day(one.order, world)):
            continue
        if order_id in often and versions[order_id] - waved.get(order_id, 0) >= MOST_PLANS:
            parked[order_id] = "planned_too_often"
        elif not has_day(one.order, world):
            parked[order_id] = "all_closed" if one.order.pickup_counter_id is None else "pickup_closed"
        else:
            kept.append(one)
    park(session, parked, versions, why, ROUTER)
    close_cases(session, [one.order.id for one in kept if one.order.id in known], ROUTER, world.now)
    return kept


def has_day(order: Order, world: World) -> bool:
    """Whether the order can be handed over on any of the days we look at."""
    return bool(days_for(world, order))


def carry_out(
    session: Session,
    found: Sequence[ToRoute],
    decisions: Sequence[Decision],
    plans: Mapping[int, RoutingPlan],
    world: World,
) -> list[Assigned]:
    """Write every order's plan as parts, allocations and movements."""
    by_order = {one.waiting.order.id: one for one in decisions}
    works = [
        Assigned(one.order, by_order.get(one.order.id), plans.get(one.order.id), one.work, one.reservations)
        for one in found
    ]
    write_parts(session, works, world, ROUTER)
    return works


def tell_low_stock(session: Session, sku_ids: list[int], now: datetime) -> None:
    """Once a day and SKU: let the cooperative hear that its goods are running low in Wuhan."""
    today = shanghai_day(now)
    statement = (
        select(Sku.id, Product.cooperative_id, Availability.available)
        .join(Product, Product.id == Sku.product_id)
        .join(Availability, (Availability.sku_id == Sku.id) & (Availability.channel == Channel.COUNTERS.value))
        .where(Sku.id.in_(sku_ids), Availability.available <= Sku.low_stock)
    )
    low = {
        f"{sku_id}:{today.isoformat()}": {"sku_id": sku_id, "cooperative_id": cooperative_id, "left": left}
        for sku_id, cooperative_id, left in session.execute(statement)
    }
    emit_all(session, "stock.low", low)
