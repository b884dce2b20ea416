"""Give an order's promised packs their counters and lots, and keep the plan with its reasons."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from catalogue.models import Product, Sku
from catalogue.stock.ledger import reserve_all
from catalogue.stock.models import Availability, Channel
from orders.fulfilment.board_changes import board_of
from orders.fulfilment.instance import DAYS_AHEAD, RoutingInputs
from orders.fulfilment.models import Allocation, Fulfilment, RoutingPlan
from orders.lifecycle import move_order, settle_order, tell, tell_all, tell_suppliers
from orders.models import Order, OrderLine, Reservation
from orders.promises import lock_order, reservations_of, shorten_line, unallocate
from orders.routing.problem import Plan, Take
from orders.states import FulfilmentRole, FulfilmentStatus, OrderStatus
from shop import audit
from shop.audit import Actor
from shop.changes import say_changed
from shop.clock import shanghai_day
from shop.db import table_of
from shop.observability import follow_order
from shop.outbox import emit, emit_all

ROUTER = Actor("router")
ROUTABLE = {OrderStatus.CONFIRMED, OrderStatus.ROUTED, OrderStatus.PREPARING, OrderStatus.READY}


def route_order(session: Session, order_id: int, now: datetime) -> RoutingPlan | None:
    """Assign everything the order still waits for; None when there is nothing to do.

    What no counter can give on any of the next days is taken off the order, and the customer is told.
    """
    order = lock_order(session, order_id)
    follow_order(order.number)
    reservations = reservations_of(session, order_id)
    held = {one.sku_id: one.held for one in reservations if one.held}
    if not held or OrderStatus(order.status) not in ROUTABLE or order.kind != "retail":
        return None
    inputs = RoutingInputs(session, order, held, now)
    started = time.perf_counter()
    day, plan = best_day(inputs, shanghai_day(now))
    row = keep_plan(session, order, inputs, plan, time.perf_counter() - started)
    assign(session, order, inputs, day, plan, row.id)
    apologise(session, order, plan)
    if all(line.cancelled == line.quantity for line in order.lines):
        move_order(session, order, OrderStatus.CANCELLED, ROUTER, now)
    else:
        settle_order(session, order, ROUTER, now)
    tell_suppliers(session, order, f"plan-{row.version}")
    tell_low_stock(session, list(held), shanghai_day(now))
    return row


def best_day(inputs: RoutingInputs, today: date) -> tuple[date, Plan]:
    """The first day on which everything can be given; else the day on which least is missing."""
    from orders.routing.solver import solve  # brings numpy, which only workers need

    best: tuple[int, date, Plan] | None = None
    for offset in range(DAYS_AHEAD + 1):
        day = today + timedelta(days=offset)
        plan = solve(inputs.problem(day))
        missing = sum(line.quantity for line in plan.unfilled)
        if best is None or missing < best[0]:
            best = (missing, day, plan)
        if not missing and hand_over_is_open(inputs, day):
            return day, plan
    assert best is not None  # noqa: S101  the loop ran at least once
    return best[1], best[2]


def hand_over_is_open(inputs: RoutingInputs, day: date) -> bool:
    """Whether the counter that hands over a pickup works that day."""
    pickup = inputs.order.pickup_counter_id
    return pickup is None or any(c.id == pickup and not inputs.is_closed(c, day) for c in inputs.counters)


def keep_plan(session: Session, order: Order, inputs: RoutingInputs, plan: Plan, seconds: float) -> RoutingPlan:
    """Store the plan as decided, with the version of the weights it used."""
    latest = select(func.coalesce(func.max(RoutingPlan.version), 0)).where(RoutingPlan.order_id == order.id)
    statement = insert(RoutingPlan).values(
        order_id=order.id,
        version=latest.scalar_subquery() + 1,
        costs_id=inputs.costs_row.id,
        cost_fen=plan.cost_fen,
        bound_fen=plan.bound_fen,
        proved=plan.proved,
        solver="branch-and-bound",
        seconds=seconds,
        plan=asdict(plan),
    )
    return session.execute(statement.returning(RoutingPlan)).scalar_one()


def assign(session: Session, order: Order, inputs: RoutingInputs, day: date, plan: Plan, plan_id: int) -> None:
    """Write the plan's parcels as fulfilments, allocations and movements; tell the counters."""
    roles = {parcel.counter: FulfilmentRole(parcel.role) for parcel in plan.parcels}
    pickup = next((c.code for c in inputs.counters if c.id == order.pickup_counter_id), None)
    if plan.parcels and pickup is not None:
        roles.setdefault(pickup, FulfilmentRole.HAND_OVER)
    if not roles:
        return
    parts = parts_for(session, order, inputs, dict(sorted(roles.items())), day, plan_id)
    lines = {line.sku_id: line for line in order.lines}
    allocate(session, [(lines[take.sku], parts[one.counter], take) for one in plan.parcels for take in one.takes])
    say_changed(session, (board_of(part.counter_id) for part in parts.values()))
    notices = {f"{part.id}:{plan_id}": {"fulfilment_id": part.id, "kind": "assigned"} for part in parts.values()}
    emit_all(session, "counter.notice", notices)
    found = [{"counter": code, "role": roles[code].value} for code in parts]
    tell_all(session, order, "order.counter_found", found)


