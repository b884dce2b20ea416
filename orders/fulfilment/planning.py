"""Decide for many orders: each on its first good day with what the earlier ones left, or all of a day together."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from orders.fulfilment.instance import Snapshot, Waiting
from orders.fulfilment.world import World
from orders.models import Order
from orders.routing.instance_file import Instance
from orders.routing.problem import CounterState, Plan, Problem

JOINT_SECONDS = 20.0


@dataclass(frozen=True)
class Decision:
    """The plan for an order, the day it is for, what it was made from and how."""

    waiting: Waiting
    day: date
    problem: Problem
    plan: Plan
    solver: str
    seconds: float


@dataclass(frozen=True)
class Proposal:
    """A plan made earlier from what was there then; it counts only if everything it takes is still free."""

    day: date
    plan: Plan
    solver: str
    wish: Mapping[int, int]


@dataclass(frozen=True)
class Backlog:
    """Plans for orders that wait, their cost one by one and together, and what no way can undercut (fen)."""

    decisions: Sequence[Decision]
    alone_fen: int
    together_fen: int
    bound_fen: int
    seconds: float


def decide_all(
    snapshot: Snapshot, waiting: Sequence[Waiting], proposals: Mapping[int, Proposal] | None = None
) -> list[Decision]:
    """One order after the other, first come, first served; a proposal that still fits is taken as it is."""
    proposals = proposals or {}
    decisions: dict[int, Decision] = {}
    for one in waiting:
        proposed = proposals.get(one.order.id)
        if proposed is not None and still_fits(snapshot, one, proposed):
            problem = snapshot.problem(one, proposed.day)
            decided = Decision(one, proposed.day, problem, proposed.plan, proposed.solver, 0.0)
            snapshot.take(decided.plan, decided.day)
            decisions[one.order.id] = decided
    for one in waiting:
        if one.order.id not in decisions:
            decisions[one.order.id] = decide(snapshot, one)
            snapshot.take(decisions[one.order.id].plan, decisions[one.order.id].day)
    return [decisions[one.order.id] for one in waiting]


def decide(snapshot: Snapshot, waiting: Waiting) -> Decision:
    """The first day on which everything can be given and handed over; else the day on which least is missing."""
    from orders.routing.solver import SOLVER, solve  # brings numpy, which only workers need

    started = time.perf_counter()
    best: tuple[int, Decision] | None = None
    for day in days_for(snapshot.world, waiting.order):
        problem = snapshot.problem(waiting, day)
        plan = solve(problem)
        missing = sum(line.quantity for line in plan.unfilled)
        if best is None or missing < best[0]:
            best = missing, Decision(waiting, day, problem, plan, SOLVER, time.perf_counter() - started)
        if not missing:
            break
    assert best is not None  # noqa: S101  whoever asks has looked that there is a day
    return best[1]


def days_for(world: World, order: Order) -> list[date]:
    """The days on which the order can be handed over: for a pickup those its counter works on, else any counter."""
    pickup = order.pickup_counter_id
    if pickup is None:
        return world.working_days
    return [day for day in world.days if world.takes_new(pickup, day)]


def still_fits(snapshot: Snapshot, waiting: Waiting, proposed: Proposal) -> bool:
    """Whether an earlier plan can be carried out as it is: same wish, open counters with room, and free packs."""
    if dict(proposed.wish) != dict(waiting.wish) or proposed.plan.unfilled:
        return False
    states = {state.code: state for state in snapshot.counters_for(waiting.order, proposed.day)}
    pickup = waiting.order.pickup_counter_id
    if pickup is not None and not snapshot.world.takes_new(pickup, proposed.day):
        return False
    for parcel in proposed.plan.parcels:
        state = states.get(parcel.counter)
        if state is None or state.closed or state.used + state.planned >= state.capacity:
            return False
        for take in parcel.takes:
            kept = snapshot.skus[take.sku].storage in state.storage and take.sku not in state.refused
            if not kept or snapshot.left.get(take.level, 0) < take.quantity:
                return False
    return True


def decide_together(snapshot: Snapshot, waiting: Sequence[Waiting], seconds: float = JOINT_SECONDS) -> Backlog:
    """Plan orders that share stock and room together, day by day; never dearer than one by one.

    One by one finds each order's day. The orders of a day give everything back and are planned jointly, except those
    that a counter has refused something: whom not to ask differs from order to order, and a joint plan knows one
    state of a counter only.
    """
    started = time.perf_counter()
    alone = decide_all(snapshot, waiting)
    by_day: dict[date, list[int]] = defaultdict(list)
    for index, decision in enumerate(alone):
        if decision.waiting.order.id not in snapshot.refused and decision.waiting.order.id not in snapshot.own:
            by_day[decision.day].append(index)
    decisions = list(alone)
    bound = sum(decision.plan.bound_fen for decision in alone)
    groups = [(day, indexes) for day, indexes in sorted(by_day.items()) if len(indexes) > 1]
    for day, indexes in groups:
        share = seconds * len(indexes) / sum(len(one) for _, one in groups)
        better, day_bound = together_on(snapshot, day, [alone[index] for index in indexes], share)
        bound += day_bound - sum(alone[index].plan.bound_fen for index in indexes)
        for index, decision in zip(indexes, better, strict=True):
            decisions[index] = decision
    cost_alone, cost = (sum(one.plan.cost_fen for one in made) for made in (alone, decisions))
    return Backlog(decisions, cost_alone, cost, min(bound, cost), time.perf_counter() - started)


def together_on(
    snapshot: Snapshot, day: date, alone: Sequence[Decision], seconds: float
) -> tuple[Sequence[Decision], int]:
    """The orders of one day planned jointly within what they had and what is left; and a bound of them all (fen)."""
    from orders.routing.joint import plan_together
    from orders.routing.solver import SOLVER

    for decision in alone:
        give_back(snapshot, decision)
    started = time.perf_counter()
    made = plan_together(instance_of(snapshot, day, alone), seconds)
    if made.cost_fen >= sum(decision.plan.cost_fen for decision in alone):
        chosen: Sequence[Decision] = alone
    else:
        each = (time.perf_counter() - started) / len(alone)
        chosen = [
            Decision(one.waiting, day, one.problem, plan, f"{SOLVER}, joint", each)
            for one, plan in zip(alone, made.plans, strict=True)
        ]
    for decision in chosen:
        snapshot.take(decision.plan, day)
    return chosen, made.bound_fen


def give_back(snapshot: Snapshot, decision: Decision) -> None:
    """Undo what a plan took."""
    for parcel in decision.plan.parcels:
        snapshot.planned[snapshot.world.by_code[parcel.counter].id, decision.day] -= 1
        for take in parcel.takes:
            snapshot.left[take.level] += take.quantity


def instance_of(snapshot: Snapshot, day: date, decisions: Sequence[Decision]) -> Instance:
    """The orders of one day as one problem; numbers stand for themselves, nobody reads this as a file."""
    skus = {sku for one in decisions for sku in one.waiting.wish}
    counters = tuple(
        replace(state, closed=True) if is_tight(snapshot, one.id, state, day, len(decisions)) else state
        for one, state in zip(snapshot.world.counters, snapshot.states_of(day), strict=True)
    )
    return Instance(
        now=snapshot.world.now,
        costs=snapshot.world.costs,
        skus={sku: snapshot.skus[sku] for sku in skus},
        sku_codes=(),
        counters=counters,
        stock=snapshot.stock_of(skus),
        lot_codes=(),
        orders=tuple(snapshot.wish(one.waiting, day) for one in decisions),
    )


def is_tight(snapshot: Snapshot, counter_id: int, state: CounterState, day: date, orders: int) -> bool:
    """Whether parcels of orders outside the joint plan leave a counter less room than these might take."""
    planned = snapshot.planned.get((counter_id, day), 0)
    return bool(planned) and state.used + planned + orders > state.capacity
