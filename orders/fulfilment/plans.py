"""Keep every plan as it was decided, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from orders.fulfilment.plan_models import RoutingCase, RoutingInstance, RoutingPlan
from orders.fulfilment.planning import Decision
from orders.routing.problem import Costs, CounterState, Line, LotStock, OrderWish, Plan, Problem, SkuNeeds
from shop.db import table_of


def versions_of(session: Session, order_ids: Sequence[int]) -> dict[int, int]:
    """How many plans each order had."""
    statement = select(RoutingPlan.order_id, func.max(RoutingPlan.version)).where(RoutingPlan.order_id.in_(order_ids))
    return dict(session.execute(statement.group_by(RoutingPlan.order_id)).all())


def forgiven(session: Session, order_ids: Sequence[int]) -> dict[int, int]:
    """How many of them a person has waved through, by closing a case."""
    statement = select(RoutingCase.order_id, func.max(RoutingCase.at_version)).where(
        RoutingCase.order_id.in_(order_ids), RoutingCase.closed_at.is_not(None)
    )
    return dict(session.execute(statement.group_by(RoutingCase.order_id)).all())


def keep_plans(
    session: Session, decisions: Sequence[Decision], versions: Mapping[int, int], costs_id: int, why: str
) -> dict[int, RoutingPlan]:
    """Store the plans by order id, with the version of the weights they used and their instances. Two statements."""
    rows = [
        {
            "order_id": one.waiting.order.id, "version": versions.get(one.waiting.order.id, 0) + 1,
            "costs_id": costs_id, "cost_fen": one.plan.cost_fen, "bound_fen": one.plan.bound_fen,
            "proved": one.plan.proved, "solver": one.solver, "seconds": one.seconds,
            "plan": written(one.plan) | {"day": one.day.isoformat()}, "why": why,
        }
        for one in decisions
    ]  # fmt: skip
    statement = insert(RoutingPlan).returning(RoutingPlan, sort_by_parameter_order=True)
    plans = session.execute(statement, rows).scalars().all()
    instances = [
        {"plan_id": plan.id, "instance": packed(one.problem)} for plan, one in zip(plans, decisions, strict=True)
    ]
    session.execute(insert(table_of(RoutingInstance)), instances)
    return {plan.order_id: plan for plan in plans}


def written(plan: Plan) -> dict[str, Any]:
    """A plan as it is stored: what `asdict` makes of it, without that copying everything for a tenth of the time."""
    parcels = [vars(one) | {"takes": [vars(take) for take in one.takes]} for one in plan.parcels]
    return vars(plan) | {
        "parcels": parcels,
        "unfilled": [vars(line) for line in plan.unfilled],
        "reasons": [vars(one) for one in plan.reasons],
    }


def packed(problem: Problem) -> dict[str, Any]:
    """An instance as few letters: rows of figures, without the weights (the plan names their version)."""
    order = problem.order
    return {
        "skus": [[one.sku, one.storage, one.min_life_days] for one in problem.skus.values()],
        "counters": [
            [one.code, one.lat, one.lng, sorted(one.storage), one.capacity, one.used, one.radius_m, one.closed,
             sorted(one.refused), one.planned]
            for one in problem.counters
        ],
        "stock": [
            [one.counter, one.sku, one.level, one.quantity, one.best_before.isoformat()] for one in problem.stock
        ],
        "order": [order.number, order.lat, order.lng, order.method, order.pickup_counter,
                  order.handover_on.isoformat(), [[line.sku, line.quantity] for line in order.lines]],
    }  # fmt: skip


def unpacked(instance: dict[str, Any], costs: Costs) -> Problem:
    """The instance of a stored plan at these weights."""
    number, lat, lng, method, pickup, on, lines = instance["order"]
    return Problem(
        costs=costs,
        skus={sku: SkuNeeds(sku, storage, life) for sku, storage, life in instance["skus"]},
        counters=tuple(
            CounterState(code, at_lat, at_lng, frozenset(storage), capacity, used, radius, closed,
                         frozenset(refused), planned)
            for code, at_lat, at_lng, storage, capacity, used, radius, closed, refused, planned in instance["counters"]
        ),
        stock=tuple(
            LotStock(code, sku, level, quantity, date.fromisoformat(best_before))
            for code, sku, level, quantity, best_before in instance["stock"]
        ),
        order=OrderWish(number, lat, lng, method, pickup, date.fromisoformat(on),
                        tuple(Line(sku, quantity) for sku, quantity in lines)),
    )  # fmt: skip