def parts_for(
    session: Session, order: Order, inputs: RoutingInputs, roles: dict[str, FulfilmentRole], day: date, plan_id: int
) -> dict[str, Fulfilment]:
    """Each counter's open part of this order, or a new one. More goods for a part that was ready reopen it."""
    statement = (
        select(Fulfilment)
        .where(Fulfilment.order_id == order.id, Fulfilment.status.in_(("assigned", "accepted", "ready")))
        .order_by(Fulfilment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    standing = {(part.counter_id, part.role): part for part in session.execute(statement).scalars()}
    parts = {}
    for code, role in roles.items():
        part = standing.get((inputs.by_code[code].id, role.value))
        if part is not None and part.status == FulfilmentStatus.READY:
            part.status, part.ready_at = FulfilmentStatus.ACCEPTED.value, None
        parts[code] = part or new_part(order, inputs, code, role, day, plan_id)
    made = {code: part for code, part in parts.items() if part.id is None}
    session.add_all(made.values())
    session.flush()
    assigned = {str(part.id): {"counter": code} for code, part in made.items()}
    audit.record_all(session, ROUTER, "fulfilment.assigned", "fulfilment", assigned)
    return parts


def new_part(
    order: Order, inputs: RoutingInputs, code: str, role: FulfilmentRole, day: date, plan_id: int
) -> Fulfilment:
    """What that counter has to do by when."""
    counter = inputs.by_code[code]
    due = inputs.due_at(counter, day) if counter_is_open(inputs, code, day) else inputs.now + timedelta(days=1)
    return Fulfilment(order_id=order.id, counter_id=counter.id, role=role.value, plan_id=plan_id, due_at=due)


def counter_is_open(inputs: RoutingInputs, code: str, day: date) -> bool:
    """Whether that counter has hours on that day."""
    return not inputs.is_closed(inputs.by_code[code], day)


def allocate(session: Session, chosen: Sequence[tuple[OrderLine, Fulfilment, Take]]) -> None:
    """Tie promised packs to lots at their parts' counters. The levels are locked, as whoever chose them read them."""
    rows = [
        {"order_line_id": line.id, "fulfilment_id": part.id, "level_id": take.level, "quantity": take.quantity}
        for line, part, take in chosen
    ]
    if not rows:
        return
    written = insert(table_of(Allocation)).returning(Allocation.id, sort_by_parameter_order=True)
    ids = session.execute(written, rows).scalars().all()
    packs = [(take.level, take.quantity, allocation) for allocation, (_, _, take) in zip(ids, chosen, strict=True)]
    reserve_all(session, packs, source_type="allocation", actor=ROUTER.name)
    for line, _, take in chosen:
        reservation = session.get_one(Reservation, line.id)
        reservation.held -= take.quantity
        reservation.allocated += take.quantity
    session.flush()


def unassign(session: Session, allocations: list[Allocation], actor: Actor) -> None:
    """Take packs away from a part (rejected, lot withdrawn): the promise stays and goes back to routing."""
    unallocate(session, allocations, actor.name)


def apologise(session: Session, order: Order, plan: Plan) -> None:
    """Take off the order what nobody can give, and tell the customer."""
    lines = {line.sku_id: line for line in order.lines}
    for missing in plan.unfilled:
        line = lines[missing.sku]
        shorten_line(session, order, line, missing.quantity)
        tell(session, order, "order.shortened", sku_id=missing.sku, packs=missing.quantity)
        audit.record(
            session,
            ROUTER,
            "order.shortened",
            "order",
            order.id,
            after={"sku_id": missing.sku, "packs": missing.quantity},
        )
    if plan.unfilled and any(line.cancelled < line.quantity for line in order.lines):
        shortened = sum(line.cancelled for line in order.lines)
        key = f"{order.id}:changed:{shortened}"
        emit(session, "order.mail", key, {"order_id": order.id, "kind": "changed"})


def tell_low_stock(session: Session, sku_ids: list[int], today: date) -> None:
    """Once a day and SKU: let the cooperative hear that its goods are running low in Wuhan."""
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
