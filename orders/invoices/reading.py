"""Invoices and bank receipts as people read them: lists, an invoice with its orders, an account as a whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from orders.invoices.billing import unbilled
from orders.invoices.models import BankAllocation, BankReceipt, CreditNote, CreditStopLift, Invoice, InvoiceOrder
from orders.invoices.states import PAYABLE, InvoiceState, is_overdue
from orders.models import Order
from orders.states import OrderStatus
from shop.accounts.models import Membership, Organisation, User
from shop.errors import NotFound
from shop.lists import Cell, Column, Filter, ListSpec, like

Link = Any


@dataclass(frozen=True)
class BilledOrder:
    """An order in an invoice: fen, as it was billed."""

    number: str
    po_number: str | None
    amount_fen: int
    handed_over: Any


@dataclass(frozen=True)
class InvoicePage:
    """An invoice with everything that belongs to it."""

    invoice: Invoice
    state: str
    tone: str
    orders: Sequence[BilledOrder]
    credits: Sequence[CreditNote]
    payments: Sequence[BankAllocation]


@dataclass(frozen=True)
class Waiting:
    """Orders of an organisation that were handed over and are in no invoice."""

    organisation_id: int
    name: str
    orders: int
    total_fen: int


def state_words(state: str, due_on: date | None, today: date) -> tuple[str, str]:
    """An invoice's state for people, and its colour."""
    if is_overdue(state, due_on, today):
        return str(_("Overdue")), "bad"
    words = {
        InvoiceState.DRAFT: (_("Being issued"), "plain"), InvoiceState.OPEN: (_("To pay"), "warn"),
        InvoiceState.PAID: (_("Paid"), "good"), InvoiceState.VOID: (_("Void"), "plain"),
        InvoiceState.UNCOLLECTIBLE: (_("Written off"), "bad"),
    }  # fmt: skip
    text, tone = words[InvoiceState(state)]
    return str(text), tone


def invoices_list(organisation_ids: Collection[int] | None, link: Link, today: date) -> ListSpec:
    """The invoices of these organisations (None: all); buyers do not see drafts."""
    statement = select(Invoice, Organisation.name).join(Organisation, Organisation.id == Invoice.organisation_id)
    if organisation_ids is not None:
        statement = statement.where(
            Invoice.organisation_id.in_(organisation_ids), Invoice.state != InvoiceState.DRAFT.value
        )  # fmt: skip
    owed = Invoice.total_fen - Invoice.settled_fen - Invoice.credited_fen
    choices = (("overdue", _("Overdue")), ("open", _("To pay")), ("paid", _("Paid")), ("void", _("Void")),
               ("uncollectible", _("Written off")), ("draft", _("Being issued")))  # fmt: skip
    return ListSpec(
        statement=statement,
        key=Invoice.id,
        columns=(
            Column("number", _("Invoice")),
            Column("organisation", _("Organisation")),
            Column("issued", _("Issued"), Invoice.id),
            Column("due", _("Due on"), Invoice.due_on),
            Column("state", _("State")),
            Column("total", _("Total"), Invoice.total_fen, numbers=True),
            Column("owed", _("To pay"), owed, numbers=True),
        ),
        row=lambda row: invoice_row(row, link, today),
        sort="-issued",
        filters=(Filter("state", _("State"), choices[: None if organisation_ids is None else 4],
                        lambda value: state_is(value, today)),),
        search=lambda text: Invoice.number.like(like(text.upper())) | Organisation.name.ilike("%" + like(text)),
        hint=_("Beginning of the number, or the organisation"),
    )  # fmt: skip


def state_is(value: str, today: date) -> Any:
    """In that state; overdue ones are open and late."""
    if value == "overdue":
        return (Invoice.state == InvoiceState.OPEN.value) & (Invoice.due_on < today)
    return Invoice.state == value


def invoice_row(row: Any, link: Link, today: date) -> tuple[Cell, ...]:
    """One invoice of a list."""
    invoice, name = row
    words, tone = state_words(invoice.state, invoice.due_on, today)
    return (
        Cell(invoice.number, href=link(invoice.number)),
        Cell(name),
        Cell(invoice.issued_on, kind="day"),
        Cell(invoice.due_on, kind="day"),
        Cell(words, kind="badge", tone=tone),
        Cell(invoice.total_fen, kind="yuan"),
        Cell(invoice.owed_fen, kind="yuan"),
    )


def invoice_named(session: Session, number: str, organisation_ids: Collection[int] | None) -> Invoice:
    """The invoice of one of these organisations (None: of any). Raises NotFound, also for another's and for drafts."""
    statement = select(Invoice).where(Invoice.number == number.upper()).options(joinedload(Invoice.organisation))
    if organisation_ids is not None:
        statement = statement.where(
            Invoice.organisation_id.in_(organisation_ids), Invoice.state != InvoiceState.DRAFT.value
        )  # fmt: skip
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound(_("There is no such invoice"))
    return found


