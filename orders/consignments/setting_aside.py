"""Packs of a cooperative's store that are meant for a consignment: taken out of what may be promised, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from catalogue.models import Sku
from catalogue.stock.availability import InsufficientStock, give_back, promise
from catalogue.stock.ledger import move, reserve_all
from catalogue.stock.models import Channel, Location, Lot, MovementKind, StockLevel
from orders.consignments.models import Consignment, ConsignmentLine, ConsignmentLot
from orders.consignments.states import LotState

SOURCE = "consignment"
# A lot must be sellable this long after its arrival; for a day or two it is not worth the road.
DAYS_AT_THE_COUNTER = 3


def worth_sending(arrives_on: date) -> date:
    """The first day such that a lot whose last selling day is not before it may travel."""
    return arrives_on + timedelta(days=DAYS_AT_THE_COUNTER)


def free_lots(session: Session, cooperative_id: int, sku_ids: Sequence[int], arrives_on: date) -> list[StockLevel]:
    """The store's levels with free packs that can still be sold after the road, the oldest first; all locked."""
    last_selling_day = Lot.best_before - Sku.min_life_days
    statement = (
        select(StockLevel)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Location, Location.id == StockLevel.location_id)
        .where(
            Location.cooperative_id == cooperative_id,
            StockLevel.sku_id.in_(sku_ids),
            StockLevel.on_hand > StockLevel.reserved,
            Lot.sellable,
            last_selling_day >= worth_sending(arrives_on),
        )
        .order_by(StockLevel.id)
        .options(joinedload(StockLevel.lot))
        .with_for_update(of=StockLevel)
        .execution_options(populate_existing=True)
    )
    found = session.execute(statement).scalars().all()
    return sorted(found, key=lambda level: (level.lot.best_before, level.id))


def set_aside(session: Session, consignment: Consignment, actor: str) -> None:
    """Tie the confirmed packs of every line to lots, first expired first out (consignment locked, nothing tied yet).

    Raises InsufficientStock with {sku, wanted, available} of each line the store cannot give.
    """
    wanted = {line.sku_id: line for line in consignment.lines if line.confirmed}
    levels = free_lots(session, consignment.cooperative_id, list(wanted), consignment.arrives_on)
    rows, short = [], []
    for sku_id, line in sorted(wanted.items()):
        left = packs = line.confirmed or 0
        for level in (one for one in levels if one.sku_id == sku_id):
            taken = min(left, level.on_hand - level.reserved)
            if taken:
                rows.append(ConsignmentLot(line_id=line.id, level_id=level.id, quantity=taken))
                left -= taken
        if left:
            code = session.get_one(Sku, sku_id).code
            short.append({"sku": code, "wanted": packs, "available": packs - left})
    if short:
        raise InsufficientStock(errors=short)
    session.add_all(rows)
    session.flush()
    reserve_all(session, [(row.level_id, row.quantity, row.id) for row in rows], source_type=SOURCE, actor=actor)
    promise(session, {sku_id: line.confirmed or 0 for sku_id, line in wanted.items()}, Channel.ORIGIN)


def release(session: Session, lots: Sequence[ConsignmentLot], actor: str) -> None:
    """Give packs that were set aside back to the store's stock; the line keeps what the cooperative said."""
    back: dict[int, int] = {}
    for lot in sorted(lots, key=lambda one: (one.level_id, one.id)):
        move(
            session, lot.level_id, MovementKind.RELEASE, reserved=-lot.quantity,
            source_type=SOURCE, source_id=lot.id, actor=actor,
        )  # fmt: skip
        lot.state = LotState.GIVEN_BACK.value
        sku_id = session.get_one(StockLevel, lot.level_id).sku_id
        back[sku_id] = back.get(sku_id, 0) + lot.quantity
    session.flush()
    give_back(session, back, Channel.ORIGIN)


def lots_of(session: Session, consignment_id: int, state: LotState) -> Sequence[ConsignmentLot]:
    """The consignment's lots in that state, in level order."""
    statement = (
        select(ConsignmentLot)
        .join(ConsignmentLine, ConsignmentLine.id == ConsignmentLot.line_id)
        .where(ConsignmentLine.consignment_id == consignment_id, ConsignmentLot.state == state.value)
        .order_by(ConsignmentLot.level_id, ConsignmentLot.id)
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalars().all()


def lock_consignments_on(session: Session, level_ids: Sequence[int]) -> None:
    """Lock the consignments that have packs set aside on these levels: they come before stock in the order of locks."""
    standing = (
        select(ConsignmentLine.consignment_id)
        .join(ConsignmentLot, ConsignmentLot.line_id == ConsignmentLine.id)
        .where(ConsignmentLot.level_id.in_(level_ids), ConsignmentLot.state == LotState.SET_ASIDE.value)
    )
    session.execute(
        select(Consignment.id).where(Consignment.id.in_(standing)).order_by(Consignment.id).with_for_update()
    )


def release_on(session: Session, level_ids: Sequence[int], actor: str) -> int:
    """Take whatever is set aside on these levels off them (less is there, or the lot may not go); how many packs."""
    statement = (
        select(ConsignmentLot)
        .where(ConsignmentLot.level_id.in_(level_ids), ConsignmentLot.state == LotState.SET_ASIDE.value)
        .order_by(ConsignmentLot.id)
    )
    lots = session.execute(statement).scalars().all()
    release(session, lots, actor)
    return sum(lot.quantity for lot in lots)


def set_aside_packs(session: Session, consignment_id: int) -> dict[int, int]:
    """Packs that stand ready for a consignment, by line id."""
    statement = (
        select(ConsignmentLot.line_id, func.sum(ConsignmentLot.quantity))
        .join(ConsignmentLine, ConsignmentLine.id == ConsignmentLot.line_id)
        .where(
            ConsignmentLine.consignment_id == consignment_id, ConsignmentLot.state == LotState.SET_ASIDE.value
        )
        .group_by(ConsignmentLot.line_id)
    )  # fmt: skip
    return {line_id: int(packs) for line_id, packs in session.execute(statement)}
