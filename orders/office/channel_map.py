"""The green channel as a map: what stands at the counters, what is on its way to them, and where it is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, lazyload

from catalogue.districts import district_named
from catalogue.models import Cooperative, Counter
from catalogue.outlines import outlines
from orders.consignments.models import Consignment, ReorderPoint
from orders.consignments.proposals import coming_to_counters, free_at_counters
from orders.consignments.reading import is_late
from orders.consignments.states import COMING
from orders.office.map_drawing import WIDTH, Curve, Point, Spot, Window, holds, path_of, window_around
from orders.pickup import district_name
from shop.clock import shanghai_day

MOST_ROADS = 60
BAND = 190  # units above Wuhan in which Nedong stands
STORES_AT = 148
LABELS_AT = (84, 118)
MOST_LABELS = 8
LABEL_EDGE = 14
LABEL_REACH = (66, 30)  # a district's name takes so much room to each side, and up and down
LABEL_SHIFTS = (0, -20, 20, -40, 40, -60, 60)
LEAVING, ARRIVING = 0.06, 0.87  # how near to the ends of its road a lorry is drawn


class ShelfState(StrEnum):
    """How a counter's shelves with a reorder point stand."""

    LACKS = "lacks"
    COMING = "coming"
    FILLED = "filled"
    UNKEPT = "unkept"


# Words, and the tone of the badge beside them.
SHELF_WORDS: dict[str, tuple[Any, str]] = {
    ShelfState.LACKS: (_l("Runs low, nothing on its way"), "bad"),
    ShelfState.COMING: (_l("Runs low, more on its way"), "warn"),
    ShelfState.FILLED: (_l("Shelves filled"), "good"),
    ShelfState.UNKEPT: (_l("No reorder points"), "plain"),
}


@dataclass
class Shelves:
    """A counter's shelves with a reorder point: all, those under it, and those of these that get nothing."""

    kept: int = 0
    low: int = 0
    lacking: int = 0

    @property
    def state(self) -> ShelfState:
        """The worst that can be said of them."""
        if not self.kept:
            return ShelfState.UNKEPT
        if self.lacking:
            return ShelfState.LACKS
        return ShelfState.COMING if self.low else ShelfState.FILLED


@dataclass(frozen=True)
class Mark:
    """A counter on the map and in the table beside it; `number` is what both call it."""

    number: int
    counter: Counter
    spot: Spot
    shelves: Shelves
    under_way: Sequence[tuple[Consignment, bool]]


@dataclass(frozen=True)
class Store:
    """A cooperative in Nedong's band; its name at a height of its own so that neighbours' names do not touch.

    `anchor` is what of the name stands at its spot: its start, middle or end (SVG's text-anchor).
    """

    cooperative: Cooperative
    spot: Spot
    label: Spot
    anchor: str


@dataclass(frozen=True)
class Road:
    """A consignment that is confirmed or on its way; where on its road the lorry is (None: not loaded yet)."""

    consignment: Consignment
    late: bool
    path: str
    lorry: Spot | None


@dataclass(frozen=True)
class District:
    """A district's outline, and where its name stands (None: outside, or nowhere known)."""

    name: str
    path: str
    label: Spot | None


@dataclass(frozen=True)
class ChannelMap:
    """Everything the page draws. Heights in units of the drawing."""

    width: int
    height: int
    band: int
    districts: Sequence[District]
    stores: Sequence[Store]
    has_labels: bool
    roads: Sequence[Road]
    hidden_roads: int
    marks: Sequence[Mark]


def channel_map(session: Session, now: datetime) -> ChannelMap | None:
    """The map at this moment; None without a counter. Six statements, however much there is."""
    today = shanghai_day(now)
    counters = counters_at_work(session)
    if not counters:
        return None
    window = window_around([(one.lng, one.lat) for one in counters])
    open_ones = open_consignments(session)
    shelves = shelves_by_counter(session)
    under_way: dict[int, list[tuple[Consignment, bool]]] = defaultdict(list)
    for one in open_ones:
        under_way[one.counter_id].append((one, is_late(one, today)))
    marks = [
        Mark(number, one, below_band(window.point(one.lng, one.lat)), shelves[one.id], under_way[one.id])
        for number, one in enumerate(counters, 1)
    ]
    travelling = [one for one in open_ones if one.status in COMING]
    stores = stores_of(session, {one.cooperative_id for one in travelling})
    roads = roads_of(travelling[:MOST_ROADS], stores, marks, today, now)
    return ChannelMap(
        WIDTH, BAND + window.height, BAND, districts_in(window, [(one.lng, one.lat) for one in counters]), stores,
        len(stores) <= MOST_LABELS,
        roads, max(0, len(travelling) - MOST_ROADS), marks,
    )  # fmt: skip


