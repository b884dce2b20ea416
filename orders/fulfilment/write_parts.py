"""Carry plans out: parts at counters, packs tied to lots, packs taken away; as many statements for many as for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from catalogue.stock.ledger import release_packs, reserve_all
from orders.fulfilment.board_changes import board_of
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.plan_models import RoutingPlan
from orders.fulfilment.planning import Decision, days_for
from orders.fulfilment.standing import OPEN, Part, Standing, Work
from orders.fulfilment.world import World
from orders.lifecycle import tell_orders
from orders.models import Order, Reservation
from orders.promises import ALLOCATION
from orders.routing.problem import Take
from orders.states import FulfilmentRole, FulfilmentStatus
from orders.weights import forget_weights
from shop import audit
from shop.audit import Actor
from shop.changes import say_changed
from shop.clock import shanghai_day
from shop.db import table_of
from shop.outbox import emit_all

F = FulfilmentStatus
Placing = tuple[Reservation, Fulfilment, Take]
Promises = Mapping[int, Reservation]


@dataclass
class Assigned:
    """An order with its new plan, and what carrying it out did to its parts."""

    order: Order
    decision: Decision | None
    plan: RoutingPlan | None
    work: Work
    reservations: Sequence[Reservation]
    new: list[Fulfilment] = field(default_factory=list)
    changed: dict[int, Fulfilment] = field(default_factory=dict)
    cancelled: list[Fulfilment] = field(default_factory=list)
    ready_before: datetime | None = None
    ready_after: datetime | None = None


def write_parts(session: Session, works: Sequence[Assigned], world: World, actor: Actor) -> None:
    """Write all of it; the orders, their promises and parts, and the levels are locked by the caller."""
    placings: list[Placing] = []
    leaving: list[Standing] = []
    for one in works:
        one.ready_before = ready_at(one, world)
        parts = parts_for(one, world)
        kept, placed = matched(one, parts)
        placings += placed
        leaving += [packs for packs, _ in one.work.freed if packs.allocation.id not in kept]
        note_changes(one, kept, placed)
    session.add_all([part for one in works for part in one.new])
    session.flush()
    promises = {one.order_line_id: one for work in works for one in work.reservations}
    take_away(session, promises, leaving, actor)
    place(session, placings, actor)
    for one in works:
        close_emptied(one, placings, leaving, world)
        one.ready_after = ready_at(one, world)
        say_changed(session, (board_of(part.counter_id) for part in (*one.new, *one.changed.values(), *one.cancelled)))
    session.flush()


def parts_for(one: Assigned, world: World) -> dict[str, Fulfilment]:
    """Each counter's open part of the order, or a new one. More goods for a part that was ready reopen it."""
    if one.decision is None:
        return {}
    day, plan = one.decision.day, one.decision.plan
    roles = {parcel.counter: FulfilmentRole(parcel.role) for parcel in plan.parcels}
    pickup = one.order.pickup_counter_id
    if plan.parcels and pickup is not None:
        roles.setdefault(world.by_id[pickup].code, FulfilmentRole.HAND_OVER)
    standing = {(part.row.counter_id, part.row.role): part for part in one.work.parts if part.row.status in OPEN}
    parts = {}
    for code, role in sorted(roles.items()):
        counter_id = world.by_code[code].id
        due = world.due(counter_id, day)
        part = standing.get((counter_id, role.value))
        if part is None:
            parts[code] = Fulfilment(
                order_id=one.order.id, counter_id=counter_id, role=role.value, status=F.ASSIGNED.value,
                plan_id=one.plan.id if one.plan else None, due_at=due,
            )  # fmt: skip
            one.new.append(parts[code])
            continue
        parts[code] = part.row
        if part.row.status == F.READY:
            part.row.status, part.row.ready_at = F.ACCEPTED.value, None
        if part.unfit or shanghai_day(part.row.due_at) < day:
            redate(one, part, due)
    return parts


