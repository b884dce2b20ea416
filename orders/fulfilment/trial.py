"""Try other weights on the last plans, before they decide anything: how many orders would go elsewhere, at what cost.

Both sides are planned anew by the pure solver from the stored instances, so that only the weights differ. The work
is done a few plans at a time: the office sees how far it is, and a job that dies loses little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.fulfilment.plan_models import RoutingCosts, RoutingInstance, RoutingPlan, RoutingTrial
from orders.fulfilment.plans import unpacked
from orders.fulfilment.weights import check_costs, costs_of
from orders.routing.plan_file import COMPONENTS
from orders.routing.problem import Costs, Plan, Problem, distance_m
from shop.audit import Actor
from shop.errors import NotFound
from shop.outbox import emit

PLANS_TRIED = 500
CHUNK = 50
SIDES = ("before", "after")


def start_trial(session: Session, costs: Costs, base_id: int, actor: Actor) -> RoutingTrial:
    """Have these weights tried on the first plan of each of the last 500 orders. Raises Invalid."""
    check_costs(costs)
    statement = (
        select(RoutingPlan.id)
        .join(RoutingInstance, RoutingInstance.plan_id == RoutingPlan.id)
        .where(RoutingPlan.version == 1)
        .order_by(RoutingPlan.id.desc())
        .limit(PLANS_TRIED)
    )
    ids = list(session.execute(statement).scalars())
    trial = RoutingTrial(costs=asdict(costs), base_id=base_id, plan_ids={"ids": ids}, actor=actor.name)
    session.add(trial)
    session.flush()
    emit(session, "routing.trial", f"{trial.id}:0", {"trial_id": trial.id})
    return trial


def find_trial(session: Session, trial_id: int) -> RoutingTrial:
    """A trial. Raises NotFound."""
    trial = session.get(RoutingTrial, trial_id)
    if trial is None:
        raise NotFound()
    return trial


def go_on(session: Session, trial_id: int) -> None:
    """Plan the next few of the trial's orders both ways, and ask for the next turn until none is left."""
    trial = session.get(RoutingTrial, trial_id, with_for_update=True, populate_existing=True)
    if trial is None:
        return
    ids = trial.plan_ids["ids"][trial.done : trial.done + CHUNK]
    if not ids:
        return
    before, after = costs_of(session.get_one(RoutingCosts, trial.base_id)), Costs(**trial.costs)
    found = select(RoutingInstance.instance).where(RoutingInstance.plan_id.in_(ids))
    result = add_up(trial.result, list(session.execute(found).scalars()), before, after)
    trial.result, trial.done = result, trial.done + len(ids)
    if trial.done < len(trial.plan_ids["ids"]):
        emit(session, "routing.trial", f"{trial.id}:{trial.done}", {"trial_id": trial.id})
    session.flush()


def add_up(
    so_far: Mapping[str, Any], instances: Sequence[dict[str, Any]], before: Costs, after: Costs
) -> dict[str, Any]:
    """The sums so far with these instances added. Pure."""
    from orders.routing.solver import solve  # brings numpy, which only workers need

    result: dict[str, Any] = {
        "orders": so_far.get("orders", 0), "elsewhere": so_far.get("elsewhere", 0),
        **{side: dict(so_far.get(side, {})) for side in SIDES},
    }  # fmt: skip
    for instance in instances:
        plans = {}
        for side, costs in zip(SIDES, (before, after), strict=True):
            problem = unpacked(instance, costs)
            plans[side] = solve(problem)
            for name, value in figures_of(problem, plans[side]).items():
                result[side][name] = result[side].get(name, 0) + value
        result["orders"] += 1
        result["elsewhere"] += places_of(plans["before"]) != places_of(plans["after"])
    return result


def places_of(plan: Plan) -> frozenset[tuple[str, int, int]]:
    """Which counter gives how many packs of which SKU."""
    given: dict[tuple[str, int], int] = {}
    for parcel in plan.parcels:
        for take in parcel.takes:
            given[parcel.counter, take.sku] = given.get((parcel.counter, take.sku), 0) + take.quantity
    return frozenset((counter, sku, packs) for (counter, sku), packs in given.items())


def figures_of(problem: Problem, plan: Plan) -> dict[str, int]:
    """Parcels, metres travelled, packs nobody gives, and each component of the cost (fen)."""
    at = {counter.code: counter for counter in problem.counters}
    order = problem.order
    metres = sum(
        distance_m(at[one.counter].lat, at[one.counter].lng, order.lat, order.lng)
        for one in plan.parcels
        if one.role != "hand_over"
    )
    missing = sum(line.quantity for line in plan.unfilled)
    figures = {"parcels": len(plan.parcels), "metres": int(Decimal(metres)), "missing": missing}
    for name in COMPONENTS:
        figures[name] = sum(parcel.cost_fen.get(name, 0) for parcel in plan.parcels)
    figures["unfilled"] = missing * problem.costs.unfilled_fen
    figures["total"] = plan.cost_fen
    return figures
