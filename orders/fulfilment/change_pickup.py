"""A customer wants to collect somewhere else: possible while nothing is picked."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from catalogue.models import Counter
from orders.checkout import CounterClosed
from orders.fulfilment.cases import close_cases
from orders.fulfilment.models import Allocation, Fulfilment
from orders.lifecycle import cancel_parts, settle_order, tell
from orders.models import Order
from orders.promises import lock_order, reserved_allocations, unallocate
from orders.states import OPEN_ORDERS, OrderStatus
from shop import audit
from shop.audit import Actor
from shop.errors import WrongState
from shop.outbox import emit

CHANGEABLE = {OrderStatus.AWAITING_PAYMENT, OrderStatus.CONFIRMED, OrderStatus.ROUTED, OrderStatus.PREPARING}


class CannotChangeCounter(WrongState):
    """Goods are packed or on their way, or the order is not collected at all."""

    code: ClassVar[str] = "cannot_change_counter"
    title = _l("The goods are packed already: this order can no longer go to another counter")


def may_change(session: Session, order: Order) -> bool:
    """Whether nothing of the order is picked, packed or on its way yet."""
    if order.method != "pickup" or order.kind != "retail" or order.status not in CHANGEABLE:
        return False
    begun = Fulfilment.status.in_(("ready", "dispatched", "received", "handed_over")) | (Allocation.picked > 0)
    statement = (
        select(Fulfilment.id)
        .outerjoin(Allocation, (Allocation.fulfilment_id == Fulfilment.id) & (Allocation.state != "released"))
        .where(Fulfilment.order_id == order.id, begun)
    )
    return session.execute(statement.limit(1)).first() is None


def change_pickup(session: Session, order_id: int, counter_id: int, actor: Actor, now: datetime) -> Order:
    """Let the order be collected at another counter: its parts end, its packs stay promised and are planned anew.

    Raises CannotChangeCounter, CounterClosed. The counter it has already changes nothing.
    """
    order = lock_order(session, order_id)
    if not may_change(session, order):
        raise CannotChangeCounter(errors=[{"status": order.status}])
    before = order.pickup_counter_id
    if before == counter_id:
        return order
    counter = session.get(Counter, counter_id)
    if counter is None or not counter.active:
        raise CounterClosed()
    unallocate(session, reserved_allocations(session, order_id), actor.name)
    cancel_parts(session, order_id, actor, now)
    order.pickup_code = free_code(session, counter_id, order.pickup_code)
    order.pickup_counter_id = counter_id
    session.flush()
    close_cases(session, [order_id], actor, now)
    settle_order(session, order, actor, now)
    old = session.get_one(Counter, before)
    audit.record(session, actor, "order.pickup_changed", "order", order_id,
                 before={"counter": old.code}, after={"counter": counter.code})  # fmt: skip
    tell(session, order, "order.pickup_changed", counter=counter.code)
    if order.status != OrderStatus.AWAITING_PAYMENT:
        emit(session, "order.route", f"{order_id}:pickup:{counter_id}:{now.timestamp()}",
             {"order_id": order_id, "why": "pickup"})  # fmt: skip
    return order


def free_code(session: Session, counter_id: int, code: str | None) -> str:
    """The order's code where no open order of that counter has it; else another. The unique index stands behind it."""
    wanted = code or new_code()
    while session.scalar(
        select(
            exists().where(
                Order.pickup_counter_id == counter_id, Order.pickup_code == wanted, Order.status.in_(OPEN_ORDERS)
            )
        )
    ):
        wanted = new_code()
    return wanted


def new_code() -> str:
    """Eight digits."""
    return f"{secrets.randbelow(10**8):08d}"
