"""Find the least-cost feasible plan for one order, prove it, and say of every counter why it takes part or not.

A counter is closed, open for ambient goods only, or open for everything (and then pays for cold). With that decided
the packs fall into place: each SKU takes its cheapest open lots. `search.py` finds the best decision, with `milp.py`
where branching would take long.
"""

from __future__ import annotations

from math import ceil

from orders.routing.model import Surcharges, model_of
from orders.routing.offers import Offers, offers_for
from orders.routing.problem import (
    COLD,
    CounterState,
    Line,
    LotStock,
    Parcel,
    Plan,
    Problem,
    Reason,
    Take,
    ageing_fen,
    parcel_costs,
    role_of,
)
from orders.routing.search import Search

SOLVER = "branch and bound, HiGHS"


def solve(problem: Problem) -> Plan:
    """The cheapest plan; `proved` is false only when the search was cut short. Same input, same plan."""
    offers = offers_for(problem)
    search = Search(model_of(problem, offers))
    search.run()
    chosen = [(search.model.lots[lot], packs) for lot, packs in search.takes]
    cost = priced_cost(problem, chosen)
    bound = cost if search.proved else max(0, ceil(search.bound - 1e-6))
    return plan_of(problem, offers, chosen, bound=bound, proved=search.proved)


def solve_at_prices(problem: Problem, extra: Surcharges) -> tuple[list[tuple[LotStock, int]], float]:
    """The packs a single order would take if room and packs cost more, and a bound of that price."""
    search = Search(model_of(problem, offers_for(problem), extra))
    search.run()
    return [(search.model.lots[lot], packs) for lot, packs in search.takes], min(search.bound, search.best)


def priced_cost(problem: Problem, chosen: list[tuple[LotStock, int]]) -> int:
    """What taking exactly these packs costs, with what they leave out."""
    parcels, unfilled = parcels_of(problem, chosen)
    total = sum(sum(parcel.cost_fen.values()) for parcel in parcels)
    return total + sum(line.quantity for line in unfilled) * problem.costs.unfilled_fen


def plan_of(problem: Problem, offers: Offers, chosen: list[tuple[LotStock, int]], *, bound: int, proved: bool) -> Plan:
    """The choice written out as parcels, priced by what each parcel holds, with its reasons."""
    parcels, unfilled = parcels_of(problem, chosen)
    return Plan(
        parcels=parcels,
        unfilled=unfilled,
        cost_fen=priced_cost(problem, chosen),
        bound_fen=bound,
        proved=proved,
        reasons=reasons_for(problem, offers, parcels),
    )


def parcels_of(problem: Problem, chosen: list[tuple[LotStock, int]]) -> tuple[tuple[Parcel, ...], tuple[Line, ...]]:
    """One parcel a counter, cheapest to open first; and what is missing."""
    left = {line.sku: line.quantity for line in problem.order.lines}
    by_counter: dict[str, list[tuple[LotStock, int]]] = {}
    for lot, packs in chosen:
        by_counter.setdefault(lot.counter, []).append((lot, packs))
        left[lot.sku] -= packs
    parcels = [
        parcel(problem, counter, by_counter[counter.code]) for counter in problem.counters if counter.code in by_counter
    ]
    parcels.sort(key=lambda one: (sum(one.cost_fen.values()), one.counter))
    missing = tuple(Line(line.sku, left[line.sku]) for line in problem.order.lines if left[line.sku])
    return tuple(parcels), missing


def parcel(problem: Problem, counter: CounterState, packs: list[tuple[LotStock, int]]) -> Parcel:
    """One counter's part with its costs."""
    cold = any(problem.skus[lot.sku].storage in COLD for lot, _ in packs)
    costs = parcel_costs(problem, counter, cold=cold)
    costs["ageing"] = sum(ageing_fen(problem, lot) * quantity for lot, quantity in packs)
    takes = tuple(Take(lot.sku, lot.level, quantity) for lot, quantity in packs)
    return Parcel(counter.code, role_of(problem.order, counter.code), takes, costs)


def reasons_for(problem: Problem, offers: Offers, parcels: tuple[Parcel, ...]) -> tuple[Reason, ...]:
    """For every counter why it is in the plan or not."""
    used = {one.counter: one for one in parcels}
    told = []
    for counter in sorted(problem.counters, key=lambda one: one.code):
        if counter.code in used:
            told.append(Reason(counter.code, True, "cheapest_together", dict(used[counter.code].cost_fen)))
        elif offers.refusals[counter.code]:
            told.append(Reason(counter.code, False, offers.refusals[counter.code]))
        else:
            told.append(Reason(counter.code, False, "dearer", parcel_costs(problem, counter, cold=False)))
    return tuple(told)
