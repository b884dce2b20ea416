"""A plan as a file: how `docs/routing.md` describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orders.routing.instance_file import Instance
from orders.routing.problem import OrderWish, Parcel, Plan
from orders.routing.words import sentence

COMPONENTS = ("parcel", "distance", "cold", "transfer", "load", "ageing")


def write_plan(instance: Instance, plans: Sequence[Plan], solver: str, seconds: float) -> dict[str, Any]:
    """The plans of all orders, with codes instead of numbers."""
    return {
        "orders": [order_of(instance, wish, plan) for wish, plan in zip(instance.orders, plans, strict=True)],
        "total_fen": sum(plan.cost_fen for plan in plans),
        "solver": solver,
        "seconds": round(seconds, 3),
    }


def order_of(instance: Instance, wish: OrderWish, plan: Plan) -> dict[str, Any]:
    """One order's part."""
    return {
        "number": wish.number,
        "cost_fen": plan.cost_fen,
        "bound_fen": plan.bound_fen,
        "proved": plan.proved,
        "parcels": [parcel_of(instance, parcel) for parcel in plan.parcels],
        "unfilled": [{"sku": instance.sku_codes[line.sku], "quantity": line.quantity} for line in plan.unfilled],
        "reasons": [
            {"counter": reason.counter, "used": reason.used, "why": sentence(reason)} for reason in plan.reasons
        ],
    }


def parcel_of(instance: Instance, parcel: Parcel) -> dict[str, Any]:
    """One counter's part, every component of its cost named."""
    return {
        "counter": parcel.counter,
        "role": parcel.role,
        "lines": [
            {"sku": instance.sku_codes[take.sku], "lot": instance.lot_codes[take.level], "quantity": take.quantity}
            for take in parcel.takes
        ],
        "cost_fen": {name: parcel.cost_fen.get(name, 0) for name in COMPONENTS},
    }
