"""Route many orders of one file one after the other: first come, first served, under shared stock and room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from orders.routing.instance_file import Instance
from orders.routing.problem import LotStock, OrderWish, Plan, Problem
from orders.routing.solver import solve

Solver = Callable[[Problem], Plan]


class Remainder:
    """What is left of the stock and of each counter's room while plans are made."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.left = {lot.level: lot.quantity for lot in instance.stock}
        self.planned: dict[str, int] = defaultdict(int)
        self.by_sku: dict[int, list[LotStock]] = defaultdict(list)
        for lot in instance.stock:
            self.by_sku[lot.sku].append(lot)

    def problem(self, order: OrderWish) -> Problem:
        """One order against what is left."""
        counters = tuple(
            replace(counter, planned=self.planned[counter.code]) if self.planned[counter.code] else counter
            for counter in self.instance.counters
        )
        stock = tuple(
            lot if self.left[lot.level] == lot.quantity else replace(lot, quantity=self.left[lot.level])
            for line in order.lines
            for lot in self.by_sku[line.sku]
            if self.left[lot.level] > 0
        )
        return Problem(self.instance.costs, self.instance.skus, counters, stock, order)

    def take(self, plan: Plan, sign: int = 1) -> None:
        """Set aside what the plan uses; with −1 give it back."""
        for parcel in plan.parcels:
            self.planned[parcel.counter] += sign
            for take in parcel.takes:
                self.left[take.level] -= sign * take.quantity


def one_by_one(instance: Instance, solver: Solver = solve, orders: Iterable[OrderWish] | None = None) -> list[Plan]:
    """Each order's best plan with what the earlier ones left, in the order given."""
    remainder = Remainder(instance)
    plans = []
    for order in instance.orders if orders is None else orders:
        plan = solver(remainder.problem(order))
        remainder.take(plan)
        plans.append(plan)
    return plans
