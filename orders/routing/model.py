"""One order's choice of counters as arrays: opening a counter costs, opening its cold chain costs more, packs cost.

Lots stand in one fixed order (SKU, then cheapest first), so that whatever is open is filled front to back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from orders.routing.offers import Offers
from orders.routing.problem import COLD, CounterState, LotStock, Problem, ageing_fen, parcel_costs

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Surcharges:
    """What a shared backlog adds to the price of a counter's parcel or of a lot's pack (fen, may be broken)."""

    parcels: Mapping[str, float] = field(default_factory=dict)
    packs: Mapping[int, float] = field(default_factory=dict)


@dataclass
class Model:
    """Counters `j`, SKUs `s` and lots `i` of one order. `room[j, s]` is what a counter has of a SKU, up to the wish."""

    counters: list[CounterState]
    lots: list[LotStock]
    demand: Array
    unfilled: float
    opening: Array
    cooling: Array
    counter_of: Array
    sku_of: Array
    price: Array
    quantity: Array
    is_cold: Array
    room: Array
    cold_sku: Array
    whole: bool


def model_of(problem: Problem, offers: Offers, extra: Surcharges | None = None) -> Model:
    """The arrays for an order, in an order of their own: how the input was sorted plays no part."""
    extra = extra or Surcharges()
    counters, opening, cooling = opening_costs(problem, offers, extra)
    place = {counter.code: index for index, counter in enumerate(counters)}
    wishes = sorted(problem.order.lines, key=lambda line: line.sku)
    wanted = {line.sku: (index, line.quantity) for index, line in enumerate(wishes)}
    rows = priced_lots(problem, offers, extra, place, wanted)
    rows.sort(key=lambda row: (row[0], row[1], row[2], row[4].best_before, row[4].level))
    cold_sku = np.array([problem.skus[line.sku].storage in COLD for line in wishes], dtype=bool)
    sku_of = np.array([row[0] for row in rows], dtype=np.intp)
    counter_of = np.array([row[2] for row in rows], dtype=np.intp)
    quantity = np.array([row[3] for row in rows], dtype=float)
    room = np.zeros((len(counters), len(wishes)))
    np.add.at(room, (counter_of, sku_of), quantity)
    return Model(
        counters=counters,
        lots=[row[4] for row in rows],
        demand=np.array([line.quantity for line in wishes], dtype=float),
        unfilled=float(problem.costs.unfilled_fen),
        opening=np.array(opening, dtype=float),
        cooling=np.array(cooling, dtype=float),
        counter_of=counter_of,
        sku_of=sku_of,
        price=np.array([row[1] for row in rows], dtype=float),
        quantity=quantity,
        is_cold=cold_sku[sku_of] if len(rows) else np.zeros(0, dtype=bool),
        room=room,
        cold_sku=cold_sku,
        whole=not extra.parcels and not extra.packs,
    )


def opening_costs(
    problem: Problem, offers: Offers, extra: Surcharges
) -> tuple[list[CounterState], list[float], list[float]]:
    """Counters that may take part, cheapest to open first, with what a parcel costs and what cold adds to it."""
    found = []
    for counter in problem.counters:
        if counter.code in offers.lots:
            warm = sum(parcel_costs(problem, counter, cold=False).values()) + extra.parcels.get(counter.code, 0.0)
            found.append((warm, counter.code, counter))
    found.sort(key=lambda entry: entry[:2])
    cold = float(problem.costs.cold_parcel_fen)
    return [entry[2] for entry in found], [entry[0] for entry in found], [cold] * len(found)


def priced_lots(
    problem: Problem, offers: Offers, extra: Surcharges, place: Mapping[str, int], wishes: Mapping[int, tuple[int, int]]
) -> list[tuple[int, float, int, float, LotStock]]:
    """(SKU, price, counter, packs, lot); of each counter the cheapest lots of a SKU up to what is wanted of it.

    A pack dearer than leaving it out is no offer.
    """
    own: dict[tuple[int, int], list[tuple[float, LotStock]]] = defaultdict(list)
    for code, position in place.items():
        for lot in offers.lots[code]:
            price = ageing_fen(problem, lot) + extra.packs.get(lot.level, 0.0)
            if price <= problem.costs.unfilled_fen:
                own[lot.sku, position].append((price, lot))
    rows = []
    for (sku, position), priced in own.items():
        index, left = wishes[sku]
        if len(priced) > 1:
            priced.sort(key=lambda entry: (entry[0], entry[1].best_before, entry[1].level))
        for price, lot in priced:
            taken = min(left, lot.quantity)
            if taken:
                rows.append((index, price, position, float(taken), lot))
                left -= taken
    return rows