def counters_at_work(session: Session) -> Sequence[Counter]:
    """Counters that take orders, in the order of their codes; without their hours."""
    statement = select(Counter).where(Counter.active).order_by(Counter.code).options(lazyload(Counter.hours))
    return session.execute(statement).scalars().all()


def below_band(point: Point) -> Spot:
    """A point of Wuhan's window, in the whole drawing."""
    return round(point[0]), round(point[1]) + BAND


def open_consignments(session: Session) -> Sequence[Consignment]:
    """Every consignment that is not closed, with its cooperative, the earliest arrival first."""
    statement = (
        select(Consignment)
        .where(Consignment.closed_at.is_(None))
        .order_by(Consignment.arrives_on, Consignment.id)
        .options(joinedload(Consignment.cooperative))
    )
    return session.execute(statement).scalars().all()


def shelves_by_counter(session: Session) -> dict[int, Shelves]:
    """How every counter's shelves stand; three statements."""
    points = session.execute(select(ReorderPoint.counter_id, ReorderPoint.sku_id, ReorderPoint.point)).all()
    sku_ids = sorted({sku_id for _, sku_id, _ in points})
    free, coming = free_at_counters(session, sku_ids), coming_to_counters(session, sku_ids)
    shelves: dict[int, Shelves] = defaultdict(Shelves)
    for counter_id, sku_id, point in points:
        here, there = shelves[counter_id], free.get((counter_id, sku_id), 0)
        here.kept += 1
        here.low += there < point
        here.lacking += there + coming.get((counter_id, sku_id), 0) < point
    return shelves


def stores_of(session: Session, sending: set[int]) -> list[Store]:
    """The cooperatives side by side; when there are many, only those whose goods are drawn."""
    found = session.execute(select(Cooperative).where(Cooperative.active).order_by(Cooperative.code)).scalars().all()
    shown = found if len(found) <= MOST_LABELS else [one for one in found if one.id in sending]
    step = WIDTH / max(len(shown), 1)
    return [store_at(one, index, round((index + 0.5) * step), len(shown)) for index, one in enumerate(shown)]


def store_at(cooperative: Cooperative, index: int, x: int, stores: int) -> Store:
    """A store in its place; the names of the outer ones grow inwards, so that they are not cut off."""
    row = LABELS_AT[index % 2]
    if 0 < index < stores - 1 or stores == 1:
        return Store(cooperative, (x, STORES_AT), (x, row), "middle")
    anchor, edge = ("start", LABEL_EDGE) if index == 0 else ("end", WIDTH - LABEL_EDGE)
    return Store(cooperative, (x, STORES_AT), (edge, row), anchor)


def roads_of(
    consignments: Sequence[Consignment], stores: Sequence[Store], marks: Sequence[Mark], today: date, now: datetime
) -> list[Road]:
    """Roads from the stores to the counters; of places that are not on the map none is drawn."""
    starts = {store.cooperative.id: store.spot for store in stores}
    ends = {mark.counter.id: mark.spot for mark in marks}
    roads = []
    for one in consignments:
        if one.cooperative_id in starts and one.counter_id in ends:
            curve = Curve(starts[one.cooperative_id], ends[one.counter_id])
            share = share_done(one, now)
            roads.append(Road(one, is_late(one, today), curve.path, None if share is None else curve.at(share)))
    return roads


def share_done(consignment: Consignment, now: datetime) -> float | None:
    """How much of its road a lorry has behind it by the clock, from leaving to the end of its day; None before."""
    left_at = consignment.dispatched_at
    if left_at is None:
        return None
    days = (consignment.arrives_on - shanghai_day(left_at)).days + 1
    return min(max((now - left_at) / timedelta(days=max(days, 1)), LEAVING), ARRIVING)


def districts_in(window: Window, counters: Sequence[Point]) -> list[District]:
    """The districts of which something is seen, with their names where people live and no counter's sign stands."""
    signs = [window.point(lng, lat) for lng, lat in counters]
    found = []
    for one in outlines():
        path = path_of(one.rings, window)
        known = district_named(one.name)
        if path:
            spots = free_spots(window.point(known.lng, known.lat), signs, window) if known else []
            label = next((spot for spot in spots if any(holds(ring, window.place(spot)) for ring in one.rings)), None)
            found.append(District(district_name(one.name), path, label))
    return found


def free_spots(wanted: Spot, signs: Sequence[Spot], window: Window) -> list[Spot]:
    """Spots at the wanted one, above and below it, where a name hides no sign and is not cut off; nearest first."""
    (x, wanted_y), (aside, above) = wanted, LABEL_REACH
    rows = [wanted_y + shift for shift in LABEL_SHIFTS]
    return [
        (x, y) for y in rows
        if aside <= x <= WIDTH - aside and above <= y <= window.height
        and all(abs(x - sign_x) > aside or abs(y - sign_y) > above for sign_x, sign_y in signs)
    ]  # fmt: skip
