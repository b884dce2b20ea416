"""What each counter could give to one order, and why the others can give nothing: hard rules, no prices."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from orders.routing.problem import CounterState, LotStock, Problem, distance_m


@dataclass(frozen=True)
class Offers:
    """For each counter either its lots that may go to this order, or the rule that keeps it out."""

    lots: dict[str, list[LotStock]]
    refusals: dict[str, str]


def offers_for(problem: Problem) -> Offers:
    """Look at every counter and every lot once."""
    wanted = {line.sku for line in problem.order.lines}
    stands: dict[str, list[LotStock]] = defaultdict(list)
    for lot in problem.stock:
        if lot.sku in wanted:
            stands[lot.counter].append(lot)
    lots: dict[str, list[LotStock]] = {}
    refusals: dict[str, str] = {}
    for counter in problem.counters:
        offered = stands.get(counter.code, [])
        good = [] if shut_out(problem, counter) else [lot for lot in offered if lot_is_feasible(problem, counter, lot)]
        if good:
            lots[counter.code] = good
        refusals[counter.code] = refusal(problem, counter, offered, good)
    return Offers(lots, refusals)


def shut_out(problem: Problem, counter: CounterState) -> str:
    """Why the counter takes no part whatever it has ('' when it may)."""
    order = problem.order
    if counter.closed:
        return "closed"
    if counter.used + counter.planned >= counter.capacity:
        return "full"
    if order.method == "delivery" and distance_m(counter.lat, counter.lng, order.lat, order.lng) > counter.radius_m:
        return "too_far"
    return ""


def refusal(problem: Problem, counter: CounterState, offered: list[LotStock], good: list[LotStock]) -> str:
    """Why a counter cannot take part at all ('' when it can): a hard rule, not a price."""
    reason = shut_out(problem, counter)
    if reason or good:
        return reason
    standing = [lot for lot in offered if lot.quantity > 0]
    if not standing:
        return "no_stock"
    if any(lot.sku in counter.refused for lot in standing):
        return "refused"
    if not any(problem.skus[lot.sku].storage in counter.storage for lot in standing):
        return "no_cold_place"
    return "no_fresh_stock"


def lot_is_feasible(problem: Problem, counter: CounterState, lot: LotStock) -> bool:
    """Whether a pack of this lot may go to this order from this counter."""
    needs = problem.skus[lot.sku]
    return (
        lot.quantity > 0
        and lot.sku not in counter.refused
        and needs.storage in counter.storage
        and (lot.best_before - problem.order.handover_on).days >= needs.min_life_days
    )
