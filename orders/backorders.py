"""Packs a customer waits for: promised against a consignment, set aside where it arrives, planned, or given up.

No shelf's stock stands for an awaited pack, so availability does not know it. It is counted in the line's promise
(`Reservation.awaited`), in one open backorder, and, while it is on the road, in its consignment line's `promised`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.stock.availability import add_to_available, give_back, lock_available
from catalogue.stock.ledger import release_packs
from catalogue.stock.models import Channel
from orders.consignments.models import Backorder, Consignment, ConsignmentLine
from orders.consignments.states import COMING, OPEN_BACKORDERS, BackorderState
from orders.models import Reservation
from shop.clock import utcnow

SOURCE = "backorder"
B = BackorderState


def backorders_of(
    session: Session, order_ids: Collection[int], states: Iterable[BackorderState] = OPEN_BACKORDERS
) -> Sequence[Backorder]:
    """These orders' backorders in those states, oldest first; the orders' locks keep them as they are."""
    statement = (
        select(Backorder)
        .where(Backorder.order_id.in_(order_ids), Backorder.state.in_([state.value for state in states]))
        .order_by(Backorder.id)
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalars().all()


def something_comes(session: Session, sku_id: int, today: date) -> bool:
    """Whether a consignment is to bring packs of that SKU that nobody was promised yet."""
    statement = (
        select(ConsignmentLine.id)
        .join(Consignment, Consignment.id == ConsignmentLine.consignment_id)
        .where(
            ConsignmentLine.sku_id == sku_id, ConsignmentLine.confirmed > ConsignmentLine.promised,
            Consignment.status.in_(COMING), Consignment.arrives_on >= today,
        )
        .limit(1)
    )  # fmt: skip
    return session.scalar(statement) is not None


def go_adrift(session: Session, promise: Reservation, packs: int) -> Backorder:
    """Held packs (order locked) that nothing stands for any more: the router looks for another way to them."""
    backorder = Backorder(
        order_id=promise.order_id, order_line_id=promise.order_line_id, packs=packs, state=B.ADRIFT.value
    )
    session.add(backorder)
    promise.held -= packs
    promise.awaited += packs
    session.flush()
    give_back(session, {promise.sku_id: packs}, Channel(promise.channel))
    return backorder


def move_packs(
    session: Session, backorder: Backorder, packs: int, to: BackorderState, level_id: int | None = None
) -> Backorder:
    """Let so many packs of an open backorder be in that state from now on: all of it, or a backorder of their own."""
    if packs == backorder.packs:
        backorder.state, backorder.level_id = to.value, level_id
        session.flush()
        return backorder
    backorder.packs -= packs
    session.flush()
    part = Backorder(
        order_id=backorder.order_id, order_line_id=backorder.order_line_id, packs=packs, state=to.value,
        consignment_line_id=backorder.consignment_line_id, expected_on=backorder.expected_on, level_id=level_id,
    )  # fmt: skip
    session.add(part)
    session.flush()
    return part


def take_up(session: Session, backorders: Sequence[Backorder], actor: str) -> dict[int, int]:
    """Make held promises of what the router plans now (orders, promises and levels locked), as far as stock allows.

    What arrived leaves the shelf's reserve. What is adrift is promised from other shelves, oldest first; the packs (by
    order line id) for which none stands are returned, and stay counted as awaited until the caller has decided.
    """
    arrived = [one for one in backorders if one.state == B.ARRIVED]
    packs = [(one.level_id, one.packs, one.id) for one in arrived if one.level_id is not None]
    release_packs(session, packs, source_type=SOURCE, actor=actor)
    for one in arrived:
        promise = session.get_one(Reservation, one.order_line_id)
        promise.awaited -= one.packs
        promise.held += one.packs
        close(one, B.FULFILLED)
    adrift = [one for one in backorders if one.state == B.ADRIFT]
    lacking = promise_from_shelves(session, adrift)
    for one in adrift:
        close(one, B.RELEASED)
    session.flush()
    return lacking


def promise_from_shelves(session: Session, adrift: Sequence[Backorder]) -> dict[int, int]:
    """Hold what is free of these packs; the packs by order line id that are not."""
    promises = {one.order_line_id: session.get_one(Reservation, one.order_line_id) for one in adrift}
    if not promises:
        return {}
    free = lock_available(session, {one.sku_id for one in promises.values()}, Channel.COUNTERS)
    taken: dict[int, int] = defaultdict(int)
    lacking: dict[int, int] = defaultdict(int)
    for one in adrift:
        promise = promises[one.order_line_id]
        found = min(one.packs, free[promise.sku_id] - taken[promise.sku_id])
        taken[promise.sku_id] += found
        promise.awaited -= found
        promise.held += found
        if found < one.packs:
            lacking[one.order_line_id] += one.packs - found
    session.flush()
    if any(taken.values()):
        add_to_available(session, {sku_id: -packs for sku_id, packs in taken.items()}, Channel.COUNTERS)
    return dict(lacking)


def let_go(session: Session, backorders: Sequence[Backorder], actor: str) -> None:
    """End what is awaited (orders and promises locked); what stands set aside on a shelf may be promised again."""
    arrived = [one for one in backorders if one.state == B.ARRIVED]
    packs = [(one.level_id, one.packs, one.id) for one in arrived if one.level_id is not None]
    release_packs(session, packs, source_type=SOURCE, actor=actor)
    back: dict[int, int] = defaultdict(int)
    for one in backorders:
        promise = session.get_one(Reservation, one.order_line_id)
        promise.awaited -= one.packs
        promise.released += one.packs
        back[promise.sku_id] += one.packs if one.state == B.ARRIVED else 0
        close(one, B.RELEASED)
    session.flush()
    give_back(session, back, Channel.COUNTERS)


def close(backorder: Backorder, state: BackorderState) -> None:
    """Nobody waits for these packs any more."""
    backorder.state, backorder.closed_at = state.value, utcnow()
