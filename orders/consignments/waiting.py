"""The customers who wait for a consignment: locked with it, served when it arrives, told when it brings less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import ScalarSelect, delete, func, or_, select
from sqlalchemy.orm import Session

from catalogue.stock.availability import promise
from catalogue.stock.ledger import reserve_all
from catalogue.stock.models import Channel, Lot, StockLevel
from orders.backorders import SOURCE, move_packs
from orders.consignments.models import Backorder, Consignment, ConsignmentLine, ConsignmentLot
from orders.consignments.states import COMING, DAYS_OF_GRACE, TRAVELLING, BackorderState, ConsignmentStatus
from orders.fulfilment.models import Rejection
from orders.fulfilment.replan import plan_anew
from orders.promises import lock_orders
from shop.audit import Actor
from shop.clock import shanghai_day
from shop.db import in_transaction
from shop.errors import NotFound

B = BackorderState


@dataclass(frozen=True)
class Landed:
    """Packs of a consignment line that stand at a level of the counter's shelf now."""

    line_id: int
    level_id: int
    packs: int


def lock(session: Session, consignment_id: int) -> Consignment:
    """The consignment's row, locked and read anew. Raises NotFound."""
    statement = select(Consignment).where(Consignment.id == consignment_id)
    found = session.execute(
        statement.with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()  # fmt: skip
    if found is None:
        raise NotFound()
    return found


def lock_with_waiting(session: Session, consignment_id: int) -> Consignment:
    """The orders that wait for a consignment, then the consignment: the shop's one order of locks. Raises NotFound."""
    known = waiting_for(session, consignment_id)
    if known:
        lock_orders(session, known)
    consignment = lock(session, consignment_id)
    # Who was promised some of it between the two locks is not waited for, against the order of locks.
    late = set(waiting_for(session, consignment_id)) - set(known)
    if late:
        lock_orders(session, late, wait=False)
    return consignment


def waiting_for(session: Session, consignment_id: int) -> Sequence[int]:
    """Ids of the orders that wait for packs of a consignment, ascending."""
    statement = (
        select(Backorder.order_id)
        .join(ConsignmentLine, ConsignmentLine.id == Backorder.consignment_line_id)
        .where(ConsignmentLine.consignment_id == consignment_id, Backorder.state == B.AWAITED.value)
        .distinct()
        .order_by(Backorder.order_id)
    )
    return session.execute(statement).scalars().all()


def awaited_on(session: Session, line_ids: Sequence[int]) -> dict[int, list[Backorder]]:
    """What is awaited of these lines, the oldest order first."""
    statement = (
        select(Backorder)
        .where(Backorder.consignment_line_id.in_(line_ids), Backorder.state == B.AWAITED.value)
        .order_by(Backorder.order_id, Backorder.id)
        .execution_options(populate_existing=True)
    )
    found: dict[int, list[Backorder]] = defaultdict(list)
    for backorder in session.execute(statement).scalars():
        found[backorder.consignment_line_id or 0].append(backorder)
    return found


def turn_away(session: Session, fits: Mapping[int, int], why: str) -> int:
    """The lines (by id) bring only so many packs: whoever waits for more, the newest first, is planned anew.

    The orders and the consignment are locked. How many packs lost what they waited for.
    """
    adrift = []
    for line_id, waiting in awaited_on(session, list(fits)).items():
        left = fits[line_id]
        for backorder in waiting:
            kept = min(left, backorder.packs)
            left -= kept
            if kept < backorder.packs:
                adrift.append(move_packs(session, backorder, backorder.packs - kept, B.ADRIFT))
    if adrift:
        newest = max(backorder.id for backorder in adrift)
        plan_anew(session, [backorder.order_id for backorder in adrift], why, f"adrift:{newest}")
    return sum(backorder.packs for backorder in adrift)


def serve_waiting(session: Session, consignment: Consignment, landed: Sequence[Landed], actor: Actor) -> None:
    """Set what arrived aside for whoever waits for it, the oldest order first; the router plans it from there.

    In the transaction that received it, so nobody else is promised a pack of it before. The rest is planned anew.
    """
    line_ids = [line.id for line in consignment.lines]
    waiting = awaited_on(session, line_ids)
    if not waiting:
        return
    arrived: list[Backorder] = []
    for line_id, shelves in sellable(session, landed).items():
        arrived += share_out(session, waiting.get(line_id, ()), shelves)
    packs = [(one.level_id, one.packs, one.id) for one in arrived if one.level_id is not None]
    reserve_all(session, packs, source_type=SOURCE, actor=actor.name)
    ask_again(session, consignment, arrived)
    turn_away(session, dict.fromkeys(line_ids, 0), "not_coming")
    plan_anew(session, [one.order_id for one in arrived], "arrived", f"consignment:{consignment.id}")
    skus = {line.id: line.sku_id for line in consignment.lines}
    taken: dict[int, int] = defaultdict(int)
    for one in arrived:
        taken[skus[one.consignment_line_id or 0]] += one.packs
    if taken:
        promise(session, taken, Channel.COUNTERS)


def sellable(session: Session, landed: Sequence[Landed]) -> dict[int, list[Landed]]:
    """What of it may be sold, by line, the oldest lot first."""
    statement = (
        select(StockLevel.id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(StockLevel.id.in_([one.level_id for one in landed]), Lot.sellable)
        .order_by(Lot.best_before, StockLevel.id)
    )
    by_line: dict[int, list[Landed]] = defaultdict(list)
    for level_id in session.execute(statement).scalars():
        for one in landed:
            if one.level_id == level_id:
                by_line[one.line_id].append(one)
    return by_line


def share_out(session: Session, waiting: Sequence[Backorder], shelves: Sequence[Landed]) -> list[Backorder]:
    """Each backorder's packs on their levels, as far as they go; a backorder on two levels becomes two."""
    left = [(one.level_id, one.packs) for one in shelves]
    arrived = []
    for backorder in waiting:
        while left and backorder.state == B.AWAITED:
            level_id, packs = left.pop(0)
            given = min(packs, backorder.packs)
            arrived.append(move_packs(session, backorder, given, B.ARRIVED, level_id))
            if given < packs:
                left.insert(0, (level_id, packs - given))
    return arrived


def ask_again(session: Session, consignment: Consignment, arrived: Sequence[Backorder]) -> None:
    """A counter that could not give these goods for these orders has them now: it may be asked again."""
    session.execute(
        delete(Rejection).where(
            Rejection.counter_id == consignment.counter_id,
            Rejection.order_id.in_({one.order_id for one in arrived}),
            Rejection.sku_id.in_([line.sku_id for line in consignment.lines]),
        )
    )


def give_up_hope(session: Session, now: datetime) -> int:
    """Find what customers wait for in vain, one transaction each consignment; how many packs are planned anew.

    A consignment that is late, or a lot in it that was called back, or that a count took before it left.
    """
    too_late = shanghai_day(now) - timedelta(days=DAYS_OF_GRACE)
    lines = (
        select(ConsignmentLine.consignment_id)
        .join(Consignment, Consignment.id == ConsignmentLine.consignment_id)
        .where(
            ConsignmentLine.promised > 0,
            or_(
                Consignment.arrives_on < too_late,
                Consignment.status.in_(COMING) & (ConsignmentLine.promised > good_to_come()),
            ),
        )
        .distinct()
    )
    late_or_bad = session.execute(lines).scalars().all()
    return sum(in_transaction(session, partial(give_up_on, session, one, too_late)) for one in late_or_bad)


def give_up_on(session: Session, consignment_id: int, too_late: date) -> int:
    """Look again at one consignment under its locks; how many packs it will not bring."""
    consignment = lock_with_waiting(session, consignment_id)
    if consignment.arrives_on < too_late:
        return turn_away(session, {line.id: 0 for line in consignment.lines}, "late")
    if consignment.status not in COMING:
        return 0
    good = select(ConsignmentLine.id, good_to_come()).where(ConsignmentLine.consignment_id == consignment_id)
    why = "recalled" if consignment.status == ConsignmentStatus.DISPATCHED else "not_coming"
    return turn_away(session, dict(session.execute(good).all()), why)


def good_to_come() -> ScalarSelect[int]:
    """Packs of a consignment line, set aside or on the road, that may still be sold."""
    return (
        select(func.coalesce(func.sum(ConsignmentLot.quantity), 0))
        .join(StockLevel, StockLevel.id == ConsignmentLot.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(
            ConsignmentLot.line_id == ConsignmentLine.id, ConsignmentLot.state.in_(TRAVELLING), Lot.sellable
        )
        .correlate(ConsignmentLine)
        .scalar_subquery()
    )  # fmt: skip
