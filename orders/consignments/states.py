"""The diagram of a consignment, as data (only orders/consignments/steps.py applies it), and of what waits for it."""

from __future__ import annotations

from enum import StrEnum


class ConsignmentStatus(StrEnum):
    """Where goods for a counter stand. Nothing is in stock at a counter before it is `received` there."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    DISPATCHED = "dispatched"
    RECEIVED = "received"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class LotState(StrEnum):
    """Packs of one lot: set aside in the store, on the road, at the counter, or given back to the store's stock."""

    SET_ASIDE = "set_aside"
    ON_THE_ROAD = "on_the_road"
    ARRIVED = "arrived"
    GIVEN_BACK = "given_back"


# The lorries take three to five days for what is planned as four: a day more is no reason to give up.
DAYS_OF_GRACE = 1
# Where packs stand that a consignment is still to bring.
TRAVELLING = (LotState.SET_ASIDE, LotState.ON_THE_ROAD)

C = ConsignmentStatus

CONSIGNMENT_MOVES: dict[ConsignmentStatus, frozenset[ConsignmentStatus]] = {
    C.PROPOSED: frozenset({C.CONFIRMED, C.DECLINED, C.WITHDRAWN}),
    # Until it is on the road the cooperative may say otherwise.
    C.CONFIRMED: frozenset({C.CONFIRMED, C.DISPATCHED, C.DECLINED, C.WITHDRAWN}),
    C.DISPATCHED: frozenset({C.RECEIVED}),
    C.RECEIVED: frozenset(),
    C.DECLINED: frozenset(),
    C.WITHDRAWN: frozenset(),
}
OPEN_CONSIGNMENTS = frozenset(status for status, moves in CONSIGNMENT_MOVES.items() if moves)
COMING = frozenset({C.CONFIRMED, C.DISPATCHED})


class BackorderState(StrEnum):
    """Where packs stand that a customer waits for; what is open counts as awaited in the line's promise."""

    AWAITED = "awaited"
    ARRIVED = "arrived"
    ADRIFT = "adrift"
    FULFILLED = "fulfilled"
    RELEASED = "released"


# What the router has to find a place for.
TO_PLAN = (BackorderState.ARRIVED, BackorderState.ADRIFT)
OPEN_BACKORDERS = (BackorderState.AWAITED, *TO_PLAN)
