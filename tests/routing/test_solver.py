"""Every plan is feasible, and no plan is cheaper than ours."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from orders.routing.problem import (
    COLD,
    Costs,
    CounterState,
    Line,
    LotStock,
    OrderWish,
    Problem,
    SkuNeeds,
    ageing_fen,
    parcel_costs,
)
from orders.routing.solver import lot_is_feasible, refusal, solve

DAY = date(2026, 11, 24)
COSTS = Costs(600, 80, 500, 300, 200, 2, 30, 100_000)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """A few counters, SKUs and lots; scarce enough that splitting and gaps happen."""
    skus = {n: SkuNeeds(n, draw(st.sampled_from(["ambient", "chilled", "frozen"])), 3) for n in range(2)}
    counters = tuple(
        CounterState(
            code=f"C{n}",
            lat=30.5 + draw(st.integers(0, 20)) / 100,
            lng=114.3,
            storage=frozenset(draw(st.sets(st.sampled_from(["ambient", "chilled", "frozen"]), min_size=1))),
            capacity=draw(st.integers(1, 5)),
            used=draw(st.integers(0, 5)),
            radius_m=draw(st.sampled_from([3_000, 30_000])),
            closed=draw(st.booleans()) and draw(st.booleans()),
        )
        for n in range(draw(st.integers(1, 4)))
    )
    stock = tuple(
        LotStock(
            counter.code, sku, index * 10 + sku, draw(st.integers(0, 4)), DAY + timedelta(days=draw(st.integers(1, 40)))
        )
        for index, counter in enumerate(counters)
        for sku in skus
        if draw(st.booleans())
    )
    delivery = draw(st.booleans())
    wish = OrderWish(
        "YL", 30.55, 114.3, "delivery" if delivery else "pickup", None if delivery else "C0", DAY,
        tuple(Line(sku, draw(st.integers(1, 5))) for sku in skus),
    )  # fmt: skip
    return Problem(COSTS, skus, counters, stock, wish)


def brute_force(problem: Problem) -> int:
    """The least cost by trying every way to let each counter be shut, open for ambient goods, or open for all."""
    usable = [counter for counter in problem.counters if not refusal(problem, counter)]
    best = None
    for choice in product(("shut", "warm", "all"), repeat=len(usable)):
        cost = 0
        cold_used: set[str] = set()
        used: set[str] = set()
        for line in problem.order.lines:
            cold = problem.skus[line.sku].storage in COLD
            lots = sorted(
                (ageing_fen(problem, lot), lot.counter, lot.quantity)
                for lot in problem.stock
                for counter, state in zip(usable, choice, strict=True)
                if lot.sku == line.sku
                and lot.counter == counter.code
                and (state == "all" or (state == "warm" and not cold))
                and lot_is_feasible(problem, counter, lot)
            )
            left = line.quantity
            for price, code, quantity in lots:
                taken = min(left, quantity)
                cost += taken * price
                left -= taken
                if taken:
                    used.add(code)
                    if cold:
                        cold_used.add(code)
            cost += left * problem.costs.unfilled_fen
        for counter in usable:
            if counter.code in used:
                cost += sum(parcel_costs(problem, counter, cold=counter.code in cold_used).values())
        best = cost if best is None else min(best, cost)
    assert best is not None
    return best


@given(problems())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_no_plan_is_cheaper_and_every_plan_is_feasible(problem: Problem) -> None:
    plan = solve(problem)
    assert plan.proved and plan.bound_fen == plan.cost_fen == brute_force(problem)
    states = {counter.code: counter for counter in problem.counters}
    lots = {lot.level: lot for lot in problem.stock}
    given_packs: dict[int, int] = {}
    for parcel in plan.parcels:
        counter = states[parcel.counter]
        assert not refusal(problem, counter) and counter.used + 1 <= counter.capacity
        for take in parcel.takes:
            lot = lots[take.level]
            assert lot.counter == parcel.counter and 0 < take.quantity <= lot.quantity
            assert problem.skus[lot.sku].storage in counter.storage
            assert (lot.best_before - DAY).days >= problem.skus[lot.sku].min_life_days
            given_packs[take.sku] = given_packs.get(take.sku, 0) + take.quantity
    missing = {line.sku: line.quantity for line in plan.unfilled}
    for line in problem.order.lines:
        assert given_packs.get(line.sku, 0) + missing.get(line.sku, 0) == line.quantity
    assert solve(problem) == plan
    assert {reason.counter for reason in plan.reasons} == set(states)


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
