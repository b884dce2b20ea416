"""Many waiting orders at once: read what there is, plan jointly with no transaction open, then carry out in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from orders.fulfilment.assign import ROUTABLE, route_orders, snapshot_for, to_route
from orders.fulfilment.instance import Snapshot, Waiting
from orders.fulfilment.planning import JOINT_SECONDS, Backlog, Proposal, days_for, decide_together
from orders.fulfilment.replan import CHUNK, waiting_orders
from orders.fulfilment.world import World
from orders.models import Order
from shop.db import in_transaction


@dataclass(frozen=True)
class Outcome:
    """How a backlog was planned: costs one by one and together, the bound (fen), and how many orders were written."""

    orders: int
    alone_fen: int
    together_fen: int
    bound_fen: int
    seconds: float
    written: int


def route_backlog(
    session: Session, order_ids: Sequence[int] | None, now: datetime, why: str, seconds: float = JOINT_SECONDS
) -> Outcome:
    """Plan these orders (None: all that wait) together and carry it out; commits as it goes, safe to repeat.

    Nothing is locked while the search runs. A plan whose lots were taken meanwhile does not fit any more when its
    turn comes; that order is planned anew by itself.
    """
    ids = list(waiting_orders(session)) if order_ids is None else sorted(order_ids)
    snapshot, waiting = look(session, ids, now)
    made = decide_together(snapshot, waiting, seconds) if waiting else Backlog((), 0, 0, 0, 0.0)
    proposals = {
        one.waiting.order.id: Proposal(one.day, one.plan, one.solver, one.waiting.wish) for one in made.decisions
    }
    written = 0
    for start in range(0, len(ids), CHUNK):
        carry_out = partial(route_orders, session, ids[start : start + CHUNK], now, why, proposals)
        written += len(in_transaction(session, carry_out))
    return Outcome(len(waiting), made.alone_fen, made.together_fen, made.bound_fen, made.seconds, written)


def look(session: Session, order_ids: Sequence[int], now: datetime) -> tuple[Snapshot, list[Waiting]]:
    """What there is for these orders, read without locks; nothing of it belongs to the session afterwards."""
    statement = select(Order).where(Order.id.in_(order_ids), Order.kind == "retail", Order.status.in_(ROUTABLE))
    load = selectinload(Order.lines), joinedload(Order.contact)
    orders = session.execute(statement.options(*load).order_by(Order.id)).scalars().all()
    world = World(session, now, [one.pickup_counter_id for one in orders if one.pickup_counter_id is not None])
    found = [one for one in to_route(session, orders, world, lock=False) if days_for(world, one.order)]
    snapshot, waiting = snapshot_for(session, found, world, lock=False)
    session.expunge_all()
    session.commit()
    return snapshot, waiting
