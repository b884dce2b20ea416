"""A counter's unusual days: days off, closing early, another capacity, a storage class that is broken.

Each change is an event, so that the work planned there is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure, CounterDay, CounterOutage, Storage
from shop import audit
from shop.audit import Actor
from shop.clock import shanghai_day
from shop.errors import Invalid, NotFound
from shop.outbox import emit

LONGEST_REASON = 200
MOST_PARCELS = 100_000


@dataclass(frozen=True)
class CommonDaysOff:
    """Days on which several counters are closed at once: a holiday."""

    first: date
    last: date
    reason: str
    counters: int


def closures_of(session: Session, counter_id: int, today: date) -> Sequence[CounterClosure]:
    """A counter's days off that are not over."""
    statement = (
        select(CounterClosure)
        .where(CounterClosure.counter_id == counter_id, CounterClosure.to_day >= today)
        .order_by(CounterClosure.from_day, CounterClosure.id)
    )
    return session.execute(statement).scalars().all()


def unusual_days(session: Session, counter_id: int, today: date) -> Sequence[CounterDay]:
    """Days to come on which it closes early or has another capacity."""
    statement = select(CounterDay).where(CounterDay.counter_id == counter_id, CounterDay.day >= today)
    return session.execute(statement.order_by(CounterDay.day)).scalars().all()


def outages_of(session: Session, counter_id: int) -> Sequence[CounterOutage]:
    """What is broken there now."""
    statement = select(CounterOutage).where(CounterOutage.counter_id == counter_id, CounterOutage.ended_at.is_(None))
    return session.execute(statement.order_by(CounterOutage.id)).scalars().all()


def lock_counter(session: Session, counter_id: int) -> Counter:
    """The counter's row, locked: changes of its days come one after the other. Raises NotFound."""
    counter = session.get(Counter, counter_id, with_for_update=True, populate_existing=True)
    if counter is None:
        raise NotFound()
    return counter


def changed(session: Session, counter_id: int, why: str, mark: str) -> None:
    """Let the work planned at this counter be looked at again."""
    emit(session, "counter.changed", f"{counter_id}:{mark}", {"counter_id": counter_id, "why": why})


def add_closure(session: Session, counter_id: int, first: date, last: date, reason: str, actor: Actor) -> None:
    """The counter does nothing on these days; its work of those days goes elsewhere. Raises NotFound, Invalid."""
    lock_counter(session, counter_id)
    if first > last:
        raise Invalid(_l("The first day comes before the last"))
    write_closure(session, counter_id, first, last, reason, actor)


def write_closure(session: Session, counter_id: int, first: date, last: date, reason: str, actor: Actor) -> None:
    """Add days off of a counter (locked), with their audit row and event."""
    closure = CounterClosure(counter_id=counter_id, from_day=first, to_day=last, reason=reason[:LONGEST_REASON])
    session.add(closure)
    session.flush()
    after = {"from": first.isoformat(), "to": last.isoformat(), "reason": closure.reason}
    audit.record(session, actor, "counter.closed", "counter", counter_id, after=after)
    changed(session, counter_id, "closed", f"closure:{closure.id}")


def remove_closure(session: Session, counter_id: int, closure_id: int, actor: Actor) -> None:
    """The counter works on these days after all. Raises NotFound."""
    closure = session.get(CounterClosure, closure_id, with_for_update=True)
    if closure is None or closure.counter_id != counter_id:
        raise NotFound()
    before = {"from": closure.from_day.isoformat(), "to": closure.to_day.isoformat()}
    audit.record(session, actor, "counter.opened", "counter", counter_id, before=before)
    session.delete(closure)
    session.flush()
    changed(session, counter_id, "opened", f"opened:{closure_id}")


def common_days_off(session: Session, today: date) -> Sequence[CommonDaysOff]:
    """Days off that are not over and that several counters share."""
    days = CounterClosure.from_day, CounterClosure.to_day
    counters = func.count(CounterClosure.counter_id.distinct())
    statement = (
        select(*days, func.max(CounterClosure.reason), counters)
        .where(CounterClosure.to_day >= today)
        .group_by(*days)
        .having(counters > 1)
        .order_by(*days)
    )
    return [CommonDaysOff(*row) for row in session.execute(statement)]


def close_all(session: Session, first: date, last: date, reason: str, actor: Actor, now: datetime) -> int:
    """No counter does anything on these days (a holiday); how many were closed. Those with these days off stay so.

    Raises Invalid.
    """
    if first > last:
        raise Invalid(_l("The first day comes before the last"))
    if last < shanghai_day(now):
        raise Invalid(_l("These days are over"))
    everybody = select(Counter.id).where(Counter.active).order_by(Counter.id).with_for_update(key_share=True)
    ids = session.execute(everybody).scalars().all()
    off = set(session.execute(select(CounterClosure.counter_id).where(*days_are(first, last))).scalars())
    closing = [counter_id for counter_id in ids if counter_id not in off]
    for counter_id in closing:
        write_closure(session, counter_id, first, last, reason, actor)
    return len(closing)


