"""Invoices at the provider: what it is told, that it agrees before anything is sent, and that nothing is made twice."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from orders.check import faults
from orders.invoices import billing
from orders.invoices.billing import Credit, bill
from orders.invoices.mirror import sync_invoice
from orders.invoices.models import Invoice, InvoiceCall, InvoiceOrder, ProviderCustomer
from orders.invoices.receipts import match_receipt
from orders.invoices.states import Call
from orders.payments.events import fetch_events
from orders.payments.gateway import GatewayDown
from orders.payments.models import Finding
from orders.payments.reconcile import reconcile
from shop.clock import utcnow
from shop.db import db
from tests.builders import Builder
from tests.orders.billing import CASE_FEN, OFFICE, Mart, mart_of
from tests.payments.conftest import Till


@pytest.fixture
def mart(till: Till, session: Session, build: Builder) -> Mart:
    """A supermarket in a shop with a provider."""
    return mart_of(session, build)


def drawn(mart: Mart, *cases: int) -> Invoice:
    """A draft over an order of so many cases each."""
    for one in cases or (1,):
        mart.received(one)
    invoice = bill(mart.session, mart.organisation.id, OFFICE, utcnow())
    mart.session.commit()
    return invoice


def there(till: Till, invoice: Invoice) -> dict[str, Any]:
    """The invoice at the provider."""
    till.session.rollback()
    till.session.refresh(invoice)
    return till.call(f"/v1/invoices/{invoice.invoice_ref}")


def known_there(till: Till, kind: str, mart: Mart) -> int:
    """How many things of a kind the organisation has there."""
    customer = mart.session.scalars(sa.select(ProviderCustomer.customer_ref)).one()
    return len(till.call(f"/v1/{kind}?customer={customer}&limit=100")["data"])


def test_an_invoice_is_mirrored_sent_and_paid_out_of_band(till: Till, mart: Mart) -> None:
    invoice = drawn(mart, 1, 2)
    till.work()
    seen = there(till, invoice)
    assert (mart.now(invoice), mart.told(invoice)) == (("open", 3 * CASE_FEN), ["issued"])
    assert (seen["status"], seen["total"], seen["collection_method"]) == ("open", 3 * CASE_FEN, "send_invoice")
    assert sorted(line["amount"] for line in seen["lines"]["data"]) == [CASE_FEN, 2 * CASE_FEN]
    keys = mart.session.execute(sa.select(InvoiceCall.name, InvoiceCall.done_at.is_not(None))).all()
    lines = [f"line-{one}" for one in mart.session.scalars(sa.select(InvoiceOrder.order_id))]
    assert sorted(keys) == sorted((name, True) for name in ("create", "final", "send", *lines))
    billing.credit_invoice(mart.session, invoice.id, Credit(1_000, "short"), OFFICE, utcnow())
    match_receipt(mart.session, mart.paid_in(3 * CASE_FEN - 1_000).id, {invoice.id: 3 * CASE_FEN - 1_000}, OFFICE,
                  utcnow())  # fmt: skip
    mart.session.commit()
    till.work()
    seen = there(till, invoice)
    assert (seen["status"], seen["amount_paid_off_stripe"]) == ("paid", 3 * CASE_FEN - 1_000)
    billing.credit_invoice(mart.session, invoice.id, Credit(500, "goods"), OFFICE, utcnow())
    mart.session.commit()
    till.work()
    assert there(till, invoice)["post_payment_credit_notes_amount"] == 500
    # A second one of the same organisation finds its customer; every event about them is a hint and changes nothing.
    other = drawn(mart)
    till.work()
    assert mart.now(other) == ("open", CASE_FEN)
    customer = mart.session.scalars(sa.select(ProviderCustomer.customer_ref)).one()
    ours = till.events(*[str(one.invoice_ref) for one in (invoice, other)])
    for event in ours:
        assert till.hear(event) == 200
    till.work()
    assert {event["data"]["object"]["customer"] for event in ours} == {customer}
    assert till.findings("invoice_differs") == till.findings("orphan_invoice") == []
    assert faults(mart.session) == []


def test_case_29_a_total_that_differs_at_finalisation_is_void_found_and_never_sent(till: Till, mart: Mart) -> None:
    invoice = drawn(mart)
    gateway = till.gateway.invoices
    # Somebody adds a line in the Dashboard while the draft waits: the provider goes away before it is finalised.
    till.call("/test/cut-next", where=",,,before,before")
    till.work()
    assert mart.now(invoice)[0] == "draft"
    till.call("/test/cut-none")
    ref = till.session.scalar(sa.select(Invoice.invoice_ref).where(Invoice.id == invoice.id))
    assert ref is not None
    till.call(f"/test/invoice-total/{ref}", amount="5000")
    sync_invoice(db.session(), gateway, invoice.id)
    seen = there(till, invoice)
    assert (seen["status"], seen["total"]) == ("void", CASE_FEN + 5_000)
    assert mart.now(invoice) == ("void", 0)
    assert mart.told(invoice) == []
    calls = mart.session.scalars(sa.select(InvoiceCall.name)).all()
    assert Call.SEND.value not in calls
    (finding,) = till.findings("invoice_total_differs")
    assert (finding.ours, finding.theirs) == (
        {"number": invoice.number, "fen": CASE_FEN}, {"fen": CASE_FEN + 5_000}
    )  # fmt: skip
    again = bill(mart.session, mart.organisation.id, OFFICE, utcnow())
    mart.session.commit()
    till.work()
    assert mart.now(again) == ("open", CASE_FEN)
    assert faults(mart.session) == []


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_call_that_is_cut_off_is_made_once_in_the_end(till: Till, mart: Mart, where: str) -> None:
    invoice, gateway = drawn(mart, 1, 1), till.gateway.invoices
    # Each time one more call goes through, and the next loses its line twice (the library repeats it once by itself).
    for _try in range(7):
        till.call("/test/cut-next", where=f",{where},{where}")
        with contextlib.suppress(GatewayDown):
            sync_invoice(db.session(), gateway, invoice.id)
        till.call("/test/cut-none")
    sync_invoice(db.session(), gateway, invoice.id)
    assert mart.now(invoice) == ("open", 2 * CASE_FEN)
    assert (known_there(till, "invoices", mart), known_there(till, "invoiceitems", mart)) == (1, 2)
    assert there(till, invoice)["total"] == 2 * CASE_FEN
    assert mart.told(invoice) == ["issued"]


def test_what_was_voided_or_written_off_here_is_there_too_and_what_was_voided_there_is_found(
    till: Till, mart: Mart
) -> None:
    first, second, third = drawn(mart), drawn(mart), drawn(mart)
    till.work()
    billing.void_invoice(mart.session, first.id, "wrong", OFFICE, utcnow())
    billing.write_off(mart.session, second.id, "gone", OFFICE, utcnow())
    mart.session.commit()
    till.work()
    assert [there(till, one)["status"] for one in (first, second)] == ["void", "uncollectible"]
    till.session.refresh(third)
    till.call(f"/v1/invoices/{third.invoice_ref}/void", expand="")
    fetch_events(db.session(), till.gateway)
    till.work()
    assert mart.now(third) == ("open", CASE_FEN), "a person decides"
    assert [one.theirs for one in till.findings("invoice_differs")] == [{"state": "void", "paid_fen": 0}]


def compared(till: Till, *refs: object) -> dict[str, list[str]]:
    """Compare both sides; all that was ever found about these invoices: their states and sums there, by kind."""
    reconcile(db.session(), till.gateway, "by_hand", utcnow())
    till.session.rollback()
    found: dict[str, list[str]] = {}
    for one in till.session.scalars(sa.select(Finding).order_by(Finding.id)):
        ref, _colon, what = one.ref.partition(":")
        if ref in refs:
            found.setdefault(one.kind, []).append(what)
    return found


def test_the_comparison_brings_into_step_what_a_lost_job_left_behind(till: Till, mart: Mart) -> None:
    invoice = drawn(mart)
    till.work()
    ref = there(till, invoice)["id"]
    billing.credit_invoice(mart.session, invoice.id, Credit(700, "short"), OFFICE, utcnow())
    match_receipt(mart.session, mart.paid_in(CASE_FEN).id, {invoice.id: CASE_FEN - 700}, OFFICE, utcnow())
    mart.session.commit()
    assert compared(till, ref) == {}
    seen = there(till, invoice)
    assert (seen["status"], seen["pre_payment_credit_notes_amount"], seen["amount_paid_off_stripe"]) == (
        "paid", 700, CASE_FEN - 700
    )  # fmt: skip
    assert faults(mart.session) == []


def test_the_comparison_finds_once_what_was_done_to_invoices_there_by_hand(till: Till, mart: Mart) -> None:
    void, paid, credited, gone = (drawn(mart) for _ in range(4))
    till.work()
    refs = [str(there(till, one)["id"]) for one in (void, paid, credited)]
    till.call(f"/v1/invoices/{refs[0]}/void", expand="")
    till.call(f"/v1/invoices/{refs[1]}/pay", paid_out_of_band="true")
    till.call("/v1/credit_notes", invoice=refs[2], amount="300")
    stranger = till.call("/v1/invoices", customer=there(till, paid)["customer"], collection_method="send_invoice",
                         days_until_due="30", currency="cny")  # fmt: skip
    mart.session.execute(sa.update(Invoice).where(Invoice.id == gone.id).values(invoice_ref="in_gone"))
    mart.session.commit()
    for _ in range(2):
        found = compared(till, *refs, stranger["id"], "in_gone")
    assert sorted(found.pop("invoice_differs")) == [f"{CASE_FEN}-300-0", "paid", "void"]
    assert found == {"orphan_invoice": [""], "invoice_unknown_at_provider": [""]}
    # Ours is the truth of what is owed, until a person has looked.
    assert [mart.now(one) for one in (void, paid, credited)] == [("open", CASE_FEN)] * 3
