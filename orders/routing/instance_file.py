"""A routing problem as a file, as `docs/routing.md` describes it, read strictly into the plain data of `problem.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orders.routing import shapes
from orders.routing.problem import Costs, CounterState, Line, LotStock, OrderWish, SkuNeeds

COSTS = (
    "parcel_fen", "per_km_fen", "cold_parcel_fen", "transfer_fen", "load_fen", "ageing_fen", "horizon_days",
    "unfilled_fen",
)  # fmt: skip
STORAGE = ("ambient", "chilled", "frozen")


@dataclass(frozen=True)
class Instance:
    """Orders, counters, stock and weights; SKUs and lots are numbered, and `sku_codes` and `lot_codes` name them."""

    now: datetime
    costs: Costs
    skus: dict[int, SkuNeeds]
    sku_codes: tuple[str, ...]
    counters: tuple[CounterState, ...]
    stock: tuple[LotStock, ...]
    lot_codes: tuple[str, ...]
    orders: tuple[OrderWish, ...]


def read_instance(data: Any) -> Instance:
    """The problem in that JSON. Raises BrokenFile with the path of the first fault."""
    top = shapes.fields(data, "", "now", "costs", "skus", "counters", "stock", "orders")
    weights = shapes.fields(top["costs"], "costs", *COSTS)
    costs = Costs(**{name: shapes.whole(weights[name], f"costs.{name}", 0) for name in COSTS})
    needs = read_skus(top["skus"])
    numbers = {code: index for index, code in enumerate(needs)}
    counters = read_counters(top["counters"])
    by_code = {counter.code: counter for counter in counters}
    stock, lot_codes = read_stock(top["stock"], by_code, numbers)
    return Instance(
        now=shapes.moment(top["now"], "now"),
        costs=costs,
        skus={numbers[code]: SkuNeeds(numbers[code], storage, life) for code, (storage, life) in needs.items()},
        sku_codes=tuple(needs),
        counters=counters,
        stock=stock,
        lot_codes=lot_codes,
        orders=read_orders(top["orders"], by_code, numbers),
    )


def read_skus(value: Any) -> dict[str, tuple[str, int]]:
    """How each SKU is kept and the days of life it must have, by code and in its order."""
    found: dict[str, tuple[str, int]] = {}
    once = shapes.Once()
    for path, item in shapes.items(value, "skus"):
        sku = shapes.fields(item, path, "sku", "storage", "min_life_days")
        code = shapes.text(sku["sku"], f"{path}.sku")
        once.note(code, f"{path}.sku", f"stands twice: {code}")
        storage = shapes.choice(sku["storage"], f"{path}.storage", *STORAGE)
        found[code] = storage, shapes.whole(sku["min_life_days"], f"{path}.min_life_days", 0)
    return dict(sorted(found.items()))


def read_counters(value: Any) -> tuple[CounterState, ...]:
    """The counters, in the order of their codes: how the file sorts them decides nothing."""
    found = []
    once = shapes.Once()
    names = ("code", "lat", "lng", "storage", "capacity", "used", "radius_m", "closed")
    for path, item in shapes.items(value, "counters"):
        one = shapes.fields(item, path, *names)
        code = shapes.text(one["code"], f"{path}.code")
        once.note(code, f"{path}.code", f"stands twice: {code}")
        kept = {shapes.choice(word, at, *STORAGE) for at, word in shapes.items(one["storage"], f"{path}.storage")}
        found.append(
            CounterState(
                code=code,
                lat=shapes.number(one["lat"], f"{path}.lat", -90, 90),
                lng=shapes.number(one["lng"], f"{path}.lng", -180, 180),
                storage=frozenset(kept),
                capacity=shapes.whole(one["capacity"], f"{path}.capacity", 0),
                used=shapes.whole(one["used"], f"{path}.used", 0),
                radius_m=shapes.whole(one["radius_m"], f"{path}.radius_m", 0),
                closed=shapes.flag(one["closed"], f"{path}.closed"),
            )
        )
    return tuple(sorted(found, key=lambda counter: counter.code))


def read_stock(
    value: Any, counters: dict[str, CounterState], skus: dict[str, int]
) -> tuple[tuple[LotStock, ...], tuple[str, ...]]:
    """The lots at the counters, numbered in the order of counter, SKU and lot; and the lots' names by number."""
    rows = []
    once = shapes.Once()
    for path, item in shapes.items(value, "stock"):
        one = shapes.fields(item, path, "counter", "sku", "lot", "quantity", "best_before")
        counter = shapes.known(one["counter"], f"{path}.counter", counters, "counter")
        sku = shapes.known(one["sku"], f"{path}.sku", skus, "SKU")
        lot = shapes.text(one["lot"], f"{path}.lot")
        once.note((counter, sku, lot), f"{path}.lot", f"stands twice at this counter: {lot}")
        quantity = shapes.whole(one["quantity"], f"{path}.quantity", 0)
        rows.append((counter, sku, lot, quantity, shapes.day(one["best_before"], f"{path}.best_before")))
    rows.sort(key=lambda row: row[:3])
    stock = tuple(
        LotStock(counter, skus[sku], level, quantity, best_before)
        for level, (counter, sku, _, quantity, best_before) in enumerate(rows)
    )
    return stock, tuple(row[2] for row in rows)


def read_orders(value: Any, counters: dict[str, CounterState], skus: dict[str, int]) -> tuple[OrderWish, ...]:
    """What the orders want, in the order of the file: first come, first served."""
    found = []
    once = shapes.Once()
    for path, item in shapes.items(value, "orders"):
        one = shapes.fields(item, path, "number", "lat", "lng", "method", "pickup_counter", "handover_on", "lines")
        number = shapes.text(one["number"], f"{path}.number")
        once.note(number, f"{path}.number", f"stands twice: {number}")
        lat = shapes.number(one["lat"], f"{path}.lat", -90, 90)
        lng = shapes.number(one["lng"], f"{path}.lng", -180, 180)
        method = shapes.choice(one["method"], f"{path}.method", "delivery", "pickup")
        pickup = read_pickup(one["pickup_counter"], f"{path}.pickup_counter", method, counters)
        if pickup is not None:  # transfers travel to the counter that hands over, wherever the customer lives
            lat, lng = counters[pickup].lat, counters[pickup].lng
        handover_on = shapes.day(one["handover_on"], f"{path}.handover_on")
        lines = read_lines(one["lines"], f"{path}.lines", skus)
        found.append(OrderWish(number, lat, lng, method, pickup, handover_on, lines))
    return tuple(found)


def read_pickup(value: Any, path: str, method: str, counters: dict[str, CounterState]) -> str | None:
    """The counter that hands over a pickup; a delivery has none."""
    if method == "pickup":
        return shapes.known(value, path, counters, "counter")
    if value is not None:
        raise shapes.BrokenFile(path, "must be null for a delivery")
    return None


def read_lines(value: Any, path: str, skus: dict[str, int]) -> tuple[Line, ...]:
    """The packs wanted; each SKU once."""
    found = []
    once = shapes.Once()
    for at, item in shapes.items(value, path):
        line = shapes.fields(item, at, "sku", "quantity")
        code = shapes.known(line["sku"], f"{at}.sku", skus, "SKU")
        once.note(code, f"{at}.sku", f"stands twice in this order: {code}")
        found.append(Line(skus[code], shapes.whole(line["quantity"], f"{at}.quantity", 1)))
    if not found:
        raise shapes.BrokenFile(path, "must hold at least one line")
    return tuple(found)
