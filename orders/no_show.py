"""Orders nobody collects: the customer is reminded once; an order ends at `collect_by` (orders/lifecycle.py)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter
from orders.models import Order
from orders.states import OrderStatus
from shop import audit
from shop.audit import Actor
from shop.outbox import emit

REMINDER = Actor("reminder")
HOURS_BEFORE = 24


def remind_to_collect(session: Session, now: datetime, limit: int = 200) -> int:
    """Mail whoever has not collected a day before the hold ends (half the hold where it is shorter); how many.

    Once per hold: the row is marked in the transaction that writes the mail's job.
    """
    hours = func.least(HOURS_BEFORE, Counter.hold_hours // 2)
    statement = (
        select(Order)
        .join(Counter, Counter.id == Order.pickup_counter_id)
        .where(
            Order.status == OrderStatus.READY.value,
            Order.reminded_at.is_(None),
            Order.collect_by > now,
            Order.collect_by - func.make_interval(0, 0, 0, 0, hours) <= now,
        )
        .order_by(Order.id)
        .limit(limit)
        .with_for_update(of=Order, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    late = session.execute(statement).scalars().all()
    for order in late:
        order.reminded_at = now
        assert order.collect_by is not None  # noqa: S101  the query asks for it
        key = f"{order.id}:collect:{int(order.collect_by.timestamp())}"
        emit(session, "order.mail", key, {"order_id": order.id, "kind": "collect"})
        audit.record(session, REMINDER, "order.reminded", "order", order.id,
                     after={"collect_by": order.collect_by.isoformat()})  # fmt: skip
    session.commit()
    return len(late)