def invoice_page(session: Session, invoice: Invoice, today: date) -> InvoicePage:
    """Everything about an invoice: three queries."""
    credits = select(CreditNote).where(CreditNote.invoice_id == invoice.id).order_by(CreditNote.id)
    payments = select(BankAllocation).where(BankAllocation.invoice_id == invoice.id).order_by(BankAllocation.matched_at)
    words, tone = state_words(invoice.state, invoice.due_on, today)
    return InvoicePage(
        invoice, words, tone, billed_orders(session, invoice.id),
        session.scalars(credits.options(joinedload(CreditNote.order))).all(),
        session.scalars(payments.options(joinedload(BankAllocation.receipt))).all(),
    )  # fmt: skip


def billed_orders(session: Session, invoice_id: int) -> Sequence[BilledOrder]:
    """The orders of an invoice, oldest first."""
    statement = (
        select(Order.number, Order.po_number, InvoiceOrder.amount_fen, Order.closed_at)
        .join(InvoiceOrder, InvoiceOrder.order_id == Order.id)
        .where(InvoiceOrder.invoice_id == invoice_id)
        .order_by(Order.id)
    )
    return [BilledOrder(*row) for row in session.execute(statement)]


def readers_of(session: Session, invoice_id: int) -> Sequence[int]:
    """The people who buy for the invoice's organisation."""
    statement = (
        select(Membership.user_id)
        .join(Invoice, Invoice.organisation_id == Membership.organisation_id)
        .join(User, User.id == Membership.user_id)
        .where(Invoice.id == invoice_id, User.active)
        .order_by(Membership.user_id)
    )
    return session.scalars(statement).all()


def waiting_to_be_billed(session: Session) -> Sequence[Waiting]:
    """What every organisation received and was not billed for."""
    statement = (
        select(Organisation.id, Organisation.name, func.count(), func.sum(Order.total_fen))
        .join(Order, Order.organisation_id == Organisation.id)
        .where(unbilled(), Order.status == OrderStatus.COMPLETED.value, Order.total_fen > 0)
        .group_by(Organisation.id)
        .order_by(Organisation.name)
    )
    return [Waiting(one, name, count, int(fen)) for one, name, count, fen in session.execute(statement)]


def receipts_list(link: Link) -> ListSpec:
    """Every bank receipt."""
    left = BankReceipt.amount_fen - BankReceipt.matched_fen - BankReceipt.returned_fen
    return ListSpec(
        statement=select(BankReceipt, Organisation.name).outerjoin(
            Organisation, Organisation.id == BankReceipt.organisation_id
        ),
        key=BankReceipt.id,
        columns=(
            Column("ref", _("Bank reference")),
            Column("day", _("Day"), BankReceipt.received_on),
            Column("payer", _("Paid by")),
            Column("organisation", _("Organisation")),
            Column("amount", _("Amount"), BankReceipt.amount_fen, numbers=True),
            Column("left", _("Not matched"), left, numbers=True),
        ),
        row=lambda row: receipt_row(row, link),
        sort="-day",
        filters=(Filter("state", _("State"), (("left", _("Not matched")), ("unknown", _("Unknown payer"))),
                        lambda value: left > 0 if value == "left" else BankReceipt.organisation_id.is_(None)),),
        search=lambda text: BankReceipt.bank_ref.like(like(text)) | BankReceipt.payer.ilike("%" + like(text)),
        hint=_("Bank reference or payer"),
    )  # fmt: skip


def receipt_row(row: Any, link: Link) -> tuple[Cell, ...]:
    """One receipt of a list."""
    receipt, name = row
    owner = Cell(name) if name else Cell(_("Unknown payer"), kind="badge", tone="bad")
    return (
        Cell(receipt.bank_ref, href=link(receipt.id)),
        Cell(receipt.received_on, kind="day"),
        Cell(receipt.payer),
        owner,
        Cell(receipt.amount_fen, kind="yuan"),
        Cell(receipt.left_fen, kind="yuan"),
    )


def matches_of(session: Session, receipt_id: int) -> Sequence[BankAllocation]:
    """What a receipt pays."""
    statement = select(BankAllocation).where(BankAllocation.receipt_id == receipt_id)
    return session.scalars(
        statement.options(joinedload(BankAllocation.invoice)).order_by(BankAllocation.invoice_id)
    ).all()


def payable(session: Session, organisation_id: int) -> Sequence[Invoice]:
    """The invoices of an organisation to which money may come, those due first."""
    states = [state.value for state in PAYABLE]
    statement = select(Invoice).where(Invoice.organisation_id == organisation_id, Invoice.state.in_(states))
    return session.scalars(statement.order_by(Invoice.due_on, Invoice.id)).all()


def lifts_of(session: Session, organisation_id: int) -> Sequence[CreditStopLift]:
    """When the office let an organisation order although an invoice was overdue, newest first."""
    statement = select(CreditStopLift).where(CreditStopLift.organisation_id == organisation_id)
    return session.scalars(statement.order_by(CreditStopLift.id.desc()).limit(10)).all()
