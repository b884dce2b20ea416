"""Every plan is feasible, and no plan is cheaper than ours."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest

from orders.routing import search
from orders.routing.backlog import Remainder
from orders.routing.baselines import BASELINES
from orders.routing.check_plan import check_plan
from orders.routing.instance_file import Instance, read_instance
from orders.routing.model import model_of
from orders.routing.offers import lot_is_feasible, offers_for
from orders.routing.plan_file import write_plan
from orders.routing.problem import (
    COLD,
    Costs,
    CounterState,
    Line,
    LotStock,
    OrderWish,
    Plan,
    Problem,
    SkuNeeds,
    ageing_fen,
    parcel_costs,
)
from orders.routing.solver import solve
from tests.bench.routing.draw import Day, draw

DAY = date(2026, 11, 24)
COSTS = Costs(600, 80, 500, 300, 200, 2, 30, 100_000)
STORAGES = ["ambient", "chilled", "frozen"]
SMALL_INSTANCES, AT_A_TIME = 2_000, 250


def small_instance(number: int) -> dict[str, Any]:
    """A few counters, SKUs and lots; scarce enough that splitting and gaps happen, with weights of every size."""
    dice = random.Random(number)
    costs = {
        "parcel_fen": dice.choice((0, 300, 600)), "per_km_fen": dice.choice((0, 80, 333)),
        "cold_parcel_fen": dice.choice((0, 500)), "transfer_fen": 300, "load_fen": dice.choice((0, 200, 777)),
        "ageing_fen": dice.choice((0, 2, 40)), "horizon_days": 30,
        "unfilled_fen": dice.choice((50, 700, 100_000, 100_000)),
    }  # fmt: skip
    skus = [f"S{n}" for n in range(dice.randint(1, 3))]
    counters = [
        {
            "code": f"C{n}", "lat": 30.5 + dice.randint(0, 20) / 100, "lng": 114.3,
            "storage": dice.sample(STORAGES, dice.randint(1, 3)), "capacity": dice.randint(1, 5),
            "used": dice.randint(0, 4), "radius_m": dice.choice((3_000, 30_000, 30_000)), "closed": dice.random() < 0.1,
        }
        for n in range(dice.randint(1, 4))
    ]  # fmt: skip
    stock = [
        {
            "counter": counter["code"], "sku": sku, "lot": f"L{n}", "quantity": dice.randint(0, 4),
            "best_before": str(DAY + timedelta(days=dice.randint(1, 40))),
        }
        for counter in counters for sku in skus for n in range(dice.choice((0, 1, 1, 2)))
    ]  # fmt: skip
    pickup = "C0" if dice.random() < 0.5 else None
    order = {
        "number": "YL", "lat": 30.55, "lng": 114.3, "method": "pickup" if pickup else "delivery",
        "pickup_counter": pickup, "handover_on": str(DAY),
        "lines": [{"sku": sku, "quantity": dice.randint(1, 5)} for sku in skus],
    }  # fmt: skip
    return {
        "now": f"{DAY}T01:00:00Z", "costs": costs, "counters": counters, "stock": stock, "orders": [order],
        "skus": [{"sku": sku, "storage": dice.choice(STORAGES), "min_life_days": 3} for sku in skus],
    }  # fmt: skip


def priced_lots(problem: Problem) -> dict[int, list[tuple[int, str, int]]]:
    """Price, counter and packs of the lots that may be given, by SKU, cheapest first."""
    refusals = offers_for(problem).refusals
    return {
        line.sku: sorted(
            (ageing_fen(problem, lot), lot.counter, lot.quantity)
            for lot in problem.stock
            for counter in problem.counters
            if (lot.counter, lot.sku) == (counter.code, line.sku)
            and not refusals[counter.code]
            and lot_is_feasible(problem, counter, lot)
            and ageing_fen(problem, lot) <= problem.costs.unfilled_fen
        )
        for line in problem.order.lines
    }


def cost_of(problem: Problem, lots: dict[int, list[tuple[int, str, int]]], open_for: dict[str, str]) -> int:
    """What it costs when these counters are open for ambient goods or for all, and the cheapest lots are taken."""
    cost = 0
    used: dict[str, bool] = {}
    for line in problem.order.lines:
        cold, left = problem.skus[line.sku].storage in COLD, line.quantity
        for price, code, quantity in lots[line.sku]:
            if open_for[code] == "all" or (open_for[code] == "warm" and not cold):
                taken = min(left, quantity)
                left -= taken
                cost += taken * price
                if taken:
                    used[code] = used.get(code, False) or cold
        cost += left * problem.costs.unfilled_fen
    states = {counter.code: counter for counter in problem.counters}
    return cost + sum(sum(parcel_costs(problem, states[code], cold=cold).values()) for code, cold in used.items())


def brute_force(problem: Problem) -> int:
    """The least cost by trying every way to let each counter be shut, open for ambient goods, or open for all."""
    lots = priced_lots(problem)
    codes = [counter.code for counter in problem.counters]
    choices = product(("shut", "warm", "all"), repeat=len(codes))
    return min(cost_of(problem, lots, dict(zip(codes, choice, strict=True))) for choice in choices)


@pytest.mark.parametrize("first", range(0, SMALL_INSTANCES, AT_A_TIME))
def test_no_plan_is_cheaper_and_every_plan_is_feasible(first: int) -> None:
    for number in range(first, first + AT_A_TIME):
        data = small_instance(number)
        instance = read_instance(data)
        problem = Remainder(instance).problem(instance.orders[0])
        plan = solve(problem)
        assert plan.proved and plan.bound_fen == plan.cost_fen == brute_force(problem), number
        assert check_plan(write_plan(instance, [plan], "test", 0), data) == [], number
        assert all(plan.cost_fen <= baseline(problem).cost_fen for baseline in BASELINES.values()), number


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_real_day_is_planned_cheaper_than_by_any_rule_and_the_same_way_twice(seed: int) -> None:
    data = draw(Day(seed=seed, orders=40))
    instance = read_instance(data)
    remainder = Remainder(instance)
    plans: list[Plan] = []
    for order in instance.orders:
        problem = remainder.problem(order)
        plan = solve(problem)
        assert plan.proved and plan == solve(problem)
        assert all(plan.cost_fen <= baseline(problem).cost_fen for baseline in BASELINES.values())
        remainder.take(plan)
        plans.append(plan)
    assert check_plan(write_plan(instance, plans, "test", 0), data) == []


def test_highs_and_branching_to_the_end_find_the_same_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = read_instance(draw(Day(seed=5, orders=40, lines=12, plenty=2.5, room=6.0)))
    remainder = Remainder(instance)
    handed_over = 0
    for order in instance.orders:
        problem = remainder.problem(order)
        plans, searches = [], []
        for branches in (1, 1_000_000):
            monkeypatch.setattr(search, "MOST_NODES", branches)
            searches.append(search.Search(model_of(problem, offers_for(problem))))
            searches[-1].run()
            plans.append(solve(problem))
        handed_over += searches[0].nodes > 1
        assert plans[0].proved and plans[1].proved
        assert plans[0].cost_fen == plans[1].cost_fen == searches[0].best
        remainder.take(plans[0])
    assert handed_over >= 10


def test_how_the_file_is_sorted_decides_nothing() -> None:
    data = draw(Day(seed=4, orders=10))
    shuffled = {**data, "counters": data["counters"][::-1], "stock": data["stock"][::-1], "skus": data["skus"][::-1]}
    one, other = read_instance(data), read_instance(shuffled)
    for order, same in zip(one.orders, other.orders, strict=True):
        plan, again = solve(Remainder(one).problem(order)), solve(Remainder(other).problem(same))
        assert plan.cost_fen == again.cost_fen
        assert parcels(one, plan) == parcels(other, again)


def parcels(instance: Instance, plan: Plan) -> list[tuple[str, list[tuple[str, str, int]]]]:
    """Counters and packs of a plan by their codes."""
    return [
        (
            parcel.counter,
            [(instance.sku_codes[t.sku], instance.lot_codes[t.level], t.quantity) for t in parcel.takes],
        )
        for parcel in plan.parcels
    ]


def test_two_parcels_where_greedy_coverage_would_send_three() -> None:
    skus = {n: SkuNeeds(n, "ambient", 0) for n in range(6)}
    holds = {"L1": (1, 2, 3, 4), "L2": (0, 1, 2), "L3": (3, 4, 5)}
    counters = tuple(CounterState(code, 30.5, 114.3, frozenset({"ambient"}), 10, 0, 5_000) for code in holds)
    stock = tuple(
        LotStock(code, sku, n * 10 + sku, 1, DAY + timedelta(days=9))
        for n, (code, held) in enumerate(holds.items())
        for sku in held
    )
    wish = OrderWish("YL", 30.5, 114.3, "delivery", None, DAY, tuple(Line(sku, 1) for sku in skus))
    plan = solve(Problem(COSTS, skus, counters, stock, wish))
    assert [parcel.counter for parcel in plan.parcels] == ["L2", "L3"]
