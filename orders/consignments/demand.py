"""How many packs a counter will sell on the coming days: a moving average with the shape of its week. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

AVERAGE_DAYS = 28
SHAPE_WEEKS = 8
# So many weeks of an even week are mixed in: a single quiet Tuesday says little about Tuesdays.
EVEN_WEEKS = 2
DAYS_OF_WEEK = 7


def forecast(sold: Sequence[int], last_day: date, days: int) -> list[float]:
    """Packs on each of the `days` after `last_day`, from packs sold a day up to it (oldest first)."""
    if not sold:
        return [0.0] * days
    recent = sold[-AVERAGE_DAYS:]
    level = sum(recent) / len(recent)
    shape = shape_of_week(sold[-SHAPE_WEEKS * DAYS_OF_WEEK :], last_day)
    return [level * shape[(last_day + timedelta(days=ahead)).weekday()] for ahead in range(1, days + 1)]


def shape_of_week(sold: Sequence[int], last_day: date) -> list[float]:
    """What share of an even day each weekday sells (Monday first); their mean is 1."""
    sums, counts = [0.0] * DAYS_OF_WEEK, [0] * DAYS_OF_WEEK
    for back, packs in enumerate(reversed(sold)):
        weekday = (last_day - timedelta(days=back)).weekday()
        sums[weekday] += packs
        counts[weekday] += 1
    mean = sum(sums) / len(sold)
    if not mean:
        return [1.0] * DAYS_OF_WEEK
    mixed = [
        (total + EVEN_WEEKS * mean) / ((count + EVEN_WEEKS) * mean) for total, count in zip(sums, counts, strict=True)
    ]
    average = sum(mixed) / DAYS_OF_WEEK
    return [one / average for one in mixed]
