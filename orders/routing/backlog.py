"""Route many orders of one file one after the other: first come, first served, under shared stock and room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from orders.routing.instance_file import Instance
from orders.routing.problem import OrderWish, Plan, Problem
from orders.routing.solver import solve

Solver = Callable[[Problem], Plan]


class Remainder:
    """What is left of the stock and of each counter's room while plans are made."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.left = {lot.level: lot.quantity for lot in instance.stock}
        self.counters = {counter.code: counter for counter in instance.counters}
        self.lots = {lot.level: lot for lot in instance.stock}
        self.levels_of: dict[int, list[int]] = defaultdict(list)
        for lot in instance.stock:
            self.levels_of[lot.sku].append(lot.level)

    def problem(self, order: OrderWish) -> Problem:
        """One order against what is left."""
        stock = tuple(
            self.lots[level] for line in order.lines for level in self.levels_of[line.sku] if self.left[level] > 0
        )
        return Problem(self.instance.costs, self.instance.skus, tuple(self.counters.values()), stock, order)

    def take(self, plan: Plan, sign: int = 1) -> None:
        """Set aside what the plan uses; with −1 give it back."""
        for parcel in plan.parcels:
            counter = self.counters[parcel.counter]
            self.counters[parcel.counter] = replace(counter, planned=counter.planned + sign)
            for take in parcel.takes:
                self.left[take.level] -= sign * take.quantity
                self.lots[take.level] = replace(self.lots[take.level], quantity=self.left[take.level])


def one_by_one(instance: Instance, solver: Solver = solve, orders: Iterable[OrderWish] | None = None) -> list[Plan]:
    """Each order's best plan with what the earlier ones left, in the order given."""
    remainder = Remainder(instance)
    plans = []
    for order in instance.orders if orders is None else orders:
        plan = solver(remainder.problem(order))
        remainder.take(plan)
        plans.append(plan)
    return plans
