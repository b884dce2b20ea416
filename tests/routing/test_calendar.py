"""When a counter can be given work: not for a day that ends before anything could be prepared."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from orders.routing.calendar import Calendar
from shop.clock import SHANGHAI

TUESDAY = date(2026, 12, 1)


def calendar(closes: time) -> Calendar:
    """A counter open from eight to eight, closing early that Tuesday."""
    week = {day: (time(8), time(20)) for day in range(7)}
    return Calendar(week=week, cut_off=time(18), capacity=10, closes_early={TUESDAY: closes})


def tuesday_at(hour: int, minute: int = 0) -> datetime:
    """That moment in Wuhan."""
    return datetime.combine(TUESDAY, time(hour, minute), SHANGHAI)


THE_EVENING_BEFORE = tuesday_at(21) - timedelta(days=1)


@pytest.mark.parametrize(
    ("closes", "asked", "takes"),
    [
        (time(9), THE_EVENING_BEFORE, False),  # two hours from opening is too late
        (time(10), THE_EVENING_BEFORE, True),
        (time(15), tuesday_at(7), True),
        (time(15), tuesday_at(12, 59), True),
        (time(15), tuesday_at(13, 1), False),
        (time(20), tuesday_at(18, 30), False),  # the cut-off of every day
    ],
)
def test_a_day_that_ends_early_takes_what_can_be_ready_before_it_ends(
    closes: time, asked: datetime, takes: bool
) -> None:
    assert calendar(closes).takes_new(TUESDAY, asked) is takes
