"""Keep the provider's copy of an invoice in step with our books: one way, whoever asks (job, webhook, office).

Ours is the truth of what is owed. Each call has a row with its key before it is made, and no transaction is open
while the provider is asked. What no rule explains is a finding for a person.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.invoices.billing import CLERK, cancel_invoice, issue, lock_invoice
from orders.invoices.gateway import CreditWish, InvoiceGateway, InvoiceSeen, InvoiceWish, LineWish
from orders.invoices.models import CreditNote, Invoice, InvoiceCall, InvoiceOrder, ProviderCustomer
from orders.invoices.states import Call, InvoiceState, Ours, Theirs, next_call
from orders.models import Order
from orders.payments.gateway import GatewayDown, GatewayRefused, MissingAtProvider
from orders.payments.ledger import find
from shop.accounts.models import Membership, Organisation, User
from shop.clock import utcnow
from shop.db import in_transaction

Answer = TypeVar("Answer")
# Create, lines, finalise, send, credit notes, end: more means that a call has no effect there.
MOST_ROUNDS = 30


@dataclass(frozen=True)
class Copy:
    """What a look at our books and at the provider's found; `credits` are the provider's ids by ours."""

    ours: Ours
    seen: InvoiceSeen | None
    credits: dict[int, str]

    @property
    def theirs(self) -> Theirs | None:
        """For the decision."""
        if self.seen is None:
            return None
        return Theirs(self.seen.status, self.seen.total_fen, self.seen.lines, frozenset(self.credits))


@dataclass(frozen=True)
class Customer:
    """An organisation on its way to the provider: the key kept for it, its id there if known."""

    organisation_id: int
    name: str
    email: str
    key: str
    ref: str | None
    since: datetime
    is_new: bool


def issue_here(session: Session, invoice_id: int) -> None:
    """Without a provider: the draft becomes an invoice at once. Safe to repeat."""

    def work() -> None:
        invoice = lock_invoice(session, invoice_id)
        if invoice.state == InvoiceState.DRAFT:
            issue(session, invoice, utcnow())

    in_transaction(session, work)


def sync_invoice(session: Session, gateway: InvoiceGateway, invoice_id: int) -> None:
    """Look at both books and make the calls that are missing, until both say the same. Safe to repeat.

    Raises GatewayDown. What the provider refuses is put before a person, and the invoice stays as it is.
    """
    for _ in range(MOST_ROUNDS):
        try:
            copy = look(session, gateway, invoice_id)
        except MissingAtProvider:
            return
        call = next_call(copy.ours, copy.theirs)
        if call is None:
            return
        try:
            make(session, gateway, invoice_id, call, copy)
        except GatewayRefused as refusal:
            code = refusal.code
            in_transaction(session, lambda: note_refusal(session, invoice_id, call, code))  # noqa: B023
            return
    in_transaction(session, lambda: find(session, "invoice_stuck", str(invoice_id)))


def look(session: Session, gateway: InvoiceGateway, invoice_id: int) -> Copy:
    """Read the provider's copy, write down what it means for ours, and both as they stand now."""
    invoice = session.get_one(Invoice, invoice_id, populate_existing=True)
    ref = invoice.invoice_ref
    has_credits = bool(invoice.credited_fen)
    session.commit()
    try:
        seen = gateway.read_invoice(ref) if ref else found_again(session, gateway, invoice_id)
    except MissingAtProvider:
        in_transaction(session, lambda: find(session, "invoice_unknown_at_provider", str(ref)))
        raise
    credits = dict(gateway.credits_of(seen.ref)) if seen is not None and has_credits else {}
    if seen is not None:
        there = seen
        in_transaction(session, lambda: apply_seen(session, invoice_id, there))
        in_transaction(session, lambda: note_credits(session, invoice_id, credits))
    ours = in_transaction(session, lambda: ours_of(session, invoice_id))
    return Copy(ours, seen, credits)


def found_again(session: Session, gateway: InvoiceGateway, invoice_id: int) -> InvoiceSeen | None:
    """An invoice the provider made although we never heard its answer; None when it was not asked or made none."""
    statement = (
        select(ProviderCustomer.customer_ref)
        .join(Invoice, Invoice.organisation_id == ProviderCustomer.organisation_id)
        .join(InvoiceCall, (InvoiceCall.invoice_id == Invoice.id) & (InvoiceCall.name == Call.CREATE.value))
        .where(Invoice.id == invoice_id)
    )
    customer = session.scalar(statement)
    session.commit()
    if customer is None:
        return None
    mine = (one for one in gateway.invoices_of(customer) if one.metadata.get("invoice_id") == str(invoice_id))
    return next(mine, None)


