"""Where the counters are, how far away, when they are open, and what stands there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import asin, cos, radians, sin, sqrt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure
from catalogue.stock.models import Location, Lot, StockLevel
from shop.clock import SHANGHAI, shanghai
from shop.errors import NotFound

EARTH_RADIUS_M = 6_371_000
# Longer than the longest holiday: a counter that stays closed beyond it is closed until further notice.
LOOK_AHEAD_DAYS = 30

Hours = Mapping[int, tuple[time, time]]
Closures = Sequence[tuple[date, date]]


@dataclass(frozen=True)
class Opening:
    """Whether a counter is open, and when that changes next (None: not within a month)."""

    is_open: bool
    changes_at: datetime | None


@dataclass(frozen=True)
class CounterCard:
    """A counter as a visitor sees it. `hours` by weekday (0 Monday); distance in metres when a place was given."""

    id: int
    code: str
    names: dict[str, str]
    district: str
    street: dict[str, str]
    phone: str
    lat: float
    lng: float
    storage: tuple[str, ...]
    delivers: bool
    cut_off: time
    hours: Hours
    distance_m: int | None
    opening: Opening


def distance_m(lat1: float, lng1: float, lat2: float, lng2: float) -> float:
    """Great-circle distance in metres."""
    half_lat, half_lng = radians(lat2 - lat1) / 2, radians(lng2 - lng1) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(half_lng) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord)))


def opening(hours: Hours, closures: Closures, now: datetime) -> Opening:
    """Open or closed at that moment, by the clocks of Wuhan. A counter opens on the minute and closes on it."""
    today = shanghai(now).date()
    for ahead in range(LOOK_AHEAD_DAYS + 1):
        day = today + timedelta(days=ahead)
        span = hours.get(day.weekday())
        if span is None or any(first <= day <= last for first, last in closures):
            continue
        opens, closes = (datetime.combine(day, at, tzinfo=SHANGHAI) for at in span)
        if now < opens:
            return Opening(False, opens)
        if now < closes:
            return Opening(True, closes)
    return Opening(False, None)


def nearest(
    session: Session, now: datetime, lat: float | None = None, lng: float | None = None
) -> tuple[CounterCard, ...]:
    """Every active counter, nearest to the place first; by code when no place is given."""
    counters = session.execute(select(Counter).where(Counter.active).order_by(Counter.code)).scalars().all()
    closures = closures_of(session, [one.id for one in counters])
    found = [card(one, closures[one.id], now, lat, lng) for one in counters]
    return tuple(sorted(found, key=lambda one: (one.distance_m or 0, one.code)))


def counter_named(session: Session, code: str, now: datetime) -> CounterCard:
    """The active counter of that code. Raises NotFound."""
    counter = session.execute(select(Counter).where(Counter.code == code, Counter.active)).scalar_one_or_none()
    if counter is None:
        raise NotFound()
    return card(counter, closures_of(session, [counter.id])[counter.id], now, None, None)


def closures_of(session: Session, counter_ids: Sequence[int]) -> Mapping[int, Closures]:
    """The days on which these counters do nothing."""
    statement = select(CounterClosure.counter_id, CounterClosure.from_day, CounterClosure.to_day).where(
        CounterClosure.counter_id.in_(counter_ids)
    )
    found: dict[int, list[tuple[date, date]]] = defaultdict(list)
    for counter_id, first, last in session.execute(statement):
        found[counter_id].append((first, last))
    return found


def card(counter: Counter, closures: Closures, now: datetime, lat: float | None, lng: float | None) -> CounterCard:
    """One counter, seen from a place."""
    hours = {one.weekday: (one.opens, one.closes) for one in counter.hours}
    return CounterCard(
        id=counter.id,
        code=counter.code,
        names=counter.names,
        district=counter.district,
        street=counter.street,
        phone=counter.phone,
        lat=counter.lat,
        lng=counter.lng,
        storage=tuple(counter.storage),
        delivers=counter.delivers,
        cut_off=counter.cut_off,
        hours=hours,
        distance_m=None if lat is None or lng is None else round(distance_m(counter.lat, counter.lng, lat, lng)),
        opening=opening(hours, closures, now),
    )


def stock_at(session: Session, counter_id: int, sku_ids: Sequence[int]) -> dict[int, int]:
    """Free sellable packs of these SKUs that stand at a counter, by SKU id; what it has not is left out."""
    statement = (
        select(StockLevel.sku_id, func.sum(StockLevel.on_hand - StockLevel.reserved))
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(
            Location.counter_id == counter_id,
            StockLevel.sku_id.in_(sku_ids),
            StockLevel.on_hand > StockLevel.reserved,
            Lot.sellable,
        )
        .group_by(StockLevel.sku_id)
    )
    return {sku_id: int(packs) for sku_id, packs in session.execute(statement)}
