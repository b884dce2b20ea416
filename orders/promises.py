"""The promise behind each order line: taken back, moved to a lot, or shortened; always every pack once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from catalogue.stock.availability import give_back
from catalogue.stock.ledger import move
from catalogue.stock.models import Channel, MovementKind, StockLevel
from orders.fulfilment.models import Allocation
from orders.models import Order, OrderLine, Reservation
from orders.weights import forget_weights


def lock_order(session: Session, order_id: int) -> Order:
    """The order row, locked and read anew. Raises NoResultFound."""
    statement = select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)
    return session.execute(statement).scalar_one()


def reservations_of(session: Session, order_id: int) -> Sequence[Reservation]:
    """The order's promises in SKU order, locked and read anew."""
    statement = (
        select(Reservation)
        .where(Reservation.order_id == order_id)
        .order_by(Reservation.sku_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalars().all()


def reserved_allocations(session: Session, order_id: int) -> Sequence[Allocation]:
    """The order's allocations that still stand at a location, in level order, with their lot."""
    statement = (
        select(Allocation)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .where(OrderLine.order_id == order_id, Allocation.state == "reserved")
        .order_by(Allocation.level_id, Allocation.id)
        .options(joinedload(Allocation.level).joinedload(StockLevel.lot))
    )
    return session.execute(statement).scalars().all()


def unallocate(session: Session, allocations: Collection[Allocation], actor: str) -> None:
    """Give allocated packs back to their lots; the promise stays and waits for a new place (held), unweighed."""
    for allocation in sorted(allocations, key=lambda one: (one.level_id, one.id)):
        move(
            session,
            allocation.level_id,
            MovementKind.RELEASE,
            reserved=-allocation.quantity,
            source_type="allocation",
            source_id=allocation.id,
            actor=actor,
        )
        allocation.state = "released"
        reservation = session.get_one(Reservation, allocation.order_line_id)
        reservation.allocated -= allocation.quantity
        reservation.held += allocation.quantity
    session.flush()
    forget_weights(session, [allocation.id for allocation in allocations])


def release_held(session: Session, packs: dict[int, int]) -> None:
    """End promises not tied to a lot (`packs` by order line id) and make the packs promisable again."""
    returned: dict[Channel, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for line_id, count in packs.items():
        if count:
            reservation = session.get_one(Reservation, line_id)
            reservation.held -= count
            reservation.released += count
            returned[Channel(reservation.channel)][reservation.sku_id] += count
    session.flush()
    for channel, skus in returned.items():
        give_back(session, skus, channel)


def release_all(session: Session, order_id: int, actor: str) -> None:
    """Give back everything an order still holds, on the shelf and as a promise (nothing is in transit)."""
    reservations = reservations_of(session, order_id)
    unallocate(session, reserved_allocations(session, order_id), actor)
    release_held(session, {one.order_line_id: one.held for one in reservations})


def shorten_line(session: Session, order: Order, line: OrderLine, packs: int) -> None:
    """Take packs that cannot be given off an order line: promise, line and totals together (order locked)."""
    release_held(session, {line.id: packs})
    line.cancelled += packs
    order.lines_fen -= packs * line.price_fen
    order.total_fen -= packs * line.price_fen
    session.flush()
