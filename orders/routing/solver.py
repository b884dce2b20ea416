"""Find the least-cost feasible plan for one order, and prove it, by branch and bound over counters.

A counter is closed, open for ambient goods only, or open for everything (and then pays for cold). With that
decided the packs fall into place: each SKU takes its cheapest open lots. The bound of a branch is what is already
paid for opening plus the cheapest packs of everything not yet closed, which no completion can beat.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
    distance_m,
    parcel_costs,
    role_of,
)

MOST_NODES = 50_000
CLOSED, WARM, ALL = 0, 1, 2


def solve(problem: Problem) -> Plan:
    """The cheapest plan; `proved` is false only when the search was cut at MOST_NODES. Same input, same plan."""
    refusals = {counter.code: refusal(problem, counter) for counter in problem.counters}
    usable = [counter for counter in problem.counters if not refusals[counter.code]]
    search = Search(problem, usable)
    search.run()
    return search.plan(refusals)


def refusal(problem: Problem, counter: CounterState) -> str:
    """Why a counter cannot take part at all ('' when it can): a hard rule, not a price."""
    order = problem.order
    if counter.closed:
        return "closed"
    if counter.used >= counter.capacity:
        return "full"
    if order.method == "delivery" and distance_m(counter.lat, counter.lng, order.lat, order.lng) > counter.radius_m:
        return "too_far"
    wanted = {line.sku for line in order.lines}
    offered = [lot for lot in problem.stock if lot.counter == counter.code and lot.sku in wanted]
    if not any(lot_is_feasible(problem, counter, lot) for lot in offered):
        if any(lot.sku in counter.refused for lot in offered):
            return "refused"
        return "no_fresh_stock" if offered else "no_stock"
    return ""


def lot_is_feasible(problem: Problem, counter: CounterState, lot: LotStock) -> bool:
    """Whether a pack of this lot may go to this order from this counter."""
    needs = problem.skus[lot.sku]
    days_left = (lot.best_before - problem.order.handover_on).days
    return (
        lot.quantity > 0
        and lot.sku not in counter.refused
        and needs.storage in counter.storage
        and days_left >= needs.min_life_days
    )


@dataclass
class Search:
    """One depth-first search; `best` is the cheapest complete choice of openings so far."""

    problem: Problem
    usable: list[CounterState]
    nodes: int = 0
    best_cost: int | None = None
    best: tuple[int, ...] = ()
    root_bound: int = 0
    lots: dict[int, list[tuple[int, int, LotStock]]] = field(default_factory=dict)
    opening: list[tuple[int, int, int]] = field(default_factory=list)

    def run(self) -> None:
        """Prepare, then search."""
        self.usable.sort(key=lambda c: (sum(parcel_costs(self.problem, c, cold=False).values()), c.code))
        position = {counter.code: index for index, counter in enumerate(self.usable)}
        for counter in self.usable:
            warm = sum(parcel_costs(self.problem, counter, cold=False).values())
            cold = sum(parcel_costs(self.problem, counter, cold=True).values())
            self.opening.append((0, warm, cold))
        for line in self.problem.order.lines:
            self.lots[line.sku] = sorted(
                (
                    (ageing_fen(self.problem, lot), position[lot.counter], lot)
                    for lot in self.problem.stock
                    if lot.sku == line.sku
                    and lot.counter in position
                    and lot_is_feasible(self.problem, self.usable[position[lot.counter]], lot)
                ),
                key=lambda entry: (entry[0], entry[1], entry[2].best_before, entry[2].level),
            )
        self.root_bound = self.packs_cost((), len(self.usable))
        self.descend((), 0)

    def is_cold(self, sku: int) -> bool:
        """Whether the SKU travels cold."""
        return self.problem.skus[sku].storage in COLD

    def open_lots(self, sku: int, choice: tuple[int, ...], undecided_from: int) -> list[tuple[int, int, LotStock]]:
        """Lots of a SKU at counters that are open for it, or not yet decided, cheapest first."""
        cold = self.is_cold(sku)
        return [
            entry
            for entry in self.lots[sku]
            if entry[1] >= undecided_from or choice[entry[1]] == ALL or (choice[entry[1]] == WARM and not cold)
        ]

    def packs_cost(self, choice: tuple[int, ...], undecided: int) -> int:
        """The least that all packs can cost when every undecided counter were open for nothing."""
        start = undecided if choice else 0
        total = 0
        for line in self.problem.order.lines:
            left = line.quantity
            for price, _, lot in self.open_lots(line.sku, choice, start):
                taken = min(left, lot.quantity)
                total += taken * price
                left -= taken
                if not left:
                    break
            total += left * self.problem.costs.unfilled_fen
        return total

    def descend(self, choice: tuple[int, ...], paid: int) -> None:
        """Decide the next counter; leave a branch that cannot beat the best."""
        self.nodes += 1
        index = len(choice)
        bound = paid + self.packs_cost(choice, index)
        if self.best_cost is not None and bound >= self.best_cost:
            return
        if index == len(self.usable):
            self.best_cost, self.best = bound, choice
            return
        if self.nodes > MOST_NODES and self.best_cost is not None:
            return
        sells_cold = any(entry[1] == index for sku in self.lots if self.is_cold(sku) for entry in self.lots[sku])
        sells_warm = any(entry[1] == index for sku in self.lots if not self.is_cold(sku) for entry in self.lots[sku])
        if sells_cold:
            self.descend((*choice, ALL), paid + self.opening[index][2])
        if sells_warm:
            self.descend((*choice, WARM), paid + self.opening[index][1])
        self.descend((*choice, CLOSED), paid)

    def plan(self, refusals: dict[str, str]) -> Plan:
        """The best choice written out as parcels, with its price recomputed from what each parcel holds."""
        takes: dict[str, list[Take]] = {}
        ageing: dict[str, int] = {}
        unfilled = []
        for line in self.problem.order.lines:
            left = line.quantity
            for price, _, lot in self.open_lots(line.sku, self.best, len(self.best)):
                taken = min(left, lot.quantity)
                if taken:
                    takes.setdefault(lot.counter, []).append(Take(lot.sku, lot.level, taken))
                    ageing[lot.counter] = ageing.get(lot.counter, 0) + taken * price
                    left -= taken
            if left:
                unfilled.append(Line(line.sku, left))
        parcels = tuple(self.parcel(counter, takes, ageing) for counter in self.usable if counter.code in takes)
        cost = sum(sum(parcel.cost_fen.values()) for parcel in parcels)
        cost += sum(line.quantity for line in unfilled) * self.problem.costs.unfilled_fen
        proved = self.nodes <= MOST_NODES
        return Plan(
            parcels=parcels,
            unfilled=tuple(unfilled),
            cost_fen=cost,
            bound_fen=cost if proved else self.root_bound,
            proved=proved,
            reasons=self.reasons(parcels, refusals),
        )

    def parcel(self, counter: CounterState, takes: dict[str, list[Take]], ageing: dict[str, int]) -> Parcel:
        """One counter's part with its costs."""
        own = tuple(takes[counter.code])
        cold = any(self.is_cold(take.sku) for take in own)
        costs = parcel_costs(self.problem, counter, cold=cold) | {"ageing": ageing[counter.code]}
        return Parcel(counter.code, role_of(self.problem.order, counter.code), own, costs)

    def reasons(self, parcels: tuple[Parcel, ...], refusals: dict[str, str]) -> tuple[Reason, ...]:
        """For every counter why it is in the plan or not."""
        used = {parcel.counter: parcel for parcel in parcels}
        told = []
        for counter in sorted(self.problem.counters, key=lambda c: c.code):
            if counter.code in used:
                told.append(Reason(counter.code, True, "cheapest_together", dict(used[counter.code].cost_fen)))
            elif refusals[counter.code]:
                told.append(Reason(counter.code, False, refusals[counter.code]))
            else:
                told.append(Reason(counter.code, False, "dearer", parcel_costs(self.problem, counter, cold=False)))
        return tuple(told)
