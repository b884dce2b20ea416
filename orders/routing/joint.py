"""Plan many waiting orders together: what one of them can do without may be all that another can have.

Starts from one by one (first come, first served) and searches large neighbourhoods (P. Shaw 1998): a few orders that
compete for the same lots or counters give everything back and are planned anew, dearest alternative first; what is
cheaper in all stays. So the result is never dearer than one by one. The bound is what the orders would cost if each
had all the stock for itself, raised by pricing what is scarce (Lagrangian relaxation, subgradient steps).
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orders.routing.backlog import Remainder, one_by_one
from orders.routing.instance_file import Instance
from orders.routing.model import Surcharges
from orders.routing.problem import Plan
from orders.routing.solver import solve, solve_at_prices

ROUNDS_PER_ORDER = 30
SMALLEST_GROUP, LARGEST_GROUP = 2, 6
PRICE_STEPS = 12
SEED = 20_261_124  # drawn once: the same file gives the same plan


@dataclass(frozen=True)
class Together:
    """The plans in the order of the orders, and what no way to plan them all can undercut (fen)."""

    plans: list[Plan]
    bound_fen: int

    @property
    def cost_fen(self) -> int:
        """All of them."""
        return sum(plan.cost_fen for plan in self.plans)


def plan_together(instance: Instance, seconds: float = 60.0) -> Together:
    """The cheapest plans found for all orders within shared stock and room; `seconds` only cuts a long search."""
    ends_at = time.perf_counter() + seconds
    search = Neighbourhoods(instance, one_by_one(instance))
    search.run(ends_at)
    bound = shared_bound(instance, sum(plan.cost_fen for plan in search.plans), search.alone, ends_at)
    plans = [
        replace(plan, bound_fen=own.bound_fen, proved=plan.cost_fen == own.bound_fen)
        for plan, own in zip(search.plans, search.alone, strict=True)
    ]
    return Together(plans, bound)


class Neighbourhoods:
    """The plans as they stand, each order's plan if it were alone, what is left over, which orders want the same."""

    def __init__(self, instance: Instance, plans: Sequence[Plan]) -> None:
        self.orders = instance.orders
        self.plans = list(plans)
        self.left = Remainder(instance)
        self.alone = [solve(self.left.problem(order)) for order in self.orders]
        for plan in plans:
            self.left.take(plan)
        self.wanting: dict[int, list[int]] = defaultdict(list)
        for index, order in enumerate(self.orders):
            for line in order.lines:
                self.wanting[line.sku].append(index)

    def run(self, ends_at: float) -> None:
        """Free the orders that pay most for company, with their rivals, again and again."""
        dice = random.Random(SEED)  # noqa: S311  no secret
        for _ in range(ROUNDS_PER_ORDER * len(self.orders)):
            losing = [(plan.cost_fen - own.cost_fen) for plan, own in zip(self.plans, self.alone, strict=True)]
            if not any(losing) or time.perf_counter() > ends_at:
                return
            first = dice.choices(range(len(losing)), weights=losing)[0]
            self.replan(self.rivals(first, self.alone[first], dice), dice)

    def rivals(self, first: int, wish: Plan, dice: random.Random) -> list[int]:
        """This order and some of those that stand where it would rather be."""
        wanted = {parcel.counter for parcel in wish.parcels}
        levels = {take.level for parcel in wish.parcels for take in parcel.takes}
        near = [
            index
            for index in sorted({i for line in self.orders[first].lines for i in self.wanting[line.sku]})
            if index != first and self.stands_there(self.plans[index], wanted, levels)
        ]
        chosen = dice.sample(near, min(len(near), dice.randint(SMALLEST_GROUP, LARGEST_GROUP) - 1))
        return [first, *chosen]

    @staticmethod
    def stands_there(plan: Plan, counters: set[str], levels: set[int]) -> bool:
        """Whether a plan uses these lots, or room at these counters."""
        return any(
            parcel.counter in counters or any(take.level in levels for take in parcel.takes) for parcel in plan.parcels
        )

    def replan(self, group: list[int], dice: random.Random) -> None:
        """Plan these anew, the first one first; keep it when it is cheaper in all, stop when it cannot be any more."""
        before = {index: self.plans[index] for index in group}
        spare = sum(plan.cost_fen for plan in before.values()) - sum(self.alone[index].bound_fen for index in group)
        for plan in before.values():
            self.left.take(plan, -1)
        rest = group[1:]
        dice.shuffle(rest)
        made: dict[int, Plan] = {}
        for index in [group[0], *rest]:
            made[index] = solve(self.left.problem(self.orders[index]))
            self.left.take(made[index])
            spare -= made[index].cost_fen - self.alone[index].bound_fen
            if spare <= 0:
                break
        else:
            for index, plan in made.items():
                self.plans[index] = plan
            return
        for plan in made.values():
            self.left.take(plan, -1)
        for plan in before.values():
            self.left.take(plan)


