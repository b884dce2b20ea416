"""Compare our invoices with the provider's copies, both ways; what no rule explains becomes a finding for a person."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.invoices.gateway import InvoiceGateway, InvoiceSeen
from orders.invoices.mirror import hear_of_invoice
from orders.invoices.models import Invoice
from orders.invoices.states import InvoiceState
from orders.payments.gateway import MissingAtProvider
from orders.payments.ledger import find
from shop.db import in_transaction

# Invoices are voided, paid and credited long after they were made: of the last year every one is looked at each time.
LOOK_BACK = timedelta(days=400)
# The provider may have made an invoice a little after we wrote it down.
A_DAY = timedelta(days=1)


def compare_invoices(session: Session, gateway: InvoiceGateway, run_id: int, now: datetime) -> int:
    """Every invoice of the last year on either side, and older ones that are still owed; how many were looked at.

    One that is not the same is brought into step first, as an event about it would do. Raises GatewayDown.
    """
    begin = now - LOOK_BACK
    seen = {one.ref: one for one in gateway.invoices_since(begin)}
    ours = in_transaction(session, lambda: known_there(session, begin + A_DAY))
    for ref in sorted(ours - seen.keys()):
        try:
            seen[ref] = gateway.read_invoice(ref)
        except MissingAtProvider:
            in_transaction(session, lambda: find(session, "invoice_unknown_at_provider", ref, run_id=run_id))  # noqa: B023
    for one in seen.values():
        compare_invoice(session, gateway, run_id, one)
    return len(seen)


def known_there(session: Session, since: datetime) -> set[str]:
    """The provider's ids of our invoices that were made since or may still be paid."""
    alive = [InvoiceState.DRAFT.value, InvoiceState.OPEN.value]
    wanted = Invoice.invoice_ref.is_not(None) & ((Invoice.created_at >= since) | Invoice.state.in_(alive))
    return {str(ref) for ref in session.scalars(select(Invoice.invoice_ref).where(wanted))}


def compare_invoice(session: Session, gateway: InvoiceGateway, run_id: int, seen: InvoiceSeen) -> None:
    """One invoice of the provider against our row: nobody's, the same, brought into step, or for a person."""
    if in_transaction(session, lambda: is_same(session, seen)):
        return
    if hear_of_invoice(session, gateway, seen.ref, seen.metadata):
        there = gateway.read_invoice(seen.ref)
        in_transaction(session, lambda: check_invoice(session, run_id, there))


def is_same(session: Session, seen: InvoiceSeen) -> bool:
    """Whether our row of it says what the provider says."""
    invoice = session.scalar(select(Invoice).where(Invoice.invoice_ref == seen.ref))
    return invoice is not None and invoice.state == seen.status and same_sums(invoice, seen)


def same_sums(invoice: Invoice, seen: InvoiceSeen) -> bool:
    """Total and credit notes are the same, and nothing was paid there that is not entered here; of a void one
    nothing is owed on either side."""
    if invoice.state == seen.status == InvoiceState.VOID:
        return True
    same = (invoice.total_fen, invoice.credited_fen) == (seen.total_fen, seen.credited_fen)
    return same and seen.paid_fen <= invoice.settled_fen


def check_invoice(session: Session, run_id: int, seen: InvoiceSeen) -> None:
    """What is still not the same, once for each state and each sum: settled by a person, it does not come again."""
    invoice = session.scalar(select(Invoice).where(Invoice.invoice_ref == seen.ref))
    if invoice is None:
        return
    ours = {"number": invoice.number, "state": invoice.state, "total_fen": invoice.total_fen,
            "credited_fen": invoice.credited_fen, "settled_fen": invoice.settled_fen}  # fmt: skip
    theirs = {"state": seen.status, "total_fen": seen.total_fen, "credited_fen": seen.credited_fen,
              "paid_fen": seen.paid_fen}  # fmt: skip
    if invoice.state != seen.status:
        find(session, "invoice_differs", f"{seen.ref}:{seen.status}", run_id=run_id, ours=ours, theirs=theirs)
    if not same_sums(invoice, seen):
        sums = f"{seen.total_fen}-{seen.credited_fen}-{seen.paid_fen}"
        find(session, "invoice_differs", f"{seen.ref}:{sums}", run_id=run_id, ours=ours, theirs=theirs)