def ours_of(session: Session, invoice_id: int) -> Ours:
    """Our side, for the decision."""
    invoice = session.get_one(Invoice, invoice_id, populate_existing=True)
    lines = session.execute(
        select(InvoiceOrder.order_id, InvoiceOrder.amount_fen).where(InvoiceOrder.invoice_id == invoice_id)
    ).all()
    credits = session.execute(
        select(CreditNote.id, CreditNote.amount_fen).where(CreditNote.invoice_id == invoice_id)
    ).all()
    sent = session.scalar(
        select(InvoiceCall.done_at).where(
            InvoiceCall.invoice_id == invoice_id, InvoiceCall.name == Call.SEND.value, InvoiceCall.done_at.is_not(None)
        )
    )  # fmt: skip
    return Ours(
        InvoiceState(invoice.state), invoice.total_fen, dict(lines),
        dict(credits), sent is not None,
    )  # fmt: skip


def apply_seen(session: Session, invoice_id: int, seen: InvoiceSeen) -> None:
    """What was seen there: a draft whose total is agreed is issued; one that differs is void, and a person is told."""
    invoice = lock_invoice(session, invoice_id)
    invoice.invoice_ref = seen.ref
    state = InvoiceState(invoice.state)
    if state == InvoiceState.DRAFT and seen.status == "open":
        if seen.total_fen == invoice.total_fen:
            issue(session, invoice, utcnow())
        else:
            find(session, "invoice_total_differs", seen.ref, ours={"number": invoice.number, "fen": invoice.total_fen},
                 theirs={"fen": seen.total_fen})  # fmt: skip
            cancel_invoice(session, invoice, CLERK, utcnow(), reason="total differs at the provider")
    elif differs(state, seen.status):
        find(session, "invoice_differs", f"{seen.ref}:{seen.status}",
             ours={"number": invoice.number, "state": state.value, "owed_fen": invoice.owed_fen},
             theirs={"state": seen.status, "paid_fen": seen.paid_fen})  # fmt: skip
    session.flush()


def differs(ours: InvoiceState, theirs: str) -> bool:
    """Whether somebody ended it there (paid online, voided by hand) and our books know nothing of it. Pure."""
    if theirs == "paid":
        return ours != InvoiceState.PAID
    return theirs == "void" and ours != InvoiceState.VOID


def note_credits(session: Session, invoice_id: int, refs: dict[int, str]) -> None:
    """The provider's ids of our credit notes."""
    for note in session.scalars(select(CreditNote).where(CreditNote.invoice_id == invoice_id)):
        note.note_ref = refs.get(note.id, note.note_ref)


def make(session: Session, gateway: InvoiceGateway, invoice_id: int, call: Call, copy: Copy) -> None:
    """Make one call (for lines and credit notes: one for each that is missing). Raises GatewayDown, GatewayRefused."""
    ref = copy.seen.ref if copy.seen is not None else ""
    if call == Call.CREATE:
        customer = customer_of(session, gateway, invoice_id)
        wish = in_transaction(session, lambda: invoice_wish(session, invoice_id, customer))
        keyed(session, invoice_id, call.value, lambda key: gateway.create_invoice(wish(key)))
    elif call == Call.LINES:
        customer = customer_of(session, gateway, invoice_id)
        known = copy.seen.lines if copy.seen is not None else frozenset()
        for order_id in sorted(set(copy.ours.lines) - known):
            line = in_transaction(session, lambda: line_wish(session, invoice_id, order_id, customer, ref))  # noqa: B023
            keyed(session, invoice_id, f"line-{order_id}", lambda key: gateway.add_line(line(key)))  # noqa: B023
    elif call == Call.CREDIT:
        paid = copy.seen is not None and copy.seen.status == "paid"
        for note_id in sorted(set(copy.ours.credits) - set(copy.credits)):
            note = in_transaction(session, lambda: credit_wish(session, note_id, ref, paid))  # noqa: B023
            keyed(session, invoice_id, f"credit-{note_id}", lambda key: gateway.credit(note(key)))  # noqa: B023
    else:
        steps = {
            Call.FINALIZE: gateway.finalize, Call.SEND: gateway.send, Call.PAY: gateway.pay_elsewhere,
            Call.VOID: gateway.void, Call.WRITE_OFF: gateway.write_off,
        }  # fmt: skip
        keyed(session, invoice_id, call.value, lambda key: steps[call](key, ref))


def invoice_wish(session: Session, invoice_id: int, customer: str) -> Callable[[str], InvoiceWish]:
    """The invoice as the provider wants it, once its key is known."""
    invoice = session.get_one(Invoice, invoice_id)
    number, days = invoice.number, invoice.terms_days
    return lambda key: InvoiceWish(key, customer, invoice_id, number, days)


def line_wish(
    session: Session, invoice_id: int, order_id: int, customer: str, ref: str
) -> Callable[[str], LineWish]:  # fmt: skip
    """One order of it as the provider wants it, once its key is known."""
    row = session.get_one(InvoiceOrder, (invoice_id, order_id))
    order = session.get_one(Order, order_id)
    words, fen = f"订单 {order.number}" + (f" · PO {order.po_number}" if order.po_number else ""), row.amount_fen
    return lambda key: LineWish(key, customer, ref, order_id, fen, words)


