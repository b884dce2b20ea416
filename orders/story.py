"""An order's life in words: its status, its steps, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import format_date, gettext

from orders.models import OrderEvent, OrderLine
from orders.states import OrderStatus
from shop.money import weight, weight_range, yuan

# The straight way of an order: what it has reached when it has this status.
WAY = (
    OrderStatus.AWAITING_PAYMENT,
    OrderStatus.CONFIRMED,
    OrderStatus.ROUTED,
    OrderStatus.PREPARING,
    OrderStatus.READY,
    OrderStatus.COMPLETED,
)


def _(text: str, **values: object) -> str:
    """The text in the reader's language."""
    return str(gettext(text, **values))


@dataclass(frozen=True)
class Step:
    """A step of the way: `state` is done, now, later or bad; `at` is when it was reached."""

    key: str
    label: str
    state: str
    at: datetime | None


def status_text(status: str, method: str, *, awaits: bool = False) -> str:
    """An order's status as its owner reads it; `awaits`: some of it is still on the road."""
    if awaits and status == OrderStatus.CONFIRMED:
        return _("Waiting for the next delivery from Nedong")
    if status == OrderStatus.READY:
        return _("Ready to collect") if method == "pickup" else _("Packed, on its way soon")
    if status == OrderStatus.COMPLETED:
        return _("Collected") if method == "pickup" else _("Delivered")
    texts = {
        OrderStatus.AWAITING_PAYMENT: _("Waiting for payment"),
        OrderStatus.CONFIRMED: _("Confirmed, finding a counter"),
        OrderStatus.ROUTED: _("Counter found"),
        OrderStatus.PREPARING: _("Being prepared"),
        OrderStatus.CANCELLED: _("Cancelled"),
        OrderStatus.EXPIRED: _("Expired"),
    }
    return texts[OrderStatus(status)]


def weight_text(line: OrderLine) -> str:
    """A line sold by weight in words: its price, what its packs should weigh, what they do; '' for any other line."""
    terms, packs = line.by_weight, line.quantity - line.cancelled
    if terms is None or not packs:
        return ""
    words = [
        _("%(price)s per kg", price=yuan(terms.per_kg_fen)),
        _("expected %(weight)s", weight=weight_range(packs * terms.from_g, packs * terms.to_g)),
    ]
    if line.weighed_packs == packs:
        words.append(_("weighed %(weight)s", weight=weight(line.weighed_g)))
    elif line.weighed_packs:
        words.append(_("%(n)s of %(packs)s packs weighed: %(weight)s", n=line.weighed_packs, packs=packs,
                       weight=weight(line.weighed_g)))  # fmt: skip
    if line.weight_less_fen:
        words.append(_("%(amount)s less than the most it could cost", amount=yuan(line.weight_less_fen)))
    return " · ".join(words)


def fulfilment_text(status: str, role: str) -> str:
    """Where one counter's part stands, as the order's owner reads it."""
    if status == "dispatched":
        return _("On its way to you") if role == "deliver" else _("On its way to your counter")
    texts = {
        "assigned": _("The counter has the order"),
        "accepted": _("Being prepared"),
        "ready": _("Ready"),
        "handed_over": _("Delivered") if role == "deliver" else _("Collected"),
        "received": _("Arrived at your counter"),
    }
    return texts.get(status, "")


def steps_of(status: OrderStatus, method: str, placed_at: datetime, events: Sequence[OrderEvent]) -> tuple[Step, ...]:
    """The steps of an order's life with what is done, what is going on and what is to come."""
    labels = [
        _("Placed"),
        _("Confirmed"),
        _("Counter found"),
        _("Being prepared"),
        _("Ready to collect") if method == "pickup" else _("Packed"),
        _("Collected") if method == "pickup" else _("Delivered"),
    ]
    when = {event.kind.removeprefix("order."): event.at for event in events if event.kind.startswith("order.")}
    when[OrderStatus.AWAITING_PAYMENT.value] = placed_at
    if status not in WAY:
        return ended_steps(status, labels, when)
    reached = WAY.index(status)
    steps = []
    for index, (key, label) in enumerate(zip(WAY, labels, strict=True)):
        state = "done" if index < reached else "now" if index == reached else "later"
        if status == OrderStatus.COMPLETED:
            state = "done"
        steps.append(Step(key.value, label, state, when.get(key.value) if index <= reached else None))
    return tuple(steps)


def ended_steps(status: OrderStatus, labels: Sequence[str], when: Mapping[str, datetime]) -> tuple[Step, ...]:
    """The steps an order had behind it when it was cancelled or expired, and that end."""
    passed = [
        Step(key.value, label, "done", when[key.value])
        for key, label in zip(WAY, labels, strict=True)
        if key.value in when
    ]
    return (*passed, Step(status.value, status_text(status, ""), "bad", when.get(status.value)))


