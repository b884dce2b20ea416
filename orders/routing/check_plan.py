"""Recompute a plan from its file: is it feasible, does it cost what it says? Shares no arithmetic with the solver."""

from __future__ import annotations

import math
from collections import Counter as Tally
from datetime import date
from fractions import Fraction
from typing import Any

from orders.routing import shapes

ROLES = ("deliver", "hand_over", "transfer")
COMPONENTS = ("parcel", "distance", "cold", "transfer", "load", "ageing")


def check_plan(plan: Any, instance: dict[str, Any]) -> list[str]:
    """Every fault as "path: what is wrong"; none when the plan keeps every rule and every figure is right.

    `instance` has been read before and is known to be whole. Raises BrokenFile when the plan has another shape.
    """
    top = shapes.fields(plan, "", "orders", "total_fen", "solver", "seconds")
    check = Check(instance)
    total = sum(check.order(path, order) for path, order in shapes.items(top["orders"], "orders"))
    for number in check.wishes:
        if number not in check.met:
            check.fault("orders", f"order {number} is missing")
    if shapes.whole(top["total_fen"], "total_fen", 0) != total:
        check.fault("total_fen", f"says {top['total_fen']}, comes to {total}")
    check.shared_limits()
    return check.faults


class Check:
    """Goes through a plan order by order and adds up what it takes from every lot and counter."""

    def __init__(self, instance: dict[str, Any]) -> None:
        self.costs = instance["costs"]
        self.skus = {sku["sku"]: sku for sku in instance["skus"]}
        self.counters = {counter["code"]: counter for counter in instance["counters"]}
        self.lots = {(lot["counter"], lot["sku"], lot["lot"]): lot for lot in instance["stock"]}
        self.wishes = {order["number"]: order for order in instance["orders"]}
        self.met: set[str] = set()
        self.taken: Tally[tuple[str, str, str]] = Tally()
        self.parcels: Tally[str] = Tally()
        self.faults: list[str] = []

    def fault(self, path: str, words: str) -> None:
        """Write a fault down."""
        self.faults.append(f"{path}: {words}")

    def order(self, path: str, value: Any) -> int:
        """Check one order; what it really costs."""
        names = ("number", "cost_fen", "bound_fen", "proved", "parcels", "unfilled", "reasons")
        one = shapes.fields(value, path, *names)
        number = shapes.known(one["number"], f"{path}.number", self.wishes, "order")
        if number in self.met:
            self.fault(f"{path}.number", f"{number} stands twice")
        self.met.add(number)
        wish = self.wishes[number]
        given: Tally[str] = Tally()
        cost, used = 0, []
        for at, parcel in shapes.items(one["parcels"], f"{path}.parcels"):
            cost += self.parcel(at, parcel, wish, given)
            used.append(parcel["counter"])
        if len(set(used)) < len(used):
            self.fault(f"{path}.parcels", "a counter sends two parcels")
        unfilled_fen: int = self.costs["unfilled_fen"]
        cost += self.missing(f"{path}.unfilled", one["unfilled"], wish, given) * unfilled_fen
        self.figures(path, one, cost)
        self.reasons(f"{path}.reasons", one["reasons"], set(used))
        return cost

    def figures(self, path: str, one: dict[str, Any], cost: int) -> None:
        """Cost, bound and proof must fit each other."""
        if shapes.whole(one["cost_fen"], f"{path}.cost_fen", 0) != cost:
            self.fault(f"{path}.cost_fen", f"says {one['cost_fen']}, comes to {cost}")
        bound = shapes.whole(one["bound_fen"], f"{path}.bound_fen", 0)
        if bound > cost:
            self.fault(f"{path}.bound_fen", "is above the cost")
        if shapes.flag(one["proved"], f"{path}.proved") and bound != cost:
            self.fault(f"{path}.proved", "is said, but the bound is below the cost")

    def parcel(self, path: str, value: Any, wish: dict[str, Any], given: Tally[str]) -> int:
        """Check one parcel against every rule; what it really costs."""
        one = shapes.fields(value, path, "counter", "role", "lines", "cost_fen")
        code = shapes.known(one["counter"], f"{path}.counter", self.counters, "counter")
        role = shapes.choice(one["role"], f"{path}.role", *ROLES)
        counter = self.counters[code]
        self.parcels[code] += 1
        if counter["closed"]:
            self.fault(f"{path}.counter", f"{code} is closed")
        if role != self.role(wish, code):
            self.fault(f"{path}.role", f"must be {self.role(wish, code)}")
        if role == "deliver" and self.kilometres(counter, wish) * 1000 > counter["radius_m"]:
            self.fault(f"{path}.counter", f"{code} does not deliver that far")
        cold, ageing, lines = False, 0, 0
        for at, line in shapes.items(one["lines"], f"{path}.lines"):
            ageing += self.line(at, line, code, wish, given)
            cold = cold or self.skus[line["sku"]]["storage"] != "ambient"
            lines += 1
        if not lines:
            self.fault(f"{path}.lines", "holds nothing")
        parts = self.parts(counter, role, wish, cold=cold) | {"ageing": ageing}
        said = shapes.fields(one["cost_fen"], f"{path}.cost_fen", *COMPONENTS)
        for name in COMPONENTS:
            if shapes.whole(said[name], f"{path}.cost_fen.{name}", 0) != parts[name]:
                self.fault(f"{path}.cost_fen.{name}", f"says {said[name]}, comes to {parts[name]}")
        return sum(parts.values())

    def line(self, path: str, value: Any, code: str, wish: dict[str, Any], given: Tally[str]) -> int:
        """Check the packs taken of one lot; what their freshness costs."""
        one = shapes.fields(value, path, "sku", "lot", "quantity")
        sku = shapes.known(one["sku"], f"{path}.sku", self.skus, "SKU")
        packs = shapes.whole(one["quantity"], f"{path}.quantity", 1)
        given[sku] += packs
        key = (code, sku, shapes.text(one["lot"], f"{path}.lot"))
        if key not in self.lots:
            self.fault(f"{path}.lot", f"no lot {one['lot']} of {sku} stands at {code}")
            return 0
        self.taken[key] += packs
        if self.skus[sku]["storage"] not in self.counters[code]["storage"]:
            self.fault(f"{path}.sku", f"{code} cannot keep {self.skus[sku]['storage']} goods")
        left = date.fromisoformat(self.lots[key]["best_before"]) - date.fromisoformat(wish["handover_on"])
        spare = left.days - self.skus[sku]["min_life_days"]
        if spare < 0:
            self.fault(f"{path}.lot", f"{one['lot']} is too old at hand-over")
        return packs * int(self.costs["ageing_fen"] * min(spare, self.costs["horizon_days"]))

    def missing(self, path: str, value: Any, wish: dict[str, Any], given: Tally[str]) -> int:
        """Check that packs given and packs missing make up the order; how many are missing."""
        missing: Tally[str] = Tally()
        for at, item in shapes.items(value, path):
            one = shapes.fields(item, at, "sku", "quantity")
            sku = shapes.known(one["sku"], f"{at}.sku", self.skus, "SKU")
            missing[sku] += shapes.whole(one["quantity"], f"{at}.quantity", 1)
        wanted: Tally[str] = Tally()
        for line in wish["lines"]:
            wanted[line["sku"]] += line["quantity"]
        for sku in sorted({*wanted, *given, *missing}):
            if given[sku] + missing[sku] != wanted[sku]:
                self.fault(path, f"{sku}: {given[sku]} given + {missing[sku]} unfilled ≠ {wanted[sku]} wanted")
        return sum(missing.values())

    def reasons(self, path: str, value: Any, used: set[str]) -> None:
        """Every counter has its reason, and it says rightly whether the counter takes part."""
        told = set()
        for at, item in shapes.items(value, path):
            one = shapes.fields(item, at, "counter", "used", "why")
            code = shapes.known(one["counter"], f"{at}.counter", self.counters, "counter")
            shapes.text(one["why"], f"{at}.why")
            if shapes.flag(one["used"], f"{at}.used") != (code in used):
                self.fault(f"{at}.used", f"is not what the parcels say of {code}")
            told.add(code)
        for code in sorted(set(self.counters) - told):
            self.fault(path, f"nothing is said of {code}")

    def shared_limits(self) -> None:
        """All orders together stay within every lot and every counter's room."""
        for (code, sku, lot), packs in sorted(self.taken.items()):
            if packs > self.lots[code, sku, lot]["quantity"]:
                self.fault("stock", f"{packs} of {sku}, lot {lot}, are taken at {code}, more than stand there")
        for code, parcels in sorted(self.parcels.items()):
            counter = self.counters[code]
            if counter["used"] + parcels > counter["capacity"]:
                self.fault("counters", f"{code} has no room for {parcels} parcels")

    def role(self, wish: dict[str, Any], code: str) -> str:
        """What a parcel of that counter is to that order."""
        if wish["method"] == "delivery":
            return "deliver"
        return "hand_over" if code == wish["pickup_counter"] else "transfer"

    def kilometres(self, counter: dict[str, Any], wish: dict[str, Any]) -> float:
        """How far a parcel travels: to the customer, or to the counter that hands over (haversine)."""
        goal = wish if wish["method"] == "delivery" else self.counters[wish["pickup_counter"]]
        north, south = math.radians(counter["lat"]), math.radians(goal["lat"])
        east = math.radians(counter["lng"] - goal["lng"])
        half = math.sin((north - south) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
        return 2 * 6371.0088 * math.atan2(math.sqrt(half), math.sqrt(max(0.0, 1 - half)))

    def parts(self, counter: dict[str, Any], role: str, wish: dict[str, Any], *, cold: bool) -> dict[str, int]:
        """What the parcel costs apart from its packs' freshness, each part rounded half-up."""
        travels = role != "hand_over"
        away = Fraction(self.kilometres(counter, wish)) if travels else Fraction(0)
        load = Fraction(self.costs["load_fen"] * counter["used"], counter["capacity"] or 1)
        return {
            "parcel": self.costs["parcel_fen"] if travels else 0,
            "distance": half_up(self.costs["per_km_fen"] * away),
            "cold": self.costs["cold_parcel_fen"] if cold else 0,
            "transfer": self.costs["transfer_fen"] if role == "transfer" else 0,
            "load": half_up(load),
        }


def half_up(value: Fraction) -> int:
    """The nearest whole number, a half upwards."""
    return math.floor(value + Fraction(1, 2))