def credit_wish(session: Session, note_id: int, ref: str, paid: bool) -> Callable[[str], CreditWish]:
    """A credit note as the provider wants it, once its key is known."""
    note = session.get_one(CreditNote, note_id)
    fen, reason = note.amount_fen, note.reason
    return lambda key: CreditWish(key, ref, note_id, fen, reason, paid)


def keyed(session: Session, invoice_id: int, name: str, call: Callable[[str], Answer]) -> Answer:
    """Make a call under its stored key; a key under which the provider answered with a fault is kept there with it."""
    key = in_transaction(session, lambda: key_of(session, invoice_id, name))
    try:
        answer = call(key)
    except GatewayDown as down:
        if down.answered:
            in_transaction(session, lambda: renew_key(session, invoice_id, name))
        raise
    except GatewayRefused:
        in_transaction(session, lambda: renew_key(session, invoice_id, name))
        raise
    in_transaction(session, lambda: close_call(session, invoice_id, name))
    return answer


def call_row(session: Session, invoice_id: int, name: str) -> InvoiceCall | None:
    """The call's row."""
    wanted = select(InvoiceCall).where(InvoiceCall.invoice_id == invoice_id, InvoiceCall.name == name)
    return session.execute(wanted.with_for_update()).scalar_one_or_none()


def key_of(session: Session, invoice_id: int, name: str) -> str:
    """The key kept for this call, written down before the call is made."""
    lock_invoice(session, invoice_id)
    row = call_row(session, invoice_id, name)
    if row is None:
        row = InvoiceCall(invoice_id=invoice_id, name=name, idempotency_key=new_key(invoice_id, name))
        session.add(row)
        session.flush()
    return row.idempotency_key


def new_key(invoice_id: int, name: str) -> str:
    """A key nobody else has, readable in the provider's log."""
    return f"inv-{invoice_id}-{name}-{secrets.token_hex(8)}"


def renew_key(session: Session, invoice_id: int, name: str) -> None:
    """The next try must not be answered with this fault again."""
    row = call_row(session, invoice_id, name)
    if row is not None:
        row.idempotency_key = new_key(invoice_id, name)


def close_call(session: Session, invoice_id: int, name: str) -> None:
    """It was answered."""
    row = call_row(session, invoice_id, name)
    if row is not None:
        row.done_at = utcnow()


def note_refusal(session: Session, invoice_id: int, call: Call, code: str) -> None:
    """The provider will not; a person decides."""
    invoice = session.get_one(Invoice, invoice_id)
    find(session, "invoice_refused", f"{invoice_id}:{call.value}:{code}", ours={"number": invoice.number},
         theirs={"code": code})  # fmt: skip


def customer_of(session: Session, gateway: InvoiceGateway, invoice_id: int) -> str:
    """The provider's id of the invoice's organisation, made once."""
    known = in_transaction(session, lambda: customer_row(session, invoice_id))
    if known.ref is not None:
        return known.ref
    made = None if known.is_new else gateway.customer_of(known.organisation_id, known.since)
    ref = made or gateway.create_customer(known.key, known.organisation_id, known.name, known.email)

    def write() -> None:
        session.get_one(ProviderCustomer, known.organisation_id, with_for_update=True).customer_ref = ref

    in_transaction(session, write)
    return ref


def customer_row(session: Session, invoice_id: int) -> Customer:
    """The organisation with the key under which it is made known, written down if there was none."""
    invoice = lock_invoice(session, invoice_id)
    organisation = session.get_one(Organisation, invoice.organisation_id)
    row = session.get(ProviderCustomer, organisation.id, populate_existing=True)
    is_new = row is None
    if row is None:
        row = ProviderCustomer(
            organisation_id=organisation.id, idempotency_key=f"org-{organisation.id}-{secrets.token_hex(8)}"
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.refresh(row)
    return Customer(
        organisation.id, organisation.name, first_address(session, organisation.id), row.idempotency_key,
        row.customer_ref, row.created_at - timedelta(minutes=1), is_new,
    )  # fmt: skip


def first_address(session: Session, organisation_id: int) -> str:
    """The mail address of whoever has bought for it longest; '' when nobody does."""
    statement = (
        select(User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.organisation_id == organisation_id, User.active)
        .order_by(Membership.id)
        .limit(1)
    )
    return session.scalar(statement) or ""


def hear_of_invoice(session: Session, gateway: InvoiceGateway, ref: str, told: Mapping[str, str]) -> bool:
    """There is word of an invoice: ours by its id there or by the number in its metadata (True), or nobody's."""
    known = session.scalar(select(Invoice.id).where(Invoice.invoice_ref == ref))
    if known is None:
        known = session.scalar(
            select(Invoice.id).where(Invoice.number == told.get("invoice_no", ""), Invoice.invoice_ref.is_(None))
        )
    session.rollback()
    if known is None:
        in_transaction(session, lambda: find(session, "orphan_invoice", ref))
        return False
    sync_invoice(session, gateway, known)
    return True
