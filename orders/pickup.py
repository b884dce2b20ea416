"""Where an order can be collected: the counters, nearest first, and which of them have everything today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure, Sku
from catalogue.stock.models import Location, Lot, StockLevel
from orders.routing.problem import distance_m
from shop.clock import shanghai, shanghai_day
from shop.i18n import localised

# How the thirteen districts of Wuhan are written where Chinese characters are not read.
DISTRICTS = {
    "江岸区": "Jiang'an", "江汉区": "Jianghan", "硚口区": "Qiaokou", "汉阳区": "Hanyang", "武昌区": "Wuchang",
    "青山区": "Qingshan", "洪山区": "Hongshan", "东西湖区": "Dongxihu", "汉南区": "Hannan", "蔡甸区": "Caidian",
    "江夏区": "Jiangxia", "黄陂区": "Huangpi", "新洲区": "Xinzhou",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A point in Wuhan (WGS-84)."""

    lat: float
    lng: float


@dataclass(frozen=True)
class CounterChoice:
    """A counter one may choose. `hours` are today's (None: closed); `has_all` says nothing must be brought in."""

    id: int
    code: str
    names: dict[str, str]
    district: str
    street: dict[str, str]
    phone: str
    distance_m: int | None
    hours: tuple[time, time] | None
    past_cut_off: bool
    has_all: bool

    @property
    def ready_today(self) -> bool:
        """Whether an order placed now can be collected today without waiting for another counter's goods."""
        return self.has_all and self.hours is not None and not self.past_cut_off


def district_name(district: str) -> str:
    """A district in the reader's language."""
    return localised({"zh": district, "en": DISTRICTS.get(district, district)})


def middle_of(session: Session, district: str) -> Place | None:
    """The middle of a district's counters, which is where its people are taken to be; None without counters."""
    statement = select(func.avg(Counter.lat), func.avg(Counter.lng)).where(Counter.active, Counter.district == district)
    lat, lng = session.execute(statement).one()
    return None if lat is None else Place(float(lat), float(lng))


def districts(session: Session) -> list[str]:
    """The districts of Wuhan that have a counter."""
    statement = select(Counter.district).where(Counter.active).distinct().order_by(Counter.district)
    return list(session.execute(statement).scalars())


def choices(
    session: Session, wanted: Mapping[int, int], near: Place | None, now: datetime
) -> tuple[CounterChoice, ...]:
    """Every counter that takes orders, nearest first (by code when no place is known)."""
    today = shanghai_day(now)
    counters = session.execute(select(Counter).where(Counter.active).order_by(Counter.code)).scalars().all()
    closed = set(
        session.execute(
            select(CounterClosure.counter_id).where(CounterClosure.from_day <= today, CounterClosure.to_day >= today)
        ).scalars()
    )
    stock = packs_at_counters(session, wanted, now)
    found = [choice(counter, counter.id in closed, wanted, stock[counter.id], near, now) for counter in counters]
    return tuple(sorted(found, key=lambda one: (one.distance_m or 0, one.code)))


def choice(
    counter: Counter,
    closed: bool,
    wanted: Mapping[int, int],
    stock: Mapping[int, int],
    near: Place | None,
    now: datetime,
) -> CounterChoice:
    """One counter as today's customer sees it."""
    local = shanghai(now)
    hours = next(((h.opens, h.closes) for h in counter.hours if h.weekday == local.weekday()), None)
    return CounterChoice(
        id=counter.id, code=counter.code, names=counter.names, district=counter.district, street=counter.street,
        phone=counter.phone,
        distance_m=None if near is None else round(distance_m(counter.lat, counter.lng, near.lat, near.lng)),
        hours=None if closed else hours,
        past_cut_off=local.time() > counter.cut_off,
        has_all=all(stock.get(sku_id, 0) >= packs for sku_id, packs in wanted.items()),
    )  # fmt: skip


def packs_at_counters(session: Session, wanted: Mapping[int, int], now: datetime) -> Mapping[int, Mapping[int, int]]:
    """Free packs of sellable lots by counter and SKU that still keep the promised days when collected today."""
    today = shanghai_day(now)
    statement = (
        select(Location.counter_id, StockLevel.sku_id, Lot.best_before, Sku.min_life_days,
               StockLevel.on_hand - StockLevel.reserved)
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .where(StockLevel.sku_id.in_(list(wanted)), StockLevel.on_hand > 0, Lot.sellable,
               Location.counter_id.is_not(None))
    )  # fmt: skip
    stock: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for counter_id, sku_id, best_before, min_life_days, free in session.execute(statement):
        if counter_id is not None and best_before >= today + timedelta(days=min_life_days):
            stock[counter_id][sku_id] += free
    return stock
