"""The routing problem and its answer, as plain data: nothing here knows a database or a clock.

Money in fen, distance in metres or kilometres as named, days as whole calendar days.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt

from shop.money import round_half_up

EARTH_RADIUS_KM = 6371.0088  # mean radius R1, IUGG
COLD = frozenset({"chilled", "frozen"})


@dataclass(frozen=True)
class Costs:
    """The weights, in fen. `load_fen` is charged × used / capacity; ageing per unit and day beyond the margin."""

    parcel_fen: int
    per_km_fen: int
    cold_parcel_fen: int
    transfer_fen: int
    load_fen: int
    ageing_fen: int
    horizon_days: int
    unfilled_fen: int


@dataclass(frozen=True)
class SkuNeeds:
    """How a SKU must be kept, and the days of life the customer is promised."""

    sku: int
    storage: str
    min_life_days: int


@dataclass(frozen=True)
class CounterState:
    """A counter on the day in question. `capacity` and `used` are parcels of that day.

    `planned` are parcels given to it since `used` was read: they take room, and change no price.
    """

    code: str
    lat: float
    lng: float
    storage: frozenset[str]
    capacity: int
    used: int
    radius_m: int
    closed: bool = False
    refused: frozenset[int] = frozenset()
    planned: int = 0


@dataclass(frozen=True)
class LotStock:
    """Free packs of a lot at a counter; `level` is what a plan refers to."""

    counter: str
    sku: int
    level: int
    quantity: int
    best_before: date


@dataclass(frozen=True)
class Line:
    """So many packs wanted of a SKU."""

    sku: int
    quantity: int


@dataclass(frozen=True)
class OrderWish:
    """What one order wants, where and when. For a pickup `pickup_counter` names who hands over."""

    number: str
    lat: float
    lng: float
    method: str
    pickup_counter: str | None
    handover_on: date
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Problem:
    """One order, the counters, their free lots and the weights."""

    costs: Costs
    skus: dict[int, SkuNeeds]
    counters: tuple[CounterState, ...]
    stock: tuple[LotStock, ...]
    order: OrderWish


@dataclass(frozen=True)
class Take:
    """Packs taken from one lot at one counter."""

    sku: int
    level: int
    quantity: int


@dataclass(frozen=True)
class Parcel:
    """What one counter does, and what that costs by component (fen)."""

    counter: str
    role: str
    takes: tuple[Take, ...]
    cost_fen: dict[str, int]


@dataclass(frozen=True)
class Reason:
    """Why a counter does or does not take part: a stable code and the figures behind it."""

    counter: str
    used: bool
    why: str
    figures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The answer: parcels, what nobody can give, cost, and a proved lower bound (fen)."""

    parcels: tuple[Parcel, ...]
    unfilled: tuple[Line, ...]
    cost_fen: int
    bound_fen: int
    proved: bool
    reasons: tuple[Reason, ...]


@lru_cache(maxsize=65_536)  # the same customer and counters are measured again whenever an order is planned anew
def distance_m(lat1: float, lng1: float, lat2: float, lng2: float) -> float:
    """Great-circle distance in metres (haversine; R. W. Sinnott, Sky & Telescope 68, 1984)."""
    half_lat = radians(lat2 - lat1) / 2
    half_lng = radians(lng2 - lng1) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(half_lng) ** 2
    return 2 * EARTH_RADIUS_KM * 1000 * asin(min(1.0, sqrt(chord)))


def role_of(order: OrderWish, counter: str) -> str:
    """Deliver to the customer, hand over at the counter, or transfer to the counter that hands over."""
    if order.method == "delivery":
        return "deliver"
    return "hand_over" if counter == order.pickup_counter else "transfer"


def parcel_costs(problem: Problem, counter: CounterState, *, cold: bool) -> dict[str, int]:
    """What opening a parcel at this counter costs, by component, each rounded half-up on its own."""
    costs, order = problem.costs, problem.order
    role = role_of(order, counter.code)
    parts = {"parcel": 0 if role == "hand_over" else costs.parcel_fen}
    if role != "hand_over":
        kilometres = distance_m(counter.lat, counter.lng, order.lat, order.lng) / 1000
        parts["distance"] = round_half_up(Decimal(costs.per_km_fen) * Decimal(kilometres))
    if cold:
        parts["cold"] = costs.cold_parcel_fen
    if role == "transfer":
        parts["transfer"] = costs.transfer_fen
    if counter.capacity > 0:
        parts["load"] = round_half_up(Decimal(costs.load_fen * counter.used) / Decimal(counter.capacity))
    return parts


def ageing_fen(problem: Problem, lot: LotStock) -> int:
    """What giving away one pack of this lot costs: the fresher the dearer, so the oldest goes first."""
    spare = (lot.best_before - problem.order.handover_on).days - problem.skus[lot.sku].min_life_days
    return problem.costs.ageing_fen * min(spare, problem.costs.horizon_days)
