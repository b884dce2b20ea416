"""The life of an order: the one function that moves its status, and the ways it ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, insert, or_, select
from sqlalchemy.orm import Session

from orders.backorders import backorders_of
from orders.consignments.models import Backorder
from orders.consignments.states import DAYS_OF_GRACE, OPEN_BACKORDERS
from orders.fulfilment.models import Fulfilment
from orders.models import Order, OrderEvent, Reservation
from orders.payments.models import Payment
from orders.payments.refunds import give_back_surplus
from orders.payments.states import LIVE_PAYMENTS
from orders.promises import (
    forgo,
    lock_order,
    release_all,
    reservations_of,
    reserved_allocations,
    shorten_line,
    unallocate,
)
from orders.states import CANCELLABLE, OPEN_FULFILMENTS, ORDER_MOVES, FulfilmentStatus, OrderStatus
from orders.webhooks.announce import EVENTS, announce
from shop import audit
from shop.audit import Actor
from shop.clock import SHANGHAI
from shop.db import table_of
from shop.errors import WrongState
from shop.outbox import NewJob, emit, emit_all, emit_jobs

EXPIRY = Actor("expiry")
# The statuses whose arrival a customer is told of by mail.
MAILED = {OrderStatus.READY: "ready", OrderStatus.CANCELLED: "cancelled", OrderStatus.EXPIRED: "expired"}


class CannotCancel(WrongState):
    """Goods have left a counter, or the order is over."""

    code: ClassVar[str] = "cannot_cancel"
    title = _l("This order can no longer be cancelled")


def tell(session: Session, order: Order, kind: str, **data: Any) -> OrderEvent:
    """Add a step to the story the customer reads; the machines of an organisation hear of it too."""
    return tell_orders(session, [(order, kind, data)])[0]


def tell_orders(session: Session, told: Sequence[tuple[Order, str, dict[str, Any]]]) -> list[OrderEvent]:
    """Steps of many orders at once, as (order, kind, data): one statement, and one for each that machines hear of.

    They come back as they were written, for whoever shows them now.
    """
    events = table_of(OrderEvent)
    rows = [{"order_id": order.id, "kind": kind, "data": data} for order, kind, data in told]
    if not rows:
        return []
    writing = insert(events).returning(events.c.id, events.c.at, sort_by_parameter_order=True)
    written = [
        OrderEvent(id=event_id, at=at, **row)
        for (event_id, at), row in zip(session.execute(writing, rows), rows, strict=True)
    ]
    for step, (order, kind, data) in zip(written, told, strict=True):
        if order.organisation_id is not None and kind in EVENTS:
            message = {"number": order.number, "status": order.status, "po_number": order.po_number, **data}
            announce(session, kind, str(step.id), message.copy, organisation_id=order.organisation_id)
    return written


def move_order(session: Session, order: Order, to: OrderStatus, actor: Actor, now: datetime) -> None:
    """Move a locked order along its diagram, with audit, story and mail. Raises WrongState off the diagram."""
    move_orders(session, [(order, to)], actor, now)


def move_orders(session: Session, moves: Sequence[tuple[Order, OrderStatus]], actor: Actor, now: datetime) -> None:
    """The same for many orders, in as many statements as for one. Raises WrongState, and then none has moved."""
    moving = [(order, OrderStatus(order.status), to) for order, to in moves if order.status != to]
    off = [(before, to) for _, before, to in moving if to not in ORDER_MOVES[before]]
    if off:
        raise WrongState(errors=[{"status": before.value, "wanted": to.value} for before, to in off])
    by_move: dict[tuple[OrderStatus, OrderStatus], list[Order]] = defaultdict(list)
    for order, before, to in moving:
        by_move[before, to].append(order)
        order.status = to.value
        # A supermarket's goods come to its own counter: nobody has to collect them in time.
        if to == OrderStatus.READY and order.kind == "retail" and order.pickup_counter is not None:
            order.collect_by, order.reminded_at = now + timedelta(hours=order.pickup_counter.hold_hours), None
        if not ORDER_MOVES[to]:
            order.closed_at = now
    for (before, to), orders in by_move.items():
        after: dict[str, dict[str, Any] | None] = {str(order.id): {"status": to.value} for order in orders}
        audit.record_all(session, actor, "order.moved", "order", after, before={"status": before.value})
        if to in MAILED:
            mails = {
                f"{order.id}:{MAILED[to]}:{int(now.timestamp())}": {"order_id": order.id, "kind": MAILED[to]}
                for order in orders
            }
            emit_all(session, "order.mail", mails)
    tell_orders(session, [(order, f"order.{to.value}", {}) for order, _, to in moving])
    session.flush()


def confirm_order(session: Session, order: Order, actor: Actor, now: datetime) -> None:
    """The (locked) order's money is there: counters may hear of it now."""
    move_order(session, order, OrderStatus.CONFIRMED, actor, now)
    start_order(session, order, "paid")


