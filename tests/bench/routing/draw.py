"""Draw a day at the counters: real places and baskets, everything else from a seed, in the documented file format.

places.csv: 65 supermarkets of Wuhan (district and position, WGS-84; published facts, names left out), after
github.com/PaperMisty/CVRP_Service2. baskets.txt: 1,500 of the supermarket baskets of the `Groceries` data set of the
R package arules, each a line of item numbers, 0 the item bought most.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DAY = date(2026, 11, 24)
COSTS = {
    "parcel_fen": 600, "per_km_fen": 80, "cold_parcel_fen": 500, "transfer_fen": 300, "load_fen": 200,
    "ageing_fen": 2, "horizon_days": 30, "unfilled_fen": 100_000,
}  # fmt: skip
KM_PER_DEGREE = 111.2

Row = dict[str, Any]


@dataclass(frozen=True)
class Day:
    """How a day is drawn. `plenty` is packs in stock per pack wanted, `room` parcels of room per order.

    Without a file of homes (lat, lng and a weight in `listings`) customers live around the counters, as far away as
    the people of Wuhan do: half of them within about 1.3 km of one.
    """

    seed: int = 1
    orders: int = 200
    counters: int = 65
    lines: int | None = None
    plenty: float = 1.25
    room: float = 2.5
    pickups: float = 0.3
    places: Path = HERE / "places.csv"
    baskets: Path = HERE / "baskets.txt"
    homes: Path | None = None


def draw(day: Day) -> Row:
    """The instance of such a day."""
    dice = random.Random(day.seed)
    baskets = [[int(item) for item in line.split()] for line in day.baskets.read_text().splitlines() if line.strip()]
    most = max(item for one in baskets for item in one)
    skus = [draw_sku(dice, number) for number in range(most + 1)]
    counters = draw_counters(day, dice)
    homes = read_homes(day)
    orders = [draw_order(day, dice, number, counters, homes, baskets) for number in range(day.orders)]
    stock = draw_stock(day, dice, skus, counters, orders)
    return {"now": f"{DAY}T01:00:00Z", "costs": COSTS, "skus": skus, "counters": counters, "stock": stock,
            "orders": orders}  # fmt: skip


def draw_sku(dice: random.Random, number: int) -> Row:
    """How an item is kept: most on a shelf, some cool, some frozen."""
    storage = dice.choices(("ambient", "chilled", "frozen"), (60, 25, 15))[0]
    return {"sku": f"S{number:03d}", "storage": storage, "min_life_days": dice.choice((2, 3, 5))}


def draw_counters(day: Day, dice: random.Random) -> list[Row]:
    """Counters at the places of the file; more than it has stand near one of them."""
    with day.places.open(encoding="utf-8") as file:
        places = [(float(row["lat"]), float(row["lng"])) for row in csv.DictReader(file)]
    found = []
    for number in range(day.counters):
        lat, lng = places[number] if number < len(places) else around(dice, *dice.choice(places), 3.0)
        storage = ["ambient"] + ["chilled"] * (dice.random() < 0.8) + ["frozen"] * (dice.random() < 0.6)
        capacity = max(2, round(day.room * day.orders / day.counters * dice.uniform(0.5, 1.5)))
        found.append({"code": f"C{number:03d}", "lat": lat, "lng": lng, "storage": storage, "capacity": capacity,
                      "used": dice.randint(0, capacity // 3), "radius_m": dice.choice((6_000, 9_000, 14_000)),
                      "closed": dice.random() < 0.03})  # fmt: skip
    return found


def around(dice: random.Random, lat: float, lng: float, spread_km: float) -> tuple[float, float]:
    """A place near another."""
    return (
        round(lat + dice.gauss(0, spread_km) / KM_PER_DEGREE, 6),
        round(lng + dice.gauss(0, spread_km) / KM_PER_DEGREE / 0.86, 6),
    )


def read_homes(day: Day) -> tuple[list[tuple[float, float]], list[float]]:
    """Where customers live, and how many of them, if a file says so."""
    if day.homes is None:
        return [], []
    with day.homes.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [(float(row["lat"]), float(row["lng"])) for row in rows], [float(row.get("listings", 1)) for row in rows]


def draw_order(
    day: Day,
    dice: random.Random,
    number: int,
    counters: list[Row],
    homes: tuple[list[tuple[float, float]], list[float]],
    baskets: list[list[int]],
) -> Row:
    """A customer with a basket; with `lines` given, as many baskets as it takes to fill that many lines."""
    near = dice.choice([counter for counter in counters if not counter["closed"]])
    lat, lng = dice.choices(*homes)[0] if homes[0] else around(dice, near["lat"], near["lng"], 1.6)
    pickup = dice.random() < day.pickups
    items = list(dice.choice(baskets))
    while day.lines is not None and len(set(items)) < day.lines:
        items += dice.choice(baskets)
    kinds = sorted(dice.sample(sorted(set(items)), day.lines)) if day.lines else sorted(set(items))
    lines = [{"sku": f"S{item:03d}", "quantity": dice.choice((1, 1, 1, 2, 2, 3))} for item in kinds]
    return {"number": f"O{number:04d}", "lat": lat, "lng": lng, "method": "pickup" if pickup else "delivery",
            "pickup_counter": near["code"] if pickup else None, "handover_on": str(DAY), "lines": lines}  # fmt: skip


def draw_stock(day: Day, dice: random.Random, skus: list[Row], counters: list[Row], orders: list[Row]) -> list[Row]:
    """As many packs as `plenty` says, in handfuls at counters that can keep them; a tenth is too old to sell."""
    wanted = Counter[str]()
    for order in orders:
        for line in order["lines"]:
            wanted[line["sku"]] += line["quantity"]
    rows: dict[tuple[str, str, str], Row] = {}
    for sku in skus:
        able = [counter["code"] for counter in counters if sku["storage"] in counter["storage"]]
        left = round(wanted[sku["sku"]] * day.plenty)
        while left > 0:
            handful = min(left, dice.choice((1, 2, 3, 4, 6)))
            life = dice.randint(sku["min_life_days"], 45) if dice.random() > 0.1 else dice.randint(0, 1)
            counter, lot = dice.choice(able), f"L{life:02d}"
            row = rows.setdefault((counter, sku["sku"], lot), {
                "counter": counter, "sku": sku["sku"], "lot": lot, "quantity": 0,
                "best_before": str(DAY + timedelta(days=life)),
            })  # fmt: skip
            row["quantity"] += handful
            left -= handful
    return list(rows.values())
