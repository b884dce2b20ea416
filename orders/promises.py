"""The promise behind each order line: taken back, moved to a lot, or shortened; always every pack once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from catalogue.stock.availability import give_back
from catalogue.stock.ledger import release_packs
from catalogue.stock.models import Channel, StockLevel
from orders.backorders import backorders_of, let_go
from orders.consignments.models import Backorder
from orders.fulfilment.models import Allocation
from orders.models import Order, OrderLine, Reservation
from orders.weights import forget_weights

# What the ledger names as the cause where packs of a lot are given to an order line, and taken back.
ALLOCATION = "allocation"


def lock_order(session: Session, order_id: int, *, wait: bool = True) -> Order:
    """The order row, locked and read anew; `wait` as in lock_orders(). Raises NoResultFound."""
    statement = select(Order).where(Order.id == order_id).with_for_update(nowait=not wait)
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one()


def lock_orders(session: Session, order_ids: Iterable[int], *, wait: bool = True) -> Sequence[Order]:
    """Orders in id order (nobody waits for a rival who has the next one), locked and read anew.

    Who holds stock already must not `wait` for an order: whoever has it may want that stock. PostgreSQL then refuses
    at once ("lock not available"), which in_transaction() and the pages know as "come again".
    """
    statement = select(Order).where(Order.id.in_(set(order_ids))).order_by(Order.id).with_for_update(nowait=not wait)
    return session.execute(statement.execution_options(populate_existing=True)).scalars().all()


def reservations_of(session: Session, *order_ids: int, lock: bool = True) -> Sequence[Reservation]:
    """The orders' promises by order and SKU, read anew, and locked by whoever means to change them."""
    statement = (
        select(Reservation)
        .where(Reservation.order_id.in_(order_ids))
        .order_by(Reservation.order_id, Reservation.sku_id)
        .execution_options(populate_existing=True)
    )
    return session.execute(statement.with_for_update() if lock else statement).scalars().all()


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


def unallocate(session: Session, allocations: Iterable[Allocation], actor: str) -> None:
    """Give allocated packs back to their lots; the promise stays and waits for a new place (held), unweighed."""
    released = [allocation for allocation in allocations if allocation.state == "reserved"]
    packs = [(one.level_id, one.quantity, one.id) for one in released]
    release_packs(session, packs, source_type=ALLOCATION, actor=actor)
    reservations = {
        one.order_line_id: one
        for one in session.execute(
            select(Reservation)
            .where(Reservation.order_line_id.in_({one.order_line_id for one in released}))
            .order_by(Reservation.order_line_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).scalars()
    }
    for allocation in released:
        allocation.state = "released"
        reservation = reservations[allocation.order_line_id]
        reservation.allocated -= allocation.quantity
        reservation.held += allocation.quantity
    session.flush()
    forget_weights(session, [allocation.id for allocation in released])


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
    # Levels before the lines of consignments, as the router takes them.
    unallocate(session, reserved_allocations(session, order_id), actor)
    if any(one.awaited for one in reservations):
        let_go(session, backorders_of(session, [order_id]), actor)
    release_held(session, {one.order_line_id: one.held for one in reservations})


def shorten_line(session: Session, order: Order, line: OrderLine, packs: int) -> None:
    """Take packs that cannot be given off an order line: promise, line and totals together (order locked)."""
    release_held(session, {line.id: packs})
    charge_less(session, order, line, packs)


def forgo(session: Session, order: Order, line: OrderLine, backorders: Sequence[Backorder], actor: str) -> int:
    """The same for packs of that line that are awaited (order and promises locked); how many."""
    let_go(session, backorders, actor)
    packs = sum(one.packs for one in backorders)
    charge_less(session, order, line, packs)
    return packs


def charge_less(session: Session, order: Order, line: OrderLine, packs: int) -> None:
    """Packs that will not be given are not charged: line and totals together."""
    line.cancelled += packs
    order.lines_fen -= packs * line.price_fen
    order.total_fen -= packs * line.price_fen
    session.flush()