def start_order(session: Session, order: Order, why: str) -> None:
    """Have counters found for a confirmed order, and its customer told."""
    emit_jobs(
        session,
        [
            NewJob("order.route", f"{order.id}:{why}", {"order_id": order.id}),
            NewJob("order.mail", f"{order.id}:confirmed", {"order_id": order.id, "kind": "confirmed"}),
        ],
    )


def reinstate_order(session: Session, order: Order, actor: Actor) -> None:
    """The one way back: an order that expired while its customer was paying, whose stock was promised again.

    docs/decisions/0007-money-that-comes-late.md says why; the database allows no other way out of an end.
    """
    order.status, order.closed_at = OrderStatus.CONFIRMED.value, None
    audit.record(session, actor, "order.moved", "order", order.id,
                 before={"status": OrderStatus.EXPIRED.value}, after={"status": order.status})  # fmt: skip
    tell(session, order, "order.confirmed")
    start_order(session, order, "reinstated")


def cancel_order(session: Session, order_id: int, actor: Actor, now: datetime) -> Order:
    """End an order at its owner's wish and give its stock back. Raises CannotCancel."""
    return end_order(session, order_id, OrderStatus.CANCELLED, actor, now)


def end_order(session: Session, order_id: int, to: OrderStatus, actor: Actor, now: datetime) -> Order:
    """Cancel or expire: parts closed, stock given back, suppliers and counters told, once. Raises CannotCancel."""
    order = lock_order(session, order_id)
    refuse_while_payable(session, order_id)
    parts = fulfilments_of(session, order_id)
    left_already = {FulfilmentStatus.DISPATCHED, FulfilmentStatus.HANDED_OVER}
    if OrderStatus(order.status) not in CANCELLABLE or any(part.status in left_already for part in parts):
        raise CannotCancel(errors=[{"status": order.status}])
    cancel_parts(session, order_id, actor, now)
    tell_suppliers(session, order, "cancelled")
    move_order(session, order, to, actor, now)
    give_back_surplus(session, order, 0, "cancelled", actor, now)
    # Last, so that the hot rows are locked briefly.
    release_all(session, order.id, actor.name)
    return order


def end_rest(session: Session, order: Order, actor: Actor, now: datetime) -> None:
    """Nobody came for the rest of a (locked) order: it goes back on sale, and the order is what its customer took."""
    cancel_parts(session, order.id, actor, now)
    unallocate(session, reserved_allocations(session, order.id), actor.name)
    lines = {line.id: line for line in order.lines}
    for promise in reservations_of(session, order.id):
        if promise.held or promise.awaited:
            after = {"sku_id": promise.sku_id, "packs": promise.held + promise.awaited}
            line = lines[promise.order_line_id]
            awaited = backorders_of(session, [order.id]) if promise.awaited else ()
            forgo(session, order, line, [one for one in awaited if one.order_line_id == line.id], actor.name)
            shorten_line(session, order, line, promise.held)
            tell(session, order, "order.shortened", **after, why="not_collected")
            audit.record(session, actor, "order.shortened", "order", order.id, after=after)
    tell_suppliers(session, order, "rest")
    emit(session, "order.mail", f"{order.id}:rest", {"order_id": order.id, "kind": "rest"})
    give_back_surplus(session, order, order.total_fen, "cancelled", actor, now)
    settle_order(session, order, actor, now)


def cancel_parts(session: Session, order_id: int, actor: Actor, now: datetime) -> None:
    """Close every open part of an order that ends, and tell its counters."""
    for part in fulfilments_of(session, order_id):
        if FulfilmentStatus(part.status) in OPEN_FULFILMENTS:
            part.status, part.closed_at = FulfilmentStatus.CANCELLED.value, now
            audit.record(session, actor, "fulfilment.cancelled", "fulfilment", part.id)
            emit(
                session,
                "counter.notice",
                f"{part.id}:cancelled",
                {"fulfilment_id": part.id, "kind": "cancelled"},
            )


def refuse_while_payable(session: Session, order_id: int) -> None:
    """Raise CannotCancel while the customer may be paying: the payment is closed at the provider first."""
    live = [state.value for state in LIVE_PAYMENTS]
    if session.scalar(select(Payment.id).where(Payment.order_id == order_id, Payment.state.in_(live))) is not None:
        raise CannotCancel(_l("A payment is on its way for this order, please look again in a minute"))


def tell_suppliers(session: Session, order: Order, change: str) -> None:
    """Let each cooperative of the order hear that something of its goods changed."""
    emit(session, "supplier.notice", f"{order.id}:{change}", {"order_id": order.id, "change": change})