def event_text(kind: str, data: Mapping[str, Any], names: Mapping[str | int, str], *, again: bool = False) -> str:
    """One event as a sentence; '' for what only the shop's clerks care about. `again`: the like was told before."""
    counter = names.get(data.get("counter", ""), "")
    if kind == "order.counter_found":
        texts = {
            "hand_over": _("%(counter)s hands the order over", counter=counter),
            "deliver": _("%(counter)s delivers the order", counter=counter),
            "transfer": _("%(counter)s sends goods to your counter", counter=counter),
        }
        return texts.get(str(data.get("role")), "")
    if kind in {"order.shortened", "order.awaited"}:
        return missing_text(kind, data, names)
    if kind == "fulfilment.weighed":
        scale = {"counter": counter, "packs": int(data.get("packs", 0)), "name": names.get(data.get("sku_id", 0), ""),
                "weight": weight(int(data.get("grams", 0)))}  # fmt: skip
        if data.get("again"):
            return _("%(counter)s weighed %(packs)s × %(name)s again: %(weight)s", **scale)
        return _("%(counter)s weighed %(packs)s × %(name)s: %(weight)s", **scale)
    if kind in {"substitution.proposed", "substitution.accepted"}:
        said = {
            "substitution.proposed": _(
                "The counter offers %(packs)s × %(name)s for what is missing", **packs_in(data, names)
            ),
            "substitution.accepted": _("You take %(packs)s × %(name)s instead", **packs_in(data, names)),
        }
        return said[kind]
    if kind == "fulfilment.line_rejected":
        return _("%(counter)s cannot give %(name)s, so another counter is looked for",
                 counter=counter, name=names.get(data.get("sku_id", 0), ""))  # fmt: skip
    if kind == "order.replanned":
        return replanned_text(str(data.get("why")))
    if kind == "order.pickup_changed":
        return _("You collect at %(counter)s now", counter=counter)
    texts = {
        "order.awaiting_payment": _("The order was placed and waits for payment"),
        "order.confirmed": _("Some goods of the order are still to come") if again else _("The order is confirmed"),
        "order.routed": _("A counter has been found"),
        "order.preparing": _("The counter is preparing the goods"),
        "order.ready": _("Everything is ready"),
        "order.completed": _("The goods were handed over. Enjoy them!"),
        "order.cancelled": _("The order was cancelled"),
        "order.expired": _("The order has ended because nobody paid or collected it in time"),
    }
    return texts.get(kind, "")


def missing_text(kind: str, data: Mapping[str, Any], names: Mapping[str | int, str]) -> str:
    """What became of packs that no counter could give, or that nobody wanted any more."""
    goods = packs_in(data, names)
    if kind == "order.awaited":
        day = format_date(date.fromisoformat(str(data["expected_on"])), "medium", rebase=False)
        return _("%(packs)s × %(name)s comes with the next delivery, expected on %(day)s", **goods, day=day)
    if data.get("why") == "not_collected":
        return _("%(packs)s × %(name)s was not collected in time and is not charged", **goods)
    if data.get("why") == "not_wanted":
        return _("You do without %(packs)s × %(name)s, which is not charged", **goods)
    told = _("%(packs)s × %(name)s could not be given and is not charged", **goods)
    other = [names[sku_id] for sku_id in data.get("instead", ()) if sku_id in names]
    return _("%(told)s. Still there: %(goods)s", told=told, goods=", ".join(other)) if other else told


def packs_in(data: Mapping[str, Any], names: Mapping[str | int, str]) -> dict[str, object]:
    """How many packs of what an event is about."""
    return {"packs": int(data.get("packs", 0)), "name": names.get(data.get("sku_id", 0), "")}


def replanned_text(why: str) -> str:
    """Why other counters do an order, or on another day; '' where it is nobody's concern."""
    texts = {
        "closed": _("A counter is closed on that day: what it had to do was planned anew"),
        "no_cold_place": _("A counter cannot keep goods cold at the moment: they come from another one"),
        "no_fresh_stock": _("Fresher goods are set aside for you"),
        "recalled": _("Some goods were taken out of sale: others are set aside for you"),
        "counted": _("Some goods were not there when they were counted: others are set aside for you"),
        "arrived": _("What you waited for has arrived and is set aside for you"),
        "not_coming": _("A delivery does not bring everything: other goods are set aside for you"),
        "late": _("A delivery is late: other goods are set aside for you"),
    }
    return texts.get(why, "")
