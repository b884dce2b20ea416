"""The counters as routing sees them: calendars, what they can keep, and the weights in force; read once for a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure, CounterDay, CounterOutage
from orders.fulfilment.weights import costs_of, in_force
from orders.routing.calendar import Calendar
from shop.clock import shanghai_day

DAYS_AHEAD = 7


class World:
    """Everything about counters that does not depend on an order. Five statements."""

    def __init__(self, session: Session, now: datetime, pickups: Iterable[int] = ()) -> None:
        self.now = now
        self.today = shanghai_day(now)
        self.days = [self.today + timedelta(days=offset) for offset in range(DAYS_AHEAD + 1)]
        self.costs_row = in_force(session, now)
        self.costs = costs_of(self.costs_row)
        wanted = Counter.active | Counter.id.in_(set(pickups))
        self.counters = list(session.execute(select(Counter).where(wanted).order_by(Counter.code)).scalars())
        self.by_code = {counter.code: counter for counter in self.counters}
        self.by_id = {counter.id: counter for counter in self.counters}
        self.calendars = self.read_calendars(session)
        self.storage = self.read_storage(session)

    def read_calendars(self, session: Session) -> dict[int, Calendar]:
        """Hours, days off and single days of every counter, as far as they are still to come."""
        off: dict[int, list[tuple[date, date]]] = defaultdict(list)
        closures = select(CounterClosure.counter_id, CounterClosure.from_day, CounterClosure.to_day)
        for counter_id, first, last in session.execute(closures.where(CounterClosure.to_day >= self.today)):
            off[counter_id].append((first, last))
        early: dict[int, dict[date, time]] = defaultdict(dict)
        rooms: dict[int, dict[date, int]] = defaultdict(dict)
        single = select(CounterDay.counter_id, CounterDay.day, CounterDay.closes, CounterDay.capacity)
        for counter_id, day, closes, capacity in session.execute(single.where(CounterDay.day >= self.today)):
            if closes is not None:
                early[counter_id][day] = closes
            if capacity is not None:
                rooms[counter_id][day] = capacity
        return {
            one.id: Calendar(
                week={hours.weekday: (hours.opens, hours.closes) for hours in one.hours}, cut_off=one.cut_off,
                capacity=one.capacity, days_off=tuple(off[one.id]), closes_early=early[one.id], rooms=rooms[one.id],
            )
            for one in self.counters
        }  # fmt: skip

    def read_storage(self, session: Session) -> dict[int, frozenset[str]]:
        """What each counter can keep now: its storage classes without those that are broken."""
        broken: dict[int, set[str]] = defaultdict(set)
        outages = select(CounterOutage.counter_id, CounterOutage.storage).where(CounterOutage.ended_at.is_(None))
        for counter_id, storage in session.execute(outages):
            broken[counter_id].add(storage)
        return {one.id: frozenset(one.storage) - broken[one.id] for one in self.counters}

    def takes_new(self, counter_id: int, day: date) -> bool:
        """Whether that counter can be given work for that day now."""
        return self.by_id[counter_id].active and self.calendars[counter_id].takes_new(day, self.now)

    @cached_property
    def working_days(self) -> list[date]:
        """The days on which any counter can be given work now."""
        return [day for day in self.days if any(self.takes_new(one.id, day) for one in self.counters)]

    def due(self, counter_id: int, day: date) -> datetime:
        """When that counter's work of that day should be ready."""
        return self.calendars[counter_id].due(day, self.now)