def fulfilments_of(session: Session, order_id: int) -> list[Fulfilment]:
    """The order's parts, locked in id order and read anew."""
    statement = (
        select(Fulfilment)
        .where(Fulfilment.order_id == order_id)
        .order_by(Fulfilment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.execute(statement).scalars())


def status_from_parts(parts: list[tuple[str, str]], held: int, awaited: int = 0) -> OrderStatus:
    """What an order's status is, from its parts (role, status) and the packs still without a place. Pure.

    Packs that come with a consignment hold up nothing of the rest; the order only does not end before them.
    """
    live = [(role, status) for role, status in parts if status not in {"rejected", "cancelled"}]
    final = [status for role, status in live if role != "transfer"]
    if held or not final:
        return OrderStatus.CONFIRMED
    if all(status == "handed_over" for status in final):
        return OrderStatus.CONFIRMED if awaited else OrderStatus.COMPLETED
    if all(status in {"ready", "dispatched", "handed_over"} for status in final):
        return OrderStatus.READY
    if any(status != "assigned" for _, status in live):
        return OrderStatus.PREPARING
    return OrderStatus.ROUTED


def settle_order(session: Session, order: Order, actor: Actor, now: datetime) -> None:
    """After a step of a part: derive the (locked) order's status from its parts."""
    settle_orders(session, [order], actor, now)


def settle_orders(session: Session, orders: Sequence[Order], actor: Actor, now: datetime) -> None:
    """The same for many orders."""
    session.flush()
    ids = [order.id for order in orders]
    parts: dict[int, list[tuple[str, str]]] = defaultdict(list)
    of_parts = select(Fulfilment.order_id, Fulfilment.role, Fulfilment.status).where(Fulfilment.order_id.in_(ids))
    for order_id, role, status in session.execute(of_parts):
        parts[order_id].append((role, status))
    packs = select(Reservation.order_id, func.sum(Reservation.held), func.sum(Reservation.awaited))
    waiting = {
        order_id: (int(held), int(awaited))
        for order_id, held, awaited in session.execute(
            packs.where(Reservation.order_id.in_(ids)).group_by(Reservation.order_id)
        )
    }
    moves = [
        (order, status_from_parts(parts[order.id], *waiting.get(order.id, (0, 0))))
        for order in orders
        if order.status != OrderStatus.AWAITING_PAYMENT
    ]
    move_orders(session, moves, actor, now)
    for order in orders:
        if order.status == OrderStatus.READY and waiting.get(order.id, (0, 0))[1]:
            keep_until_rest_comes(session, order)


def keep_until_rest_comes(session: Session, order: Order) -> None:
    """Whose last packs are on the road may come once for everything: the hold begins when those are there at last."""
    is_open = Backorder.state.in_([state.value for state in OPEN_BACKORDERS])
    last = session.scalar(select(func.max(Backorder.expected_on)).where(Backorder.order_id == order.id, is_open))
    if last is not None and order.pickup_counter is not None and order.collect_by is not None:
        begins = datetime.combine(last + timedelta(days=DAYS_OF_GRACE), time.max, SHANGHAI)
        order.collect_by = max(order.collect_by, begins + timedelta(hours=order.pickup_counter.hold_hours))


def expire_overdue(session: Session, now: datetime, limit: int = 50) -> int:
    """End orders nobody paid or collected in time, each in a transaction of its own; how many ended."""
    statement = (
        select(Order.id)
        .where(
            or_(
                (Order.status == OrderStatus.AWAITING_PAYMENT.value) & (Order.expires_at <= now),
                (Order.status == OrderStatus.READY.value) & (Order.collect_by <= now) & (Order.method == "pickup"),
            )
        )
        .order_by(Order.id)
        .limit(limit)
    )
    ended = 0
    for order_id in session.execute(statement).scalars().all():
        if expire_if_still_overdue(session, order_id, now):
            ended += 1
        session.commit()
    return ended


def expire_if_still_overdue(session: Session, order_id: int, now: datetime) -> bool:
    """Look again under the lock (a payment or a hand-over may have won) and expire, or end what was not collected."""
    order = lock_order(session, order_id)
    unpaid = order.status == OrderStatus.AWAITING_PAYMENT and order.expires_at is not None and order.expires_at <= now
    unclaimed = order.status == OrderStatus.READY and order.collect_by is not None and order.collect_by <= now
    if not (unpaid or unclaimed):
        return False
    if unclaimed and any(part.status == FulfilmentStatus.HANDED_OVER for part in fulfilments_of(session, order_id)):
        end_rest(session, order, EXPIRY, now)
        return True
    try:
        end_order(session, order_id, OrderStatus.EXPIRED, EXPIRY, now)
    except WrongState:
        return False
    return True
