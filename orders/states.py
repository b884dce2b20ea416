"""The diagrams of an order and of a fulfilment, as data. Only orders/lifecycle.py and orders/fulfilment/ apply them."""

from __future__ import annotations

from enum import StrEnum


class OrderStatus(StrEnum):
    """Where an order stands. `confirmed` waits for routing, wholly or in part."""

    AWAITING_PAYMENT = "awaiting_payment"
    CONFIRMED = "confirmed"
    ROUTED = "routed"
    PREPARING = "preparing"
    READY = "ready"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class FulfilmentStatus(StrEnum):
    """Where one counter's part stands. A transfer ends `received` at the pickup counter, the others `handed_over`."""

    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    READY = "ready"
    DISPATCHED = "dispatched"
    HANDED_OVER = "handed_over"
    RECEIVED = "received"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class FulfilmentRole(StrEnum):
    """Bring it to the customer, hand it over at the counter, or send it to the counter that hands it over."""

    DELIVER = "deliver"
    HAND_OVER = "hand_over"
    TRANSFER = "transfer"


O = OrderStatus  # noqa: E741  the tables below read as pictures
F = FulfilmentStatus

ORDER_MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    O.AWAITING_PAYMENT: frozenset({O.CONFIRMED, O.CANCELLED, O.EXPIRED}),
    # An order that lost its lot while a counter was at it waits again; with new packs it is where its parts are.
    O.CONFIRMED: frozenset({O.ROUTED, O.PREPARING, O.READY, O.COMPLETED, O.CANCELLED, O.EXPIRED}),
    O.ROUTED: frozenset({O.PREPARING, O.READY, O.CONFIRMED, O.COMPLETED, O.CANCELLED, O.EXPIRED}),
    O.PREPARING: frozenset({O.READY, O.ROUTED, O.CONFIRMED, O.COMPLETED, O.CANCELLED, O.EXPIRED}),
    O.READY: frozenset({O.PREPARING, O.CONFIRMED, O.COMPLETED, O.CANCELLED, O.EXPIRED}),
    O.COMPLETED: frozenset(),
    O.CANCELLED: frozenset(),
    O.EXPIRED: frozenset(),
}

FULFILMENT_MOVES: dict[FulfilmentStatus, frozenset[FulfilmentStatus]] = {
    F.ASSIGNED: frozenset({F.ACCEPTED, F.REJECTED, F.CANCELLED}),
    F.ACCEPTED: frozenset({F.READY, F.REJECTED, F.CANCELLED}),
    F.READY: frozenset({F.ACCEPTED, F.DISPATCHED, F.HANDED_OVER, F.REJECTED, F.CANCELLED}),
    F.DISPATCHED: frozenset({F.HANDED_OVER, F.RECEIVED}),
    F.HANDED_OVER: frozenset(),
    F.RECEIVED: frozenset(),
    F.REJECTED: frozenset(),
    F.CANCELLED: frozenset(),
}


class SubstitutionState(StrEnum):
    """Where a question to a customer stands: whether other goods will do for what is missing."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


S = SubstitutionState

SUBSTITUTION_MOVES: dict[SubstitutionState, frozenset[SubstitutionState]] = {
    S.PROPOSED: frozenset({S.ACCEPTED, S.REFUSED, S.EXPIRED}),
    S.ACCEPTED: frozenset(),
    S.REFUSED: frozenset(),
    S.EXPIRED: frozenset(),
}

OPEN_ORDERS = frozenset(status for status, moves in ORDER_MOVES.items() if moves)
OPEN_FULFILMENTS = frozenset(status for status, moves in FULFILMENT_MOVES.items() if moves)
# The customer may still change their mind: nothing has left a counter yet.
CANCELLABLE = frozenset({O.AWAITING_PAYMENT, O.CONFIRMED, O.ROUTED, O.PREPARING, O.READY})


def values(kind: type[StrEnum]) -> str:
    """The enum as the right side of an SQL `IN`."""
    return "(" + ", ".join(f"'{member.value}'" for member in kind) + ")"