def redate(one: Assigned, part: Part, due: datetime) -> None:
    """The part is due at another time."""
    part.unfit = ""
    if part.row.due_at != due:
        part.row.due_at = due
        one.changed[part.row.id] = part.row


def matched(one: Assigned, parts: Mapping[str, Fulfilment]) -> tuple[set[int], list[Placing]]:
    """What the plan leaves exactly where it is (allocation ids), and what it puts somewhere."""
    if one.decision is None:
        return set(), []
    promises = {promise.sku_id: promise for promise in one.reservations}
    there: dict[tuple[int | None, int, int, int], list[int]] = defaultdict(list)
    for packs, _ in one.work.freed:
        own = packs.allocation
        there[own.fulfilment_id, own.order_line_id, own.level_id, own.quantity].append(own.id)
    kept: set[int] = set()
    placed = []
    for parcel in one.decision.plan.parcels:
        part = parts[parcel.counter]
        for take in parcel.takes:
            same = there.get((part.id, promises[take.sku].order_line_id, take.level, take.quantity))
            if same:
                kept.add(same.pop())
            else:
                placed.append((promises[take.sku], part, take))
    return kept, placed


def note_changes(one: Assigned, kept: set[int], placed: Sequence[Placing]) -> None:
    """Parts that lose or gain packs, so that their counters hear of it."""
    rows = {part.row.id: part.row for part in one.work.parts}
    for packs, _ in one.work.freed:
        if packs.allocation.id not in kept:
            row = rows[packs.allocation.fulfilment_id]
            one.changed[row.id] = row
    for _, part, _ in placed:
        if part.id is not None:
            one.changed[part.id] = part


def take_away(session: Session, promises: Promises, leaving: Sequence[Standing], actor: Actor) -> None:
    """Packs go back to their lots; the promise (by line id) stays, without a place (held)."""
    release_packs(
        session,
        [(one.allocation.level_id, one.allocation.quantity, one.allocation.id) for one in leaving],
        source_type=ALLOCATION,
        actor=actor.name,
    )
    for one in leaving:
        one.allocation.state = "released"
        promise = promises[one.allocation.order_line_id]
        promise.allocated -= one.allocation.quantity
        promise.held += one.allocation.quantity
    if leaving:
        forget_weights(session, [one.allocation.id for one in leaving])


def place(session: Session, placings: Sequence[Placing], actor: Actor) -> None:
    """Tie promised packs to lots at their parts' places. The levels are locked, as whoever chose them read them."""
    rows = [
        {
            "order_line_id": promise.order_line_id,
            "fulfilment_id": part.id,
            "level_id": take.level,
            "quantity": take.quantity,
        }
        for promise, part, take in placings
    ]
    if not rows:
        return
    written = insert(table_of(Allocation)).returning(Allocation.id, sort_by_parameter_order=True)
    ids = session.execute(written, rows).scalars().all()
    packs = [(take.level, take.quantity, own) for own, (_, _, take) in zip(ids, placings, strict=True)]
    reserve_all(session, packs, source_type=ALLOCATION, actor=actor.name)
    for promise, _, take in placings:
        promise.held -= take.quantity
        promise.allocated += take.quantity


def close_emptied(one: Assigned, placings: Sequence[Placing], leaving: Sequence[Standing], world: World) -> None:
    """Parts with nothing left to do are over; a hand-over that only waits for transfers gets a day its counter works.

    Goods that left their counter, and packs that were picked, stay what they are.
    """
    gone = {packs.allocation.id for packs in leaving}
    filled = {part.id for _, part, _ in placings}
    empty = {
        part.row.id
        for part in one.work.parts
        if part.can_end and part.row.id not in filled and all(packs.allocation.id in gone for packs in part.packs)
    }
    coming = any(part.role == FulfilmentRole.TRANSFER for part in one.new) or any(
        part.row.role == FulfilmentRole.TRANSFER and part.row.id not in empty for part in one.work.parts
    )
    for part in one.work.parts:
        waits = part.row.role == FulfilmentRole.HAND_OVER and coming
        if part.row.id in empty and not waits:
            part.row.status, part.row.closed_at = F.CANCELLED.value, world.now
            one.changed.pop(part.row.id, None)
            one.cancelled.append(part.row)
        elif part.unfit and part.row.role == FulfilmentRole.HAND_OVER:
            redate(one, part, world.due(part.row.counter_id, days_for(world, one.order)[0]))


