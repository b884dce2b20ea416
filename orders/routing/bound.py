"""How cheap an order can possibly become: prices for packs that make every counter decide for itself.

The wish "so many packs of each SKU" is traded for a price per pack (Lagrangian relaxation). With prices given, each
counter opens exactly when what it earns pays for its parcel, so the least cost is a sum over counters; whatever the
prices are, no plan can be cheaper. Prices are then moved to make that bound high (subgradient, B. T. Polyak 1969).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orders.routing.model import Array, Model


@dataclass
class Node:
    """What is decided so far: counters that may open, that must open, that may and that must open their cold chain."""

    may: Array
    must: Array
    may_cool: Array
    must_cool: Array
    prices: Array

    def copy(self) -> Node:
        """A branch of its own."""
        return Node(*(part.copy() for part in (self.may, self.must, self.may_cool, self.must_cool, self.prices)))


@dataclass
class Verdict:
    """The bound at some prices; what opening each counter would add; who opens; how far each wish is missed."""

    bound: float
    rates: Array
    cold_rates: Array
    opens: Array
    cools: Array
    missed: Array


def judge(model: Model, node: Node, prices: Array) -> Verdict:
    """Let every counter decide at these prices."""
    counters = len(model.counters)
    margin = prices[model.sku_of] - model.price
    earns = np.maximum(margin, 0.0) * model.quantity
    sums = np.bincount(model.counter_of * 2 + model.is_cold, weights=earns, minlength=2 * counters).reshape(-1, 2)
    cold_rates = model.cooling - sums[:, 1]
    cools = node.must_cool | (node.may_cool & (cold_rates < 0))
    rates = model.opening - sums[:, 0] + np.where(cools, cold_rates, 0.0)
    opens = node.must | (node.may & (rates < 0))
    bound = float(prices @ model.demand + rates[opens].sum())
    cools &= opens
    lot_open = np.where(model.is_cold, cools[model.counter_of], opens[model.counter_of])
    given = np.where(lot_open & (margin > 0), model.quantity, 0.0)
    missed = model.demand - np.bincount(model.sku_of, weights=given, minlength=len(model.demand))
    return Verdict(bound, rates, cold_rates, opens, cools, missed)


def settle_exact(model: Model, opens: Array, cools: Array) -> tuple[float, list[tuple[int, int]]]:
    """What it truly costs when these counters are open, and the packs taken from each lot: front to back."""
    lot_open = np.where(model.is_cold, cools[model.counter_of], opens[model.counter_of])
    left = model.demand.tolist()
    chosen = np.nonzero(lot_open)[0]
    cost = 0.0
    warm_used: set[int] = set()
    cold_used: set[int] = set()
    takes = []
    columns = (chosen, model.sku_of[chosen], model.quantity[chosen], model.price[chosen], model.counter_of[chosen])
    for lot, sku, quantity, price, counter in zip(*(column.tolist() for column in columns), strict=True):
        taken = min(left[sku], quantity)
        if not taken:
            continue
        left[sku] -= taken
        cost += taken * price
        takes.append((lot, int(taken)))
        warm_used.add(counter)
        if model.is_cold[lot]:
            cold_used.add(counter)
    cost += float(model.opening[sorted(warm_used)].sum() + model.cooling[sorted(cold_used)].sum())
    return cost + sum(left) * model.unfilled, takes
