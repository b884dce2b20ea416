"""The forecast is measured: it must be nearer to what was sold than saying 'the same as a week ago'."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from orders.consignments.demand import forecast

MONDAY = date(2026, 9, 7)
SHAPE = (0.7, 0.7, 0.8, 0.9, 1.2, 1.6, 1.1)
DAYS, HORIZON = 180, 7


def sold_of(seed: int, a_day: float) -> list[int]:
    """Packs a counter sold each day: a week with a shape, and customers who come by chance."""
    dice = random.Random(seed)
    expected = [a_day * SHAPE[(MONDAY + timedelta(days=day)).weekday()] for day in range(DAYS)]
    return [sum(dice.random() < mean / 200 for _ in range(200)) for mean in expected]


def misses(a_day: float) -> tuple[float, float]:
    """How many packs a day the forecast and the naive guess are off, over many weeks and counters."""
    ours = naive = days = 0.0
    for seed in range(8):
        sold = sold_of(seed, a_day)
        for end in range(63, DAYS - HORIZON, HORIZON):
            said = forecast(sold[:end], MONDAY + timedelta(days=end - 1), HORIZON)
            truth = sold[end : end + HORIZON]
            ours += sum(abs(one - other) for one, other in zip(said, truth, strict=True))
            naive += sum(abs(one - other) for one, other in zip(sold[end - HORIZON : end], truth, strict=True))
            days += HORIZON
    return ours / days, naive / days


@pytest.mark.parametrize("a_day", [2.0, 8.0, 25.0])
def test_the_forecast_misses_less_than_the_same_day_a_week_ago(a_day: float) -> None:
    ours, naive = misses(a_day)
    assert ours < 0.85 * naive, (ours, naive)


def test_a_shelf_without_sales_expects_none_and_a_new_one_its_average() -> None:
    assert forecast([], MONDAY, 3) == [0.0, 0.0, 0.0]
    assert forecast([0] * 60, MONDAY, 2) == [0.0, 0.0]
    assert sum(forecast([5, 5, 5], MONDAY, 7)) == pytest.approx(35, rel=0.01)