def ready_at(one: Assigned, world: World) -> datetime | None:
    """When everything the customer gets should be ready; None while nobody hands anything over."""
    final = [part.row for part in one.work.parts] + one.new
    due = [
        row.due_at
        for row in final
        if row.role != FulfilmentRole.TRANSFER and row.status not in (F.CANCELLED, F.REJECTED)
    ]
    return max(due, default=None)


def tell_of(
    session: Session, works: Sequence[Assigned], plans: Mapping[int, RoutingPlan], why: str, world: World, actor: Actor
) -> None:
    """Audit, the orders' stories, and notices: counters whose part changed, customers whose day did."""
    codes = {counter.id: counter.code for counter in world.counters}
    tell_counters(session, works, plans)
    new = {str(part.id): {"counter": codes[part.counter_id]} for one in works for part in one.new}
    audit.record_all(session, actor, "fulfilment.assigned", "fulfilment", new)
    ended: dict[str, dict[str, Any] | None] = {str(part.id): None for one in works for part in one.cancelled}
    audit.record_all(session, actor, "fulfilment.cancelled", "fulfilment", ended)
    moved = [one for one in works if one.new or one.changed or one.cancelled]
    replanned = {str(one.order.id): change_of(one, why, codes) for one in moved if why != "placed" or one.work.is_unfit}
    audit.record_all(session, actor, "order.replanned", "order", replanned)
    tell_orders(
        session,
        [(one.order, "order.replanned", change) for one in moved if (change := replanned.get(str(one.order.id)))],
    )
    found = [
        (one.order, "order.counter_found", {"counter": codes[part.counter_id], "role": part.role})
        for one in moved
        for part in one.new
    ]
    tell_orders(session, found)
    if why != "arrived":  # a later day for what was on the road is what the customer was told
        tell_customers(session, works)


def change_of(one: Assigned, why: str, codes: Mapping[int, str]) -> dict[str, Any]:
    """Why the order was planned anew, who loses work and who gets some."""
    reasons = sorted({reason for _, reason in one.work.freed})
    losing = {part.row.counter_id for part in one.work.parts if part.row in one.cancelled}
    return {
        "why": reasons[0] if reasons else why,
        "from": sorted(codes.get(counter_id, "") for counter_id in losing),
        "to": sorted({codes[part.counter_id] for part in one.new}),
    }


def tell_counters(session: Session, works: Sequence[Assigned], plans: Mapping[int, RoutingPlan]) -> None:
    """A part to do, other packs or another time for it, or no longer."""
    notices: dict[str, dict[str, Any]] = {}
    for one in works:
        plan = plans.get(one.order.id)
        for part in (*one.new, *one.changed.values()):
            mark = plan.id if plan is not None else int(part.due_at.timestamp())
            notices[f"{part.id}:{mark}"] = {"fulfilment_id": part.id, "kind": "assigned"}
        for part in one.cancelled:
            notices[f"{part.id}:cancelled"] = {"fulfilment_id": part.id, "kind": "cancelled"}
    emit_all(session, "counter.notice", notices)


def tell_customers(session: Session, works: Sequence[Assigned]) -> None:
    """A mail to those whose goods are ready on a later day than they were told."""
    later = {}
    for one in works:
        if one.ready_before is None or one.ready_after is None:
            continue
        if shanghai_day(one.ready_after) > shanghai_day(one.ready_before):
            day = shanghai_day(one.ready_after).isoformat()
            later[f"{one.order.id}:later:{day}"] = {"order_id": one.order.id, "kind": "later"}
    emit_all(session, "order.mail", later)
