"""Promise what no counter can give against what a consignment brings to a counter that could then give it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Cooperative
from catalogue.stock.availability import give_back
from catalogue.stock.models import Channel, Lot, StockLevel
from orders.backorders import backorders_of, close
from orders.consignments.models import Backorder, Consignment, ConsignmentLine, ConsignmentLot
from orders.consignments.states import COMING, TRAVELLING, BackorderState
from orders.fulfilment.instance import Snapshot, Waiting
from orders.fulfilment.world import DAYS_AHEAD, World
from orders.lifecycle import tell
from orders.models import Order, Reservation
from orders.routing.problem import LotStock, Problem
from shop import audit
from shop.audit import Actor


@dataclass
class Missing:
    """Packs (by SKU id) of a (locked) order that no counter can give; of `adrift` ones nothing is held any more."""

    order: Order
    packs: dict[int, int]
    adrift: dict[int, int]


@dataclass
class Coming:
    """Packs of one lot in a consignment, as far as they are promised to nobody."""

    lot: ConsignmentLot
    sku: int
    best_before: date
    left: int


@dataclass(frozen=True)
class Delivery:
    """A consignment that is to bring such packs to a counter on a day."""

    counter_id: int
    cooperative: str
    arrives_on: date
    lots: Sequence[Coming]


def wait_for_deliveries(session: Session, snapshot: Snapshot, missing: Sequence[Missing], actor: Actor) -> list[Order]:
    """Promise missing packs against the next consignments that serve; these are no longer missing then.

    By the rules of any plan (open, storage, radius, room, life left), for the first day on which the counter that gets
    the consignment, and the one that hands over, work. The orders that wait for some now.
    """
    skus = sorted({sku for one in missing for sku in one.packs})
    deliveries = lock_deliveries(session, skus, snapshot.world.today)
    waiting = []
    back: dict[int, int] = defaultdict(int)
    for one in missing:
        before = sum(one.packs.values())
        for delivery in deliveries:
            if one.packs:
                wait_for(session, snapshot, one, delivery, back, actor)
        if sum(one.packs.values()) < before:
            waiting.append(one.order)
    session.flush()
    give_back(session, back, Channel.COUNTERS)
    return waiting


def lock_deliveries(session: Session, skus: Collection[int], today: date) -> list[Delivery]:
    """What consignments that are not late bring of these SKUs, the next one first; nobody changes them meanwhile.

    Whoever plans has levels locked by now, and whoever receives a consignment wants levels: a consignment that is
    being worked on makes the database refuse at once (lock not available), and the planning is repeated. Planners
    share a consignment, and wait for each other at its lines.
    """
    statement = (
        select(Consignment, Cooperative.code)
        .join(Cooperative, Cooperative.id == Consignment.cooperative_id)
        .where(
            Consignment.status.in_(COMING), Consignment.arrives_on >= today,
            select(ConsignmentLine.id).where(
                ConsignmentLine.consignment_id == Consignment.id, ConsignmentLine.sku_id.in_(skus),
                ConsignmentLine.confirmed > 0,
            ).exists(),
        )
        .order_by(Consignment.arrives_on, Consignment.id)
        .with_for_update(read=True, nowait=True, of=Consignment)
        .execution_options(populate_existing=True)
    )  # fmt: skip
    found = session.execute(statement).all()
    if not found:
        return []
    lots = unpromised(session, [consignment.id for consignment, _ in found], skus)
    return [
        Delivery(consignment.counter_id, cooperative, consignment.arrives_on, lots[consignment.id])
        for consignment, cooperative in found
        if lots[consignment.id]
    ]


def unpromised(session: Session, consignment_ids: Sequence[int], skus: Collection[int]) -> dict[int, list[Coming]]:
    """By consignment, what travels in it and is promised to nobody: others were promised the freshest packs."""
    lines = select(ConsignmentLine).where(
        ConsignmentLine.consignment_id.in_(consignment_ids), ConsignmentLine.sku_id.in_(skus)
    )
    locked = lines.order_by(ConsignmentLine.id).with_for_update().execution_options(populate_existing=True)
    by_id = {line.id: line for line in session.execute(locked).scalars()}
    statement = (
        select(ConsignmentLot, Lot.best_before)
        .join(StockLevel, StockLevel.id == ConsignmentLot.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(ConsignmentLot.line_id.in_(by_id), ConsignmentLot.state.in_(TRAVELLING), Lot.sellable)
        .order_by(Lot.best_before.desc(), ConsignmentLot.id)
    )
    taken = {line.id: line.promised for line in by_id.values()}
    found: dict[int, list[Coming]] = defaultdict(list)
    for lot, best_before in session.execute(statement):
        gone = min(taken[lot.line_id], lot.quantity)
        taken[lot.line_id] -= gone
        if gone < lot.quantity:
            line = by_id[lot.line_id]
            found[line.consignment_id].append(Coming(lot, line.sku_id, best_before, lot.quantity - gone))
    return found


def wait_for(
    session: Session, snapshot: Snapshot, missing: Missing, delivery: Delivery, back: dict[int, int], actor: Actor
) -> None:
    """Promise what one consignment can bring this order; `back` collects held packs (by SKU id) that are free now."""
    day = day_for(snapshot.world, missing.order, delivery)
    if day is None:
        return
    packs: dict[tuple[int, int], int] = defaultdict(int)
    for coming, count in given_by(snapshot, missing, delivery, day):
        coming.left -= count
        packs[coming.sku, coming.lot.line_id] += count
    lines = {line.sku_id: line for line in missing.order.lines}
    for (sku, line_id), count in packs.items():
        promise = session.get_one(Reservation, lines[sku].id)
        await_packs(session, promise, line_id, count, day)
        adrift = min(count, missing.adrift.get(sku, 0))
        held = count - adrift
        promise.held -= held
        promise.awaited += held
        back[sku] += held
        less(missing.adrift, sku, adrift)
        less(missing.packs, sku, count)
        after = {"sku_id": sku, "packs": count, "expected_on": day.isoformat(), "cooperative": delivery.cooperative}
        tell(session, missing.order, "order.awaited", **after)
        audit.record(session, actor, "order.awaited", "order", missing.order.id, after=after)
    session.flush()


def await_packs(session: Session, promise: Reservation, line_id: int, packs: int, day: date) -> None:
    """Packs of a promise come with that consignment line on that day, together with what it awaits of it already.

    In a backorder of their own that ends the earlier one: the customer is told of each once, and the day may differ.
    """
    for earlier in backorders_of(session, [promise.order_id], [BackorderState.AWAITED]):
        if (earlier.order_line_id, earlier.consignment_line_id) == (promise.order_line_id, line_id):
            packs += earlier.packs
            close(earlier, BackorderState.RELEASED)
    session.flush()
    session.add(
        Backorder(
            order_id=promise.order_id, order_line_id=promise.order_line_id, consignment_line_id=line_id, packs=packs,
            expected_on=day,
        )
    )  # fmt: skip


def less(packs: dict[int, int], sku: int, count: int) -> None:
    """Take so many packs out of the count."""
    packs[sku] = packs.get(sku, 0) - count
    if not packs[sku]:
        del packs[sku]


def day_for(world: World, order: Order, delivery: Delivery) -> date | None:
    """The first day from its arrival on which that counter works, and the one that hands over; None within a week."""
    needed = {delivery.counter_id, order.pickup_counter_id or delivery.counter_id}
    if not needed <= world.by_id.keys():
        return None
    days = (delivery.arrives_on + timedelta(days=offset) for offset in range(DAYS_AHEAD + 1))
    return next((day for day in days if all(world.takes_new(one, day) for one in needed)), None)


def given_by(snapshot: Snapshot, missing: Missing, delivery: Delivery, day: date) -> list[tuple[Coming, int]]:
    """The packs the router would take if what the consignment brings stood at its counter on that day."""
    from orders.routing.solver import solve  # brings numpy, which only workers need

    code = snapshot.world.by_id[delivery.counter_id].code
    lots = {coming.lot.id: coming for coming in delivery.lots if coming.left and coming.sku in missing.packs}
    if not lots:
        return []
    waiting = Waiting(missing.order, missing.packs)
    # A counter that could not give these goods from its shelf can give those that are brought to it.
    counters = tuple(replace(state, refused=frozenset()) for state in snapshot.counters_for(missing.order, day))
    problem = Problem(
        costs=snapshot.world.costs,
        skus={sku: snapshot.skus[sku] for sku in missing.packs},
        counters=counters,
        stock=tuple(LotStock(code, one.sku, own, one.left, one.best_before) for own, one in sorted(lots.items())),
        order=snapshot.wish(waiting, day),
    )
    return [(lots[take.level], take.quantity) for parcel in solve(problem).parcels for take in parcel.takes]


def missing_of(order: Order, unfilled: Mapping[int, int], adrift: Mapping[int, int]) -> Missing:
    """What a plan leaves out, and what was adrift and could not even be planned."""
    packs = dict(unfilled)
    for sku, count in adrift.items():
        packs[sku] = packs.get(sku, 0) + count
    return Missing(order, packs, dict(adrift))
