"""An organisation's account over a month: owed before, billed, taken off, paid, owed at the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import CompoundSelect, Date, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from orders.invoices.models import BankReceipt, CreditNote, Invoice
from orders.invoices.states import InvoiceState
from orders.payments.models import MoneyEntry


@dataclass(frozen=True)
class Entry:
    """One line of the account: a day in Shanghai, its kind, what it refers to, fen (owed more: positive), the sum then.

    Kinds: invoice, void, credit_note, receipt, returned.
    """

    day: date
    kind: str
    ref: str
    amount_fen: int
    balance_fen: int


@dataclass(frozen=True)
class Statement:
    """A month: the first of it, what was owed before it, its entries, what is owed at its end."""

    month: date
    opening_fen: int
    entries: tuple[Entry, ...]
    closing_fen: int


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def statement_of(session: Session, organisation_id: int, month: date) -> Statement:
    """The account of an organisation in the month that begins that day: two queries."""
    rows = movements(organisation_id).subquery()
    end = next_month(month)
    opening = session.scalar(select(func.coalesce(func.sum(rows.c.fen), 0)).where(rows.c.day < month))
    inside = select(rows).where(rows.c.day >= month, rows.c.day < end).order_by(rows.c.day, rows.c.rank, rows.c.ref)
    balance = before = int(opening or 0)
    entries = []
    for day, kind, ref, fen, _rank in session.execute(inside):
        balance += int(fen)
        entries.append(Entry(day, kind, ref, int(fen), balance))
    return Statement(month, before, tuple(entries), balance)


def movements(organisation_id: int) -> CompoundSelect[tuple[date, str, str, int, int]]:
    """Everything that changed what the organisation owes."""
    mine = Invoice.organisation_id == organisation_id
    billed = select(
        Invoice.issued_on.label("day"), literal("invoice").label("kind"), Invoice.number.label("ref"),
        Invoice.total_fen.label("fen"), literal(1).label("rank"),
    ).where(mine, Invoice.issued_on.is_not(None))  # fmt: skip
    void = select(
        Invoice.closed_on, literal("void"), Invoice.number, -(Invoice.total_fen - Invoice.credited_fen), literal(2)
    ).where(mine, Invoice.state == InvoiceState.VOID.value, Invoice.issued_on.is_not(None))  # fmt: skip
    credited = (
        select(CreditNote.made_on, literal("credit_note"), Invoice.number, -CreditNote.amount_fen, literal(3))
        .join(Invoice, Invoice.id == CreditNote.invoice_id)
        .where(mine)
    )
    owned = BankReceipt.organisation_id == organisation_id
    received = select(
        BankReceipt.received_on, literal("receipt"), BankReceipt.bank_ref, -BankReceipt.amount_fen, literal(4)
    ).where(owned)  # fmt: skip
    day = cast(func.timezone("Asia/Shanghai", MoneyEntry.at), Date)
    returned = (
        select(day, literal("returned"), BankReceipt.bank_ref, -MoneyEntry.amount_fen, literal(5))
        .select_from(BankReceipt)
        .join(MoneyEntry, (MoneyEntry.kind == "bank_out") & (MoneyEntry.ref == BankReceipt.bank_ref))
        .where(owned)
    )
    return union_all(billed, void, credited, received, returned)
