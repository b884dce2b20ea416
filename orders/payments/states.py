"""The diagrams of a payment and of a refund as data, and what arrived money means. Pure: no database, no Stripe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orders.states import OrderStatus

# An order that expired is honoured when the customer had paid at most this long after its end.
GRACE = timedelta(minutes=15)
CURRENCY = "cny"


class PaymentState(StrEnum):
    """`creating`: written down, not known at the provider yet; a decline leaves a payment `open`."""

    CREATING = "creating"
    OPEN = "open"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class RefundState(StrEnum):
    """`proposed` waits for a second person, `requested` for the provider to hear of it, `pending` for the bank.

    A failed refund ends `replaced` (a new one was made) or `manual` (paid back another way, with a reference).
    """

    PROPOSED = "proposed"
    REQUESTED = "requested"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REPLACED = "replaced"
    MANUAL = "manual"
    DECLINED = "declined"


P, R = PaymentState, RefundState

LIVE_PAYMENTS = frozenset({P.CREATING, P.OPEN, P.PROCESSING})
# A bank may take back what it said: a refund that succeeded can still fail (refund.failed).
REFUND_MOVES: dict[RefundState, frozenset[RefundState]] = {
    R.PROPOSED: frozenset({R.REQUESTED, R.DECLINED}),
    R.REQUESTED: frozenset({R.PENDING, R.SUCCEEDED, R.FAILED}),
    R.PENDING: frozenset({R.SUCCEEDED, R.FAILED}),
    R.SUCCEEDED: frozenset({R.FAILED}),
    R.FAILED: frozenset({R.REPLACED, R.MANUAL}),
    R.REPLACED: frozenset(),
    R.MANUAL: frozenset(),
    R.DECLINED: frozenset(),
}
# Refunds whose money is, or will be, with the customer.
STANDING_REFUNDS = frozenset({R.PROPOSED, R.REQUESTED, R.PENDING, R.SUCCEEDED, R.MANUAL})
ON_ITS_WAY = frozenset({R.REQUESTED, R.PENDING})

# https://docs.stripe.com/payments/paymentintents/lifecycle (requires_capture is not used: wallets cannot).
OF_INTENT: dict[str, PaymentState] = {
    "requires_payment_method": P.OPEN,
    "requires_confirmation": P.OPEN,
    "requires_action": P.OPEN,
    "processing": P.PROCESSING,
    "succeeded": P.SUCCEEDED,
    "canceled": P.CANCELED,
}
# https://docs.stripe.com/api/refunds/object (a refund waiting for the customer's bank details is on its way).
OF_REFUND: dict[str, RefundState] = {
    "pending": R.PENDING,
    "requires_action": R.PENDING,
    "succeeded": R.SUCCEEDED,
    "failed": R.FAILED,
    "canceled": R.FAILED,
}


class Verdict(StrEnum):
    """What money that arrived means for its order."""

    PAYS = "pays"
    LATE = "late"
    DUPLICATE = "duplicate"
    MISMATCH = "mismatch"


@dataclass(frozen=True)
class Arrival:
    """Money that arrived: what was asked for and what came (fen), when the customer paid (UTC)."""

    asked_fen: int
    received_fen: int
    currency: str
    paid_at: datetime


def next_payment_state(before: PaymentState, seen: PaymentState) -> PaymentState:
    """Where a payment stands after a look at the provider: an end stays the end, an old look changes nothing."""
    return seen if before in LIVE_PAYMENTS else before


def next_refund_state(before: RefundState, seen: RefundState) -> RefundState:
    """Where a refund stands after a look at the provider; what is not in the diagram changes nothing."""
    return seen if seen in REFUND_MOVES[before] else before


def verdict(arrival: Arrival, status: OrderStatus, *, paid_before: bool) -> Verdict:
    """What arrived money means. LATE may still be honoured, if `may_be_honoured` and the stock is there."""
    if arrival.currency != CURRENCY or arrival.received_fen != arrival.asked_fen:
        return Verdict.MISMATCH
    if paid_before:
        return Verdict.DUPLICATE
    if status == OrderStatus.AWAITING_PAYMENT:
        return Verdict.PAYS
    return Verdict.LATE


def may_be_honoured(arrival: Arrival, status: OrderStatus, closed_at: datetime | None) -> bool:
    """Whether an order nobody cancelled on purpose ended so shortly before its money came that it may live again."""
    return status == OrderStatus.EXPIRED and closed_at is not None and arrival.paid_at <= closed_at + GRACE


def surplus(received_fen: int, owed_fen: int, given_back_fen: int, goodwill_fen: int) -> int:
    """What must go back to the customer (fen): received less what the order costs now and what went back for goods.

    What was given as goodwill is a present and not set off, but never is more given back than was received.
    """
    due = received_fen - owed_fen - given_back_fen
    return max(0, min(due, received_fen - given_back_fen - goodwill_fen))


def seconds_to_next_look(looks: int) -> int:
    """How long a payment that nobody reported is left alone: 30 s, 1, 2, 5, then 15 minutes."""
    pauses = (30, 60, 120, 300, 900)
    return pauses[min(looks, len(pauses) - 1)]
