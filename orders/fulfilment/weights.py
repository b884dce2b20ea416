"""The weights of routing: the version in force, and a new one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.fulfilment.plan_models import RoutingCosts
from orders.routing.instance_file import COSTS
from orders.routing.problem import Costs
from shop import audit
from shop.audit import Actor
from shop.errors import Invalid

MOST_FEN, MOST_DAYS = 10_000_000, 3_650
VERSIONS_SHOWN = 20


def costs_of(row: RoutingCosts) -> Costs:
    """A version as the router takes it."""
    return Costs(**{name: getattr(row, name) for name in COSTS})


def in_force(session: Session, now: datetime) -> RoutingCosts:
    """The version that applies at that moment. Raises NoResultFound in a shop that was never set up."""
    statement = (
        select(RoutingCosts)
        .where(RoutingCosts.in_force_from <= now)
        .order_by(RoutingCosts.in_force_from.desc(), RoutingCosts.id.desc())
        .limit(1)
    )
    return session.execute(statement).scalar_one()


def versions(session: Session) -> Sequence[RoutingCosts]:
    """The last versions, newest first."""
    newest = select(RoutingCosts).order_by(RoutingCosts.in_force_from.desc(), RoutingCosts.id.desc())
    return session.execute(newest.limit(VERSIONS_SHOWN)).scalars().all()


def check_costs(costs: Costs) -> None:
    """Raise Invalid naming each weight that is out of bounds."""
    wrong = [
        name for name in COSTS if not 0 <= getattr(costs, name) <= (MOST_DAYS if name == "horizon_days" else MOST_FEN)
    ]
    if wrong:
        raise Invalid(_l("A weight is a whole number from 0 up"), errors=[{"field": name} for name in wrong])


def add_version(
    session: Session, costs: Costs, since: datetime, note: str, base_id: int, actor: Actor, now: datetime
) -> RoutingCosts:
    """New weights, in force from `since` (UTC, not before now). The earlier versions stay for the plans that name them.

    Raises Invalid, also when somebody made a version after the one (`base_id`) these were typed over.
    """
    check_costs(costs)
    newest = session.scalar(select(RoutingCosts.id).order_by(RoutingCosts.id.desc()).limit(1).with_for_update())
    if newest != base_id:
        raise Invalid(_l("Somebody changed the weights meanwhile; please look at them again"))
    row = RoutingCosts(
        **{name: getattr(costs, name) for name in COSTS}, in_force_from=max(since, now), actor=actor.name,
        note=note.strip()[:500],
    )  # fmt: skip
    session.add(row)
    session.flush()
    after = {name: getattr(costs, name) for name in COSTS} | {"from": row.in_force_from.isoformat(), "note": row.note}
    audit.record(session, actor, "routing.weights", "routing_costs", row.id, after=after)
    return row
