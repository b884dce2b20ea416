"""Why a counter does or does not take part, as a sentence for a file; the shop's pages say it in their own language."""

from __future__ import annotations

from orders.routing.problem import Reason

SENTENCES = {
    "closed": "closed that day",
    "full": "has no room for another parcel that day",
    "too_far": "does not deliver as far as the customer's place",
    "no_stock": "has none of the goods",
    "refused": "has said before that it cannot give them",
    "no_cold_place": "cannot keep goods of this storage class",
    "no_fresh_stock": "what it has is too old at hand-over",
    "cheapest_together": "part of the cheapest way to do the order",
    "dearer": "could give goods, but every plan with it costs no less",
}


def sentence(reason: Reason) -> str:
    """The reason with its figures."""
    if not reason.figures:
        return SENTENCES[reason.why]
    what = "its parcel costs" if reason.used else "a parcel from it would cost at least"
    return f"{SENTENCES[reason.why]}: {what} {sum(reason.figures.values())} fen"
