"""The audit in words people of the office read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "order.placed": _l("Order placed"),
    "order.moved": _l("Order moved on"),
    "payment.moved": _l("Payment moved on"),
    "refund.decided": _l("Refund decided"),
    "refund.approved": _l("Refund agreed to"),
    "refund.declined": _l("Refund not agreed to"),
    "refund.moved": _l("Refund moved on"),
    "refund.paid_by_hand": _l("Refund paid by transfer"),
    "finding.settled": _l("Finding about money settled"),
    "invoice.drawn_up": _l("Invoice drawn up"),
    "invoice.moved": _l("Invoice moved on"),
    "invoice.fapiao": _l("Number of the fapiao noted"),
    "invoice.credited": _l("Taken off the invoice"),
    "receipt.entered": _l("Bank receipt entered"),
    "receipt.assigned": _l("Bank receipt given to an organisation"),
    "receipt.matched": _l("Money matched to the invoice"),
    "receipt.unmatched": _l("Match taken back"),
    "receipt.returned": _l("Bank receipt sent back"),
    "credit_stop.lifted": _l("Stop of credit lifted"),
    "order.shortened": _l("Packs taken off the order"),
    "order.awaited": _l("Packs promised from a consignment"),
    "order.reminded": _l("Reminded to collect"),
    "order.replanned": _l("Planned anew"),
    "order.pickup_changed": _l("Collected at another counter"),
    "routing.parked": _l("Left to a person to decide"),
    "routing.tried_again": _l("Planned again at the office's wish"),
    "routing.weights": _l("Weights of routing changed"),
    "fulfilment.assigned": _l("Given to a counter"),
    "fulfilment.moved": _l("The counter's part moved on"),
    "fulfilment.cancelled": _l("The counter's part was cancelled"),
    "fulfilment.weighed": _l("The counter weighed packs"),
    "fulfilment.line_rejected": _l("The counter could not give a line"),
    "substitution.proposed": _l("Something else was offered"),
    "substitution.accepted": _l("The customer takes something else"),
    "substitution.refused": _l("The customer wants nothing else"),
    "substitution.expired": _l("The customer did not answer"),
    "notice.acknowledged": _l("A notice was seen"),
    "job.retried": _l("A parked job was tried again"),
    "job.discarded": _l("A parked job was laid aside"),
    "stock.counted": _l("Stock counted"),
    "stock.wasted": _l("Stock thrown away"),
    "counter.day_closed": _l("The counter closed its day"),
    "consignment.proposed": _l("Consignment asked for"),
    "consignment.confirmed": _l("Consignment confirmed"),
    "consignment.moved": _l("Consignment moved on"),
    "reorder_point.edited": _l("Reorder point changed"),
    "lot.withdrawn": _l("Lot taken out of sale"),
    "sku.edited": _l("SKU edited"),
    "product.edited": _l("Product edited"),
    "product.added": _l("Product added"),
    "sku.added": _l("SKU added"),
    "counter.closed": _l("Days off planned"),
    "counter.opened": _l("Days off cancelled"),
    "counter.day": _l("An unusual day planned"),
    "counter.outage": _l("A freezer or fridge broke"),
    "counter.repaired": _l("The freezer or fridge works again"),
    "cooperative.edited": _l("Cooperative edited"),
    "household.edited": _l("Household edited"),
    "counter.edited": _l("Counter edited"),
    "counter.hours": _l("Opening hours changed"),
    "organisation.edited": _l("Organisation edited"),
    "organisation.added": _l("Organisation added"),
    "user.edited": _l("Account edited"),
    "user.roles": _l("Roles changed"),
    "user.erased": _l("Personal data erased"),
    "membership.added": _l("Joined"),
    "membership.removed": _l("Left"),
}


SUBJECTS: dict[str, Any] = {
    "order": _l("Order"), "fulfilment": _l("Counter’s part"), "consignment": _l("Consignment"),
    "sku": _l("SKU"), "product": _l("Product"), "lot": _l("Lot"), "stock_level": _l("Stock"),
    "reorder_point": _l("Reorder point"), "cooperative": _l("Cooperative"), "household": _l("Household"),
    "counter": _l("Counter"), "organisation": _l("Organisation"), "user": _l("Account"),
    "invoice": _l("Invoice"), "bank_receipt": _l("Bank receipt"), "notification": _l("Notice"), "job": _l("Job"),
}  # fmt: skip
FIELDS: dict[str, Any] = {
    "status": _l("Status"), "state": _l("Status"), "counter": _l("Counter"), "reason": _l("Reason"),
    "packs": _l("Packs"), "organisation": _l("Organisation"), "sku": _l("SKU"),
    "cooperative": _l("Cooperative"), "expected_on": _l("To be there by"),
}  # fmt: skip
# What `status` and `state` go through, whatever it is that has them; others are shown as they are kept.
STATES: dict[str, Any] = {
    "awaiting_payment": _l("Awaiting payment"), "confirmed": _l("Confirmed"), "routed": _l("At a counter"),
    "preparing": _l("Being prepared"), "ready": _l("Ready"), "cancelled": _l("Cancelled"), "expired": _l("Expired"),
    "assigned": _l("New"), "dispatched": _l("On the road"), "handed_over": _l("Handed over"),
    "received": _l("Received"), "rejected": _l("Sent back"), "proposed": _l("Asked for"), "declined": _l("Declined"),
    "withdrawn": _l("Withdrawn"), "open": _l("Open"), "paid": _l("Paid"), "void": _l("Void"),
}  # fmt: skip

# Who acts when nobody does: the shop's own hands, and people it does not know.
ACTORS: dict[str, Any] = {
    "guest": _l("Guest"), "router": _l("Routing"), "command line": _l("Command line"), "stock keeper": _l("Stock"),
    "billing": _l("Invoices"), "replenishment": _l("Reorder points"), "cashier": _l("Payments"),
    "messenger": _l("Notices"), "reminder": _l("Reminder"), "expiry": _l("Time is up"),
    "substitution clock": _l("Time is up"),
}  # fmt: skip


def audit_actor(name: str) -> str:
    """Who did it: a person as they are kept, the shop's own hands in words."""
    return str(ACTORS.get(name, name))


def audit_subject(kind: str, number: str) -> str:
    """Of what something was done, in words and with its number."""
    return f"{SUBJECTS.get(kind, kind)} {number}"


def audit_action(action: str) -> str:
    """What was done, in words; the code itself where we have none."""
    return str(ACTIONS.get(action, action))


def audit_values(values: Mapping[str, Any] | None) -> str:
    """Before or after, as 'field: value' pairs."""
    if not values:
        return "–"
    return "; ".join(f"{FIELDS.get(name, name)}: {field_text(name, value)}" for name, value in values.items())


def field_text(name: str, value: Any) -> str:
    """What a field held: a status in words."""
    return value_text(STATES.get(value, value) if name in {"status", "state"} else value)


def value_text(value: Any) -> str:
    """One value; texts in several languages one after the other."""
    if isinstance(value, dict):
        return " / ".join(f"{key} {value_text(one)}" for key, one in value.items() if one not in ("", None))
    if isinstance(value, list):
        return ", ".join(value_text(one) for one in value)
    return "–" if value is None else str(value)
