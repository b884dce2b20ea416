"""When a counter works, on the clocks of Wuhan: hours, days off, early closing, cut-off, room of the day. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from shop.clock import SHANGHAI, shanghai

# Preparing takes a counter about this long once it has the order.
PREPARATION = timedelta(hours=2)
LAST_MINUTE = time(23, 59)


@dataclass(frozen=True)
class Slot:
    """From when until when a counter can hand over on a day (aware)."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True)
class Calendar:
    """A counter's week (0 Monday; a missing day is closed), its days off, and what differs on single days."""

    week: Mapping[int, tuple[time, time]]
    cut_off: time
    capacity: int
    days_off: tuple[tuple[date, date], ...] = ()
    closes_early: Mapping[date, time] = field(default_factory=dict)
    rooms: Mapping[date, int] = field(default_factory=dict)

    def slot(self, day: date) -> Slot | None:
        """The hours of that day; None when the counter does nothing."""
        hours = self.week.get(day.weekday())
        if hours is None or any(first <= day <= last for first, last in self.days_off):
            return None
        opens, closes = hours
        closes = min(closes, self.closes_early.get(day, closes), LAST_MINUTE)
        if closes <= opens:
            return None
        return Slot(datetime.combine(day, opens, SHANGHAI), datetime.combine(day, closes, SHANGHAI))

    def takes_new(self, day: date, now: datetime) -> bool:
        """Whether work given to the counter now can still be done that day: it is open, and not past its cut-off.

        On a day that ends early the cut-off comes early too: what is given must be prepared before it closes.
        """
        slot = self.slot(day)
        local = shanghai(now)
        if slot is None or local.date() > day:
            return False
        if day in self.closes_early and max(local, slot.opens) > slot.closes - PREPARATION:
            return False
        return local.date() < day or local.time() <= self.cut_off

    def due(self, day: date, now: datetime) -> datetime:
        """When work of that day should be ready: two hours from now or from opening, at closing time at the latest.

        Within a day from now when the counter does nothing that day.
        """
        slot = self.slot(day)
        if slot is None:
            return now + timedelta(days=1)
        return min(max(slot.opens, now) + PREPARATION, slot.closes)

    def keeps(self, due_at: datetime, now: datetime) -> bool:
        """Whether the counter is still there for work that is due then; what is overdue is asked of today."""
        day = max(shanghai(due_at).date(), shanghai(now).date())
        slot = self.slot(day)
        return slot is not None and (day not in self.closes_early or max(due_at, now) <= slot.closes)

    def room(self, day: date) -> int:
        """Parcels that can be done that day."""
        return self.rooms.get(day, self.capacity)
