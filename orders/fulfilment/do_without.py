"""A customer would rather do without what is still on the road: it is taken off the order, and not charged."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from orders.backorders import backorders_of
from orders.lifecycle import cancel_parts, move_order, settle_order, tell, tell_suppliers
from orders.models import Order
from orders.payments.refunds import give_back_surplus
from orders.promises import forgo, lock_order, reservations_of
from orders.states import OrderStatus
from shop import audit
from shop.audit import Actor
from shop.errors import NotFound, WrongState


class NotAwaited(WrongState):
    """Nothing of that line is on the road any more."""

    code: ClassVar[str] = "not_awaited"
    title = _l("These goods have arrived meanwhile, or they are not part of the order any more")


def do_without(session: Session, order_id: int, position: int, actor: Actor, now: datetime) -> Order:
    """Take the awaited packs of a line off the order, and give back what was paid for them.

    Raises NotFound without such a line, NotAwaited when nothing of it is awaited (any more).
    """
    order = lock_order(session, order_id)
    line = next((one for one in order.lines if one.position == position), None)
    if line is None:
        raise NotFound()
    reservations_of(session, order_id)
    awaited = [one for one in backorders_of(session, [order_id]) if one.order_line_id == line.id]
    if not awaited:
        raise NotAwaited(errors=[{"status": order.status}])
    after = {"sku_id": line.sku_id, "packs": forgo(session, order, line, awaited, actor.name)}
    tell(session, order, "order.shortened", **after, why="not_wanted")
    audit.record(session, actor, "order.shortened", "order", order_id, after=after)
    if all(one.cancelled == one.quantity for one in order.lines):
        cancel_parts(session, order_id, actor, now)
        tell_suppliers(session, order, "cancelled")
        move_order(session, order, OrderStatus.CANCELLED, actor, now)
        give_back_surplus(session, order, 0, "cancelled", actor, now)
    else:
        settle_order(session, order, actor, now)
        give_back_surplus(session, order, order.total_fen, "short", actor, now)
    return order
