"""How other shops choose: rules of one thought each, to compare the router with. All keep the hard rules."""

from __future__ import annotations

from collections.abc import Callable

from orders.routing.offers import Offers, offers_for
from orders.routing.problem import CounterState, LotStock, Plan, Problem, distance_m, role_of
from orders.routing.solver import plan_of

Chosen = list[tuple[LotStock, int]]


def fixed_priority(problem: Problem) -> Plan:
    """Counters in one fixed order; each gives what it has, oldest lots first."""
    return in_turn(problem, lambda counter: (counter.code,))


def nearest_first(problem: Problem) -> Plan:
    """Sources by distance, each item from the nearest that still has it: Magento's distance priority."""
    return in_turn(problem, lambda counter: (away(problem, counter), counter.code))


def nearest_with_stock(problem: Problem) -> Plan:
    """Each line whole from the nearest counter that has all of it; only else in pieces by distance."""
    offers = offers_for(problem)
    shelf = Shelf(problem, offers)
    near = sorted(shelf.counters, key=lambda counter: (away(problem, counter), counter.code))
    for line in problem.order.lines:
        whole = [counter for counter in near if shelf.room(counter, line.sku) >= line.quantity]
        for counter in whole[:1] or near:
            shelf.give(counter, line.sku)
    return shelf.plan(offers)


def largest_cover(problem: Problem) -> Plan:
    """Again and again the counter that can give most of what is missing: as Solidus packs its packages."""
    offers = offers_for(problem)
    shelf = Shelf(problem, offers)
    while True:
        cover = [(-shelf.cover(counter), away(problem, counter), counter.code) for counter in shelf.counters]
        best = min(zip(cover, shelf.counters, strict=True), key=lambda pair: pair[0], default=None)
        if best is None or best[0][0] == 0:
            return shelf.plan(offers)
        for line in problem.order.lines:
            shelf.give(best[1], line.sku)


BASELINES: dict[str, Callable[[Problem], Plan]] = {
    "fixed priority": fixed_priority,
    "nearest with stock": nearest_with_stock,
    "largest cover": largest_cover,
    "distance priority": nearest_first,
}


def in_turn(problem: Problem, rank: Callable[[CounterState], tuple[float | str, ...]]) -> Plan:
    """Go through the counters in that order; each gives whatever it can."""
    offers = offers_for(problem)
    shelf = Shelf(problem, offers)
    for counter in sorted(shelf.counters, key=rank):
        for line in problem.order.lines:
            shelf.give(counter, line.sku)
    return shelf.plan(offers)


def away(problem: Problem, counter: CounterState) -> float:
    """Metres to where the goods go; the counter that hands over is nearest to itself."""
    if role_of(problem.order, counter.code) == "hand_over":
        return -1.0
    return distance_m(counter.lat, counter.lng, problem.order.lat, problem.order.lng)


class Shelf:
    """What is still missing, and what each counter may give; oldest lots go first."""

    def __init__(self, problem: Problem, offers: Offers) -> None:
        self.problem = problem
        self.counters = [counter for counter in problem.counters if counter.code in offers.lots]
        self.missing = {line.sku: line.quantity for line in problem.order.lines}
        self.chosen: Chosen = []
        self.left = {lot.level: lot.quantity for lots in offers.lots.values() for lot in lots}
        self.lots: dict[tuple[str, int], list[LotStock]] = {}
        for code, lots in offers.lots.items():
            for lot in sorted(lots, key=lambda one: (one.best_before, one.level)):
                self.lots.setdefault((code, lot.sku), []).append(lot)

    def room(self, counter: CounterState, sku: int) -> int:
        """Packs of a SKU at a counter."""
        return sum(self.left[lot.level] for lot in self.lots.get((counter.code, sku), ()))

    def cover(self, counter: CounterState) -> int:
        """How much of what is missing the counter could give."""
        return sum(min(left, self.room(counter, sku)) for sku, left in self.missing.items())

    def give(self, counter: CounterState, sku: int) -> None:
        """Take what is missing of a SKU from this counter, as far as it has it."""
        for lot in self.lots.get((counter.code, sku), ()):
            packs = min(self.left[lot.level], self.missing[sku])
            if packs:
                self.left[lot.level] -= packs
                self.chosen.append((lot, packs))
                self.missing[sku] -= packs

    def plan(self, offers: Offers) -> Plan:
        """The choice, priced as the router prices its own."""
        return plan_of(self.problem, offers, self.chosen, bound=0, proved=False)