def open_all(session: Session, first: date, last: date, actor: Actor) -> int:
    """Every counter that has exactly these days off works on them after all; how many."""
    statement = select(CounterClosure).where(*days_are(first, last)).order_by(CounterClosure.counter_id)
    closures = session.execute(statement.with_for_update()).scalars().all()
    for closure in closures:
        remove_closure(session, closure.counter_id, closure.id, actor)
    return len({closure.counter_id for closure in closures})


def days_are(first: date, last: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions on a closure: exactly these days."""
    return CounterClosure.from_day == first, CounterClosure.to_day == last


def set_day(
    session: Session,
    counter_id: int,
    day: date,
    *,
    closes: time | None,
    capacity: int | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """On that day the counter closes early, or can do another number of parcels; neither: as usual again.

    Raises NotFound, Invalid.
    """
    counter = lock_counter(session, counter_id)
    if day < shanghai_day(now):
        raise Invalid(_l("This day is over"))
    if capacity is not None and not 0 <= capacity <= MOST_PARCELS:
        raise Invalid(_l("Please enter how many parcels that day"))
    if closes is not None:
        check_closing(counter, day, closes)
    row = session.get(CounterDay, (counter_id, day), with_for_update=True, populate_existing=True)
    before = None if row is None else day_values(row)
    after: dict[str, object] = {
        "day": day.isoformat(), "closes": closes.isoformat("minutes") if closes else None, "capacity": capacity,
        "reason": reason[:LONGEST_REASON],
    }  # fmt: skip
    if closes is None and capacity is None:
        if row is not None:
            session.delete(row)
    else:
        values = {"closes": closes, "capacity": capacity, "reason": reason[:LONGEST_REASON]}
        statement = insert(CounterDay).values(counter_id=counter_id, day=day, **values)
        session.execute(statement.on_conflict_do_update(index_elements=["counter_id", "day"], set_=values))
    audit.record(session, actor, "counter.day", "counter", counter_id, before=before, after=after)
    session.flush()
    changed(session, counter_id, "closed", f"day:{day.isoformat()}:{now.timestamp()}")


def check_closing(counter: Counter, day: date, closes: time) -> None:
    """A counter can close early at a time at which it is open that day. Raises Invalid."""
    hours = next((one for one in counter.hours if one.weekday == day.weekday()), None)
    if hours is None or not hours.opens <= closes <= hours.closes:
        raise Invalid(_l("The counter is not open at that time of that day"), errors=[{"field": "closes"}])


def close_early(
    session: Session, counter_id: int, closes: time | None, reason: str, actor: Actor, now: datetime
) -> None:
    """Today the counter closes at that time (None: as usual again); how many parcels it can do stays as it was.

    Raises NotFound, Invalid.
    """
    today = shanghai_day(now)
    lock_counter(session, counter_id)
    row = session.get(CounterDay, (counter_id, today), populate_existing=True)
    capacity = row.capacity if row else None
    set_day(session, counter_id, today, closes=closes, capacity=capacity, reason=reason, actor=actor, now=now)


def closes_today(session: Session, counter_id: int, today: date) -> time | None:
    """When the counter closes early today; None when it does not."""
    row = session.get(CounterDay, (counter_id, today))
    return row.closes if row else None


def day_values(row: CounterDay) -> dict[str, object]:
    """An unusual day as the audit keeps it."""
    closes = row.closes.isoformat("minutes") if row.closes else None
    return {"day": row.day.isoformat(), "closes": closes, "capacity": row.capacity, "reason": row.reason}


def start_outage(session: Session, counter_id: int, storage: str, reason: str, actor: Actor, now: datetime) -> None:
    """The counter cannot keep goods of that storage class from now on; a second time changes nothing.

    Packs that stand there stay in the books until somebody counts them. Raises NotFound, Invalid.
    """
    counter = lock_counter(session, counter_id)
    if storage not in set(Storage) or storage not in counter.storage:
        raise Invalid(_l("The counter keeps no goods of this storage class"), errors=[{"field": "storage"}])
    if any(one.storage == storage for one in outages_of(session, counter_id)):
        return
    outage = CounterOutage(counter_id=counter_id, storage=storage, since=now, reason=reason[:LONGEST_REASON])
    session.add(outage)
    session.flush()
    after = {"storage": storage, "reason": outage.reason}
    audit.record(session, actor, "counter.outage", "counter", counter_id, after=after)
    changed(session, counter_id, "no_cold_place", f"outage:{outage.id}")


def end_outage(session: Session, counter_id: int, outage_id: int, actor: Actor, now: datetime) -> None:
    """It works again. Raises NotFound."""
    lock_counter(session, counter_id)
    outage = session.get(CounterOutage, outage_id, with_for_update=True, populate_existing=True)
    if outage is None or outage.counter_id != counter_id:
        raise NotFound()
    if outage.ended_at is not None:
        return
    outage.ended_at = now
    session.flush()
    audit.record(session, actor, "counter.repaired", "counter", counter_id, after={"storage": outage.storage})
    changed(session, counter_id, "opened", f"repaired:{outage.id}")
