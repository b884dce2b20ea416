"""The diagram of an invoice as data, when it is due and reminded of, and what its provider must hear next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class InvoiceState(StrEnum):
    """`draft` waits for the provider to agree with its total; `uncollectible` is written off and still owed."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


S = InvoiceState

INVOICE_MOVES: dict[InvoiceState, frozenset[InvoiceState]] = {
    S.DRAFT: frozenset({S.OPEN, S.VOID}),
    S.OPEN: frozenset({S.PAID, S.VOID, S.UNCOLLECTIBLE}),
    S.UNCOLLECTIBLE: frozenset({S.PAID, S.VOID}),
    S.PAID: frozenset(),
    S.VOID: frozenset(),
}
# Invoices that use up an organisation's credit, and those to which money may still come.
OWED = frozenset({S.DRAFT, S.OPEN, S.UNCOLLECTIBLE})
PAYABLE = frozenset({S.OPEN, S.UNCOLLECTIBLE})

# Days from the due day (before: negative) on which a reminder goes out, and until when a missed one is made up for.
# The last is younger than the oldest finished job that is kept, so that none goes out twice (workers/retention.py).
REMINDERS: tuple[tuple[str, int, int], ...] = (("due_soon", -3, 0), ("overdue", 1, 6), ("overdue_week", 7, 20))


def due_day(issued_on: date, terms_days: int) -> date:
    """The last day on which paying is in time (a day in Shanghai)."""
    return issued_on + timedelta(days=terms_days)


def is_overdue(state: str, due_on: date | None, today: date) -> bool:
    """Whether an invoice should have been paid before today (a day in Shanghai)."""
    return state == S.OPEN and due_on is not None and due_on < today


def reminder_on(issued_on: date, due_on: date, today: date) -> str | None:
    """The reminder an open invoice is to get today, if any; none before its day, none the day it was sent itself."""
    for kind, first, last in REMINDERS:
        if due_on + timedelta(days=first) <= today <= due_on + timedelta(days=last):
            return kind if issued_on < due_on + timedelta(days=first) else None
    return None


@dataclass(frozen=True)
class Ours:
    """An invoice as our books have it; `lines` are fen by order, `credits` fen by credit note, `sent`: told to send."""

    state: InvoiceState
    total_fen: int
    lines: Mapping[int, int]
    credits: Mapping[int, int]
    sent: bool


@dataclass(frozen=True)
class Theirs:
    """The same invoice as the provider has it: its state there, and which of our lines and credit notes it knows."""

    status: str
    total_fen: int
    lines: frozenset[int]
    credits: frozenset[int]


class Call(StrEnum):
    """What the provider is to do next."""

    CREATE = "create"
    LINES = "lines"
    FINALIZE = "final"
    SEND = "send"
    CREDIT = "credit"
    PAY = "oob"
    VOID = "void"
    WRITE_OFF = "write-off"


def next_call(ours: Ours, theirs: Theirs | None) -> Call | None:
    """The one call that brings the provider nearer to our books; None when both say the same, or nothing can be done.

    An invoice whose total differs there is void in our books before it comes here: it is voided there, never sent.
    """
    if theirs is None:
        return Call.CREATE if ours.state == S.DRAFT else None
    if theirs.status == "draft":
        return Call.LINES if set(ours.lines) - theirs.lines else Call.FINALIZE
    if theirs.status not in {"open", "uncollectible"}:
        late = theirs.status == "paid" and set(ours.credits) - theirs.credits
        return Call.CREDIT if late else None
    if ours.state == S.VOID:
        return Call.VOID
    if not ours.sent and ours.state != S.DRAFT:
        return Call.SEND
    if set(ours.credits) - theirs.credits:
        return Call.CREDIT
    if ours.state == S.PAID:
        return Call.PAY
    return Call.WRITE_OFF if ours.state == S.UNCOLLECTIBLE and theirs.status == "open" else None
