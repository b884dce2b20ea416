"""An order as machines read it: its lines, parts, story and money, in codes rather than sentences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.sql.base import ExecutableOption

from catalogue.models import Counter, Sku
from catalogue.stock.models import StockLevel
from orders.checkout import Placed
from orders.consignments.models import Backorder
from orders.consignments.states import OPEN_BACKORDERS, BackorderState
from orders.fulfilment.models import Allocation, Fulfilment
from orders.history import GONE
from orders.models import Order, OrderEvent, OrderLine
from orders.payments.standing import PaymentStanding, payment_standing, status_of
from orders.states import CANCELLABLE, OPEN_ORDERS, OrderStatus


@dataclass(frozen=True)
class AwaitedPacks:
    """Packs still on the road, and the day they should be with the customer (None: another way is looked for)."""

    sku: str
    packs: int
    expected_on: date | None


@dataclass(frozen=True)
class OrderRecord:
    """Everything about one order. `pickup_code` only while it is of use."""

    order: Order
    fulfilments: Sequence[Fulfilment]
    timeline: Sequence[OrderEvent]
    payment: PaymentStanding
    pickup_code: str | None
    can_cancel: bool
    awaited: Sequence[AwaitedPacks] = ()


def order_record(session: Session, order: Order) -> OrderRecord:
    """The order with its goods, parts, weights, story, money and what it awaits: eight queries, whatever it holds."""
    status = OrderStatus(order.status)
    load = (
        selectinload(Order.lines).joinedload(OrderLine.sku).joinedload(Sku.product),
        joinedload(Order.contact),
        joinedload(Order.pickup_counter),
    )
    reread(session, order, *load)
    parts = session.execute(with_goods(select(Fulfilment).where(Fulfilment.order_id == order.id))).scalars().all()
    standing = [part for part in parts if part.status not in GONE]
    story = select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.id)
    left = any(part.status in {"dispatched", "handed_over"} for part in standing)
    return OrderRecord(
        order=order,
        fulfilments=standing,
        timeline=session.execute(story).scalars().all(),
        payment=payment_standing(session, order),
        pickup_code=order.pickup_code if status in OPEN_ORDERS else None,
        can_cancel=status in CANCELLABLE and not left,
        awaited=awaited_packs(session, order.id),
    )


def awaited_packs(session: Session, order_id: int) -> list[AwaitedPacks]:
    """What of the order is still on the road."""
    statement = (
        select(Sku.code, Backorder.packs, Backorder.expected_on, Backorder.state)
        .join(OrderLine, OrderLine.id == Backorder.order_line_id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .where(Backorder.order_id == order_id, Backorder.state.in_([state.value for state in OPEN_BACKORDERS]))
        .order_by(OrderLine.position, Backorder.id)
    )
    return [
        AwaitedPacks(sku, packs, expected_on if state == BackorderState.AWAITED else None)
        for sku, packs, expected_on, state in session.execute(statement)
    ]


def placed_record(placed: Placed) -> OrderRecord:
    """An order as it was written a moment ago in this transaction: no part, one step, nothing paid. No query."""
    order = placed.order
    return OrderRecord(
        order=order,
        fulfilments=(),
        timeline=placed.story,
        payment=PaymentStanding(order.payment_method, status_of(0, 0, over=False), 0, 0, expires_at=order.expires_at),
        pickup_code=order.pickup_code,
        can_cancel=OrderStatus(order.status) in CANCELLABLE,
    )


def reread(session: Session, order: Order, *load: ExecutableOption) -> None:
    """Read the order anew with what belongs to it, so that nothing is fetched piece by piece afterwards."""
    session.flush()
    statement = select(Order).where(Order.id == order.id).options(*load)
    session.execute(statement.execution_options(populate_existing=True)).unique().scalar_one()


def with_goods(statement: Select[Fulfilment]) -> Select[Fulfilment]:
    """Parts with their counter, order and every pack's SKU and lot loaded, in the order they were made."""
    packs = selectinload(Fulfilment.allocations)
    return statement.options(
        joinedload(Fulfilment.counter),
        joinedload(Fulfilment.order).joinedload(Order.contact),
        packs.joinedload(Allocation.line).joinedload(OrderLine.sku),
        packs.joinedload(Allocation.level).joinedload(StockLevel.lot),
        packs.selectinload(Allocation.weights),
    ).order_by(Fulfilment.id)


def belonging_to(user_id: int, organisation_ids: Collection[int]) -> ColumnElement[bool]:
    """Orders somebody placed, or that belong to an organisation they buy for."""
    return or_(Order.user_id == user_id, Order.organisation_id.in_(organisation_ids))


def own_orders(
    session: Session, user_id: int, organisation_ids: Collection[int], status: str, page: int, per_page: int
) -> tuple[Sequence[Order], int]:
    """One page of somebody's orders, newest first, and how many there are; `status` narrows them."""
    mine = belonging_to(user_id, organisation_ids)
    if status:
        mine = mine & (Order.status == status)
    total = session.scalar(select(func.count()).select_from(Order).where(mine)) or 0
    statement = select(Order).where(mine).order_by(Order.id.desc()).limit(per_page).offset((page - 1) * per_page)
    return session.execute(statement).scalars().all(), total


def counter_parts(
    session: Session,
    counter_ids: Collection[int] | None,
    code: str,
    statuses: Collection[str],
    page: int,
    per_page: int,
) -> tuple[Sequence[Fulfilment], int]:
    """One page of the parts of these counters (None: of all) by due time, and how many there are."""
    mine: ColumnElement[bool] = Fulfilment.status.in_(statuses)
    if counter_ids is not None:
        mine = mine & Fulfilment.counter_id.in_(counter_ids)
    if code:
        mine = mine & (Fulfilment.counter_id == select(Counter.id).where(Counter.code == code).scalar_subquery())
    total = session.scalar(select(func.count()).select_from(Fulfilment).where(mine)) or 0
    statement = with_goods(select(Fulfilment).where(mine).order_by(Fulfilment.due_at))
    found = session.execute(statement.limit(per_page).offset((page - 1) * per_page)).scalars()
    return found.all(), total


def part_record(session: Session, fulfilment_id: int) -> Fulfilment:
    """One part with its goods, as it is now."""
    session.flush()
    statement = with_goods(select(Fulfilment).where(Fulfilment.id == fulfilment_id))
    return session.execute(statement.execution_options(populate_existing=True)).scalars().one()
