"""The router against four rules of one thought, orders together against one by one, and its speed, in one table.

`make bench-routing`; other days with ARGS="--seed 7 --orders 300 --plenty 0.9 --places FILE.csv --baskets FILE.txt".
Every way of planning gets the same day: real places and baskets, stock and room drawn from the printed seed.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles

from orders.routing.backlog import Remainder, one_by_one
from orders.routing.baselines import BASELINES
from orders.routing.check_plan import check_plan
from orders.routing.instance_file import Instance, read_instance
from orders.routing.joint import plan_together
from orders.routing.plan_file import write_plan
from orders.routing.problem import Plan, Problem
from orders.routing.solver import solve
from tests.bench.routing.draw import DAY, Day, draw

ROUTER, TOGETHER = "router, one by one", "router, together"
ROW = "| {:<20} | {:>12} | {:>7} | {:>8} | {:>15} | {:>20} |"
DAYS_TO_SPOIL = 2


@dataclass(frozen=True)
class Outcome:
    """What a day cost under one way of planning."""

    cost_fen: int
    parcels: int
    km: float
    unfilled: int
    spoiling: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-routing", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what the day is drawn from (default 1)")
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--plenty", type=float, help="packs in stock per pack wanted; without it scarce, then plenty")
    parser.add_argument("--room", type=float, default=1.6, help="parcels of room per order (default 1.6)")
    parser.add_argument("--places", type=Path, help="another city: CSV with lat,lng")
    parser.add_argument("--baskets", type=Path, help="other baskets: a line of item numbers each")
    asked = parser.parse_args()
    files = {name: file for name in ("places", "baskets") if (file := getattr(asked, name))}
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, seed {asked.seed}\n")
    for plenty in (0.95, 3.0) if asked.plenty is None else (asked.plenty,):
        compare(replace(Day(seed=asked.seed, orders=asked.orders, plenty=plenty, room=asked.room), **files))
    speed(replace(Day(seed=asked.seed, orders=300, lines=8, counters=65), **files))
    speed(replace(Day(seed=asked.seed, orders=100, lines=20, counters=500), **files))


def compare(day: Day) -> None:
    """One day under every way of planning; each must keep the rules, and together must not be dearer."""
    data = draw(day)
    instance = read_instance(data)
    ways: dict[str, Callable[[Problem], Plan]] = {ROUTER: solve, **BASELINES}
    begun = time.perf_counter()
    joint = plan_together(instance)
    took = time.perf_counter() - begun
    found = {TOGETHER: outcome(instance, joint.plans, data)}
    found |= {name: outcome(instance, one_by_one(instance, way), data) for name, way in ways.items()}
    assert joint.cost_fen <= found[ROUTER].cost_fen
    print(f"{day.orders} orders, {day.counters} counters, {day.plenty:g} packs in stock per pack wanted,")
    print(f"{day.room:g} parcels of room per order")
    print(ROW.format("way", "cost, yuan", "parcels", "km", "packs not given", "packs about to spoil"))
    print("|---|---:|---:|---:|---:|---:|")
    for name, one in found.items():
        figures = (f"{one.cost_fen / 100:,.2f}", one.parcels, f"{one.km:,.0f}", one.unfilled, one.spoiling)
        print(ROW.format(name, *figures))
    rule = min(one.cost_fen for name, one in found.items() if name in BASELINES)
    print(f"together {cheaper(joint.cost_fen, rule)} than the best rule (aim ≥ 15 when scarce),")
    print(f"{cheaper(joint.cost_fen, found[ROUTER].cost_fen)} than one by one (aim ≥ 3 when scarce), in {took:.1f} s;")
    gap = 100 * (1 - joint.bound_fen / joint.cost_fen)
    print(f"no way to plan them all is more than {gap:.1f} % cheaper\n", flush=True)


def cheaper(cost: int, other: int) -> str:
    """How much less, in words."""
    return f"{100 * (1 - cost / other):.1f} % cheaper"


def outcome(instance: Instance, plans: list[Plan], data: object) -> Outcome:
    """The figures of a day, after checking it with code that shares nothing with the router."""
    faults = check_plan(write_plan(instance, plans, "bench", 0), data)
    assert faults == [], faults[:3]
    left = Remainder(instance)
    for plan in plans:
        left.take(plan)
    parcels = [parcel for plan in plans for parcel in plan.parcels]
    per_km = instance.costs.per_km_fen or 1
    return Outcome(
        cost_fen=sum(plan.cost_fen for plan in plans),
        parcels=len(parcels),
        km=sum(parcel.cost_fen.get("distance", 0) for parcel in parcels) / per_km,
        unfilled=sum(line.quantity for plan in plans for line in plan.unfilled),
        spoiling=sum(
            left.left[lot.level]
            for lot in instance.stock
            if 0 <= (lot.best_before - DAY).days - instance.skus[lot.sku].min_life_days <= DAYS_TO_SPOIL
        ),
    )


def speed(day: Day) -> None:
    """Time per order through the solver, and how often the plan is proved to be the cheapest."""
    instance = read_instance(draw(day))
    remainder = Remainder(instance)
    took, proved = [], 0
    for order in instance.orders:
        problem = remainder.problem(order)
        begun = time.perf_counter()
        plan = solve(problem)
        took.append(1_000 * (time.perf_counter() - begun))
        proved += plan.proved
        remainder.take(plan)
    cuts = quantiles(took, n=100)
    aim = 20 if day.counters <= 65 else 150
    print(f"{day.lines} lines × {day.counters} counters, {len(took)} orders: p50 {cuts[49]:.1f} ms,", end=" ")
    print(f"p99 {cuts[98]:.1f} ms (aim < {aim}), longest {max(took):.1f} ms;", end=" ")
    print(f"proved {100 * proved / len(took):.1f} % (aim ≥ 99)", flush=True)


if __name__ == "__main__":
    main()
