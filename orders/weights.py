"""The weights of packs: written down, forgotten with their allocation, and what they take off a line and its order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.orm import Session

from orders.fulfilment.models import Allocation, WeighedPack
from orders.models import Order, OrderLine, Reservation
from shop.db import table_of


def write_weights(session: Session, order: Order, allocation: Allocation, line: OrderLine, grams: Sequence[int]) -> int:
    """Keep what the scale showed for every pack of an allocation (order locked); by how much the line became cheaper.

    Fen; negative when the packs are heavier than what was written before.
    """
    terms = line.by_weight
    if terms is None or len(grams) != allocation.quantity:
        raise ValueError("one weight for each pack of a line that is sold by weight")
    before = order.total_fen
    forget_weights(session, [allocation.id])
    rows = [
        {"allocation_id": allocation.id, "number": number, "order_line_id": line.id, "grams": one,
         "price_fen": terms.price_of(one)}
        for number, one in enumerate(grams, 1)
    ]  # fmt: skip
    session.execute(insert(table_of(WeighedPack)), rows)
    line.weighed_packs += len(grams)
    line.weighed_g += sum(grams)
    deduct(order, line, sum(line.price_fen - terms.price_of(one) for one in grams))
    session.flush()
    return before - order.total_fen


def forget_weights(session: Session, allocation_ids: Collection[int]) -> None:
    """Packs that are taken away from a part cost the most they can cost again, until others are weighed."""
    forgotten = session.execute(
        delete(WeighedPack)
        .where(WeighedPack.allocation_id.in_(allocation_ids))
        .returning(WeighedPack.order_line_id, WeighedPack.grams, WeighedPack.price_fen)
    ).all()
    for line_id, grams, price_fen in forgotten:
        line = session.get_one(OrderLine, line_id)
        line.weighed_packs -= 1
        line.weighed_g -= grams
        deduct(session.get_one(Order, line.order_id), line, price_fen - line.price_fen)
    session.flush()


def deduct(order: Order, line: OrderLine, less_fen: int) -> None:
    """Line and totals together."""
    line.weight_less_fen += less_fen
    order.lines_fen -= less_fen
    order.total_fen -= less_fen


def taken_fen() -> ColumnElement[int]:
    """What the packs of a line that were handed over cost (fen), inside a query over lines and reservations.

    Every figure of income is made from this, so that it knows what the scale showed.
    """
    less = (
        select(func.sum(OrderLine.price_fen - WeighedPack.price_fen))
        .select_from(WeighedPack)
        .join(Allocation, Allocation.id == WeighedPack.allocation_id)
        .where(WeighedPack.order_line_id == OrderLine.id, Allocation.state == "shipped")
        .correlate(OrderLine)
        .scalar_subquery()
    )
    return OrderLine.price_fen * Reservation.handed_over - func.coalesce(less, 0)


def charged_g() -> ColumnElement[int]:
    """The grams of a line's weighed packs that are charged, inside a query over lines: of a pack that is heavier than
    it is sold as, no more than the most it may weigh (docs/decisions/0009)."""
    grams = (
        select(func.sum(func.least(WeighedPack.grams, OrderLine.weight_to_g)))
        .where(WeighedPack.order_line_id == OrderLine.id)
        .correlate(OrderLine)
        .scalar_subquery()
    )
    return func.coalesce(grams, 0)


def allocated_fen() -> ColumnElement[int]:
    """What an allocation's packs cost (fen), weighed or at the most they can, inside a query with their lines."""
    less = (
        select(func.sum(OrderLine.price_fen - WeighedPack.price_fen))
        .select_from(WeighedPack)
        .where(WeighedPack.allocation_id == Allocation.id)
        .correlate(OrderLine, Allocation)
        .scalar_subquery()
    )
    return OrderLine.price_fen * Allocation.quantity - func.coalesce(less, 0)