def shared_bound(instance: Instance, cost: int, alone: Sequence[Plan], ends_at: float) -> int:
    """The highest bound of a few steps: dearer what too many want, cheaper what is left over (B. T. Polyak 1969)."""
    prices = Prices(instance)
    best, pace = float(sum(plan.bound_fen for plan in alone)), 1.0
    for _ in range(PRICE_STEPS):
        if time.perf_counter() > ends_at or best >= cost:
            break
        value, used_room, used_packs = prices.ask_everybody()
        pace = pace if value > best else pace / 2
        best = max(best, value)
        if not prices.move(pace * max(cost - value, 1.0), used_room, used_packs):
            break
    return max(0, int(best - 1e-6))


class Prices:
    """What a parcel at a counter and a pack of a lot cost on top, so that fewer orders want them (fen, ≥ 0)."""

    def __init__(self, instance: Instance) -> None:
        self.orders = instance.orders
        self.whole = Remainder(instance)
        self.room = {one.code: one.capacity - one.used for one in instance.counters}
        self.parcels: dict[str, float] = dict.fromkeys(self.room, 0.0)
        self.packs: dict[int, float] = dict.fromkeys(self.whole.left, 0.0)

    def ask_everybody(self) -> tuple[float, dict[str, int], dict[int, int]]:
        """A bound of all orders together at these prices, and how much room and packs they would take."""
        extra = Surcharges(
            {code: price for code, price in self.parcels.items() if price},
            {level: price for level, price in self.packs.items() if price},
        )
        value = -sum(price * self.room[code] for code, price in self.parcels.items())
        value -= sum(price * self.whole.left[level] for level, price in self.packs.items())
        used_room, used_packs = dict.fromkeys(self.room, 0), dict.fromkeys(self.packs, 0)
        for order in self.orders:
            takes, bound = solve_at_prices(self.whole.problem(order), extra)
            value += bound
            for code in {lot.counter for lot, _ in takes}:
                used_room[code] += 1
            for lot, quantity in takes:
                used_packs[lot.level] += quantity
        return value, used_room, used_packs

    def move(self, step: float, used_room: dict[str, int], used_packs: dict[int, int]) -> bool:
        """Raise what is wanted too often, lower what is not; False when nothing would move."""
        over_room = {code: used_room[code] - room for code, room in self.room.items()}
        over_packs = {level: used_packs[level] - left for level, left in self.whole.left.items()}
        over_room = {code: over for code, over in over_room.items() if over > 0 or self.parcels[code]}
        over_packs = {level: over for level, over in over_packs.items() if over > 0 or self.packs[level]}
        slope = sum(over**2 for over in (*over_room.values(), *over_packs.values()))
        if not slope:
            return False
        for code, over in over_room.items():
            self.parcels[code] = max(0.0, self.parcels[code] + step / slope * over)
        for level, over in over_packs.items():
            self.packs[level] = max(0.0, self.packs[level] + step / slope * over)
        return True
