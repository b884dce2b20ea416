"""Which packs a cooperative should send to which counter, from demand, stock and the life left after the road. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

# From the store in Nedong to the counter in Wuhan; the lorries of the green channel take three to five days.
ROAD_DAYS = 4
# Proposals are made every night, so what a shelf lacks tomorrow can be asked for tomorrow.
REVIEW_DAYS = 1


@dataclass(frozen=True)
class Shelf:
    """One SKU at one counter. Packs: `free` to be sold there, `coming` on their way, `demand` a day from tomorrow on.

    `demand` reaches as far as anything that is sent now can be sold.
    """

    counter_id: int
    sku_id: int
    point: int
    up_to: int
    free: int
    coming: int
    demand: tuple[float, ...]
    case_pack: int


@dataclass(frozen=True)
class StoreLot:
    """Free packs of a lot in the store, and the days it can be sold at the counter once it is there."""

    quantity: int
    days_to_sell: int


@dataclass(frozen=True)
class Wish:
    """What a shelf should get, in packs (whole cases), with the figures that led to it."""

    shelf: Shelf
    packs: int
    at_arrival: float
    sold_on_the_road: float


def wish_of(shelf: Shelf, lots: Sequence[StoreLot]) -> Wish | None:
    """What to send to a shelf that falls under its reorder point before the next consignment could help it.

    Never more than customers will take while the freshest lot may be sold, and never part of a case.
    """
    before = sum(shelf.demand[: ROAD_DAYS + REVIEW_DAYS])
    position = shelf.free + shelf.coming
    if position - before >= shelf.point:
        return None
    at_arrival = max(0.0, position - sum(shelf.demand[:ROAD_DAYS]))
    longest = max((lot.days_to_sell for lot in lots if lot.quantity), default=0)
    takes = sum(shelf.demand[ROAD_DAYS : ROAD_DAYS + longest])
    lacking = shelf.up_to - at_arrival
    # Customers may always take a first case: without stock no demand is ever seen.
    packs = min(ceil(lacking / shelf.case_pack), max(1, int((takes - at_arrival) // shelf.case_pack)))
    if packs <= 0 or not longest:
        return None
    return Wish(shelf, packs * shelf.case_pack, at_arrival, sum(shelf.demand[:ROAD_DAYS]))


def share_out(wishes: Sequence[Wish], free: int) -> list[tuple[Wish, int]]:
    """Whole cases of one SKU for each wish while the store has any: always to the shelf that would be empty first."""
    given = dict.fromkeys(range(len(wishes)), 0)
    left = free
    while True:
        lacking = [
            (days_of_stock(wish, given[index]), wish.shelf.counter_id, index)
            for index, wish in enumerate(wishes)
            if given[index] < wish.packs and wish.shelf.case_pack <= left
        ]
        if not lacking:
            return [(wish, given[index]) for index, wish in enumerate(wishes) if given[index]]
        index = min(lacking)[2]
        given[index] += wishes[index].shelf.case_pack
        left -= wishes[index].shelf.case_pack


def days_of_stock(wish: Wish, given: int) -> float:
    """For how many days the shelf sells what it will have; without known demand, what it has beside its point."""
    a_day = sum(wish.shelf.demand) / len(wish.shelf.demand) if wish.shelf.demand else 0.0
    return (wish.at_arrival + given) / (a_day or max(1.0, wish.shelf.point / ROAD_DAYS))
