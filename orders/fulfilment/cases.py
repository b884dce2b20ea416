"""Orders the router gave up on: parked for a person, who lets it try again or decides otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, joinedload

from orders.fulfilment.plan_models import RoutingCase
from orders.models import Order
from orders.promises import lock_order
from orders.states import OPEN_ORDERS
from shop import audit
from shop.audit import Actor
from shop.db import table_of
from shop.errors import NotFound
from shop.outbox import emit

CASES_SHOWN = 200


def open_cases(session: Session, order_ids: Sequence[int]) -> dict[int, str]:
    """The orders among these that wait for a person, and why."""
    statement = select(RoutingCase.order_id, RoutingCase.why).where(
        RoutingCase.order_id.in_(order_ids), RoutingCase.closed_at.is_(None)
    )
    return dict(session.execute(statement).all())


def close_cases(session: Session, order_ids: Sequence[int], actor: Actor, now: datetime) -> None:
    """What these (locked) orders waited for is settled."""
    if order_ids:
        session.execute(
            update(RoutingCase)
            .where(RoutingCase.order_id.in_(order_ids), RoutingCase.closed_at.is_(None))
            .values(closed_at=now, closed_by=actor.name)
        )


def park(session: Session, parked: Mapping[int, str], versions: Mapping[int, int], cause: str, actor: Actor) -> None:
    """Leave these (locked) orders, by id with the reason, to a person; their packs stay promised."""
    if not parked:
        return
    rows = [
        {"order_id": order_id, "why": why, "at_version": versions.get(order_id, 0)} for order_id, why in parked.items()
    ]
    session.execute(insert(table_of(RoutingCase)), rows)
    after: dict[str, dict[str, str] | None] = {
        str(order_id): {"why": why, "cause": cause} for order_id, why in parked.items()
    }
    audit.record_all(session, actor, "routing.parked", "order", after)


def waiting_cases(session: Session) -> Sequence[RoutingCase]:
    """What a person must look at, the oldest first."""
    statement = (
        select(RoutingCase)
        .join(Order, Order.id == RoutingCase.order_id)
        .where(RoutingCase.closed_at.is_(None), Order.status.in_(OPEN_ORDERS))
        .options(joinedload(RoutingCase.order).joinedload(Order.pickup_counter))
        .order_by(RoutingCase.id)
        .limit(CASES_SHOWN)
    )
    return session.execute(statement).unique().scalars().all()


def try_again(session: Session, order_id: int, actor: Actor, now: datetime) -> None:
    """Close the order's case and let the router plan it anew. Raises NotFound when it has none."""
    if session.get(Order, order_id) is None:
        raise NotFound()
    lock_order(session, order_id)
    case = session.execute(
        select(RoutingCase).where(RoutingCase.order_id == order_id, RoutingCase.closed_at.is_(None)).with_for_update()
    ).scalar_one_or_none()
    if case is None:
        raise NotFound()
    case.closed_at, case.closed_by = now, actor.name
    audit.record(session, actor, "routing.tried_again", "order", order_id)
    emit(session, "order.route", f"{order_id}:case:{case.id}", {"order_id": order_id, "why": "person"})
    session.flush()
