"""Organisations are billed for what they received, once; what they transfer pays it, and late payment stops credit."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from orders.bulk.credit import used_fen
from orders.check import faults
from orders.invoices import billing, receipts
from orders.invoices.billing import Credit, HasMoney, NothingToBill
from orders.invoices.mirror import issue_here
from orders.invoices.models import BankAllocation, BankReceipt, Invoice, InvoiceOrder
from orders.invoices.overdue import CreditStopped, lift_stop, remind
from orders.invoices.receipts import Movement, OtherReceipt, TooMuch, match_receipt
from orders.invoices.statement import statement_of
from orders.invoices.statement_file import enter_rows
from orders.invoices.states import Call, InvoiceState, Ours, Theirs, next_call, reminder_on
from orders.payments.models import MoneyEntry
from shop.accounts.models import Organisation
from shop.audit import AuditEntry
from shop.clock import utcnow
from shop.db import db
from shop.errors import Invalid, NotFound, WrongState
from shop.sheets.read import read_sheet
from tests.builders import Builder, today
from tests.orders.billing import CASE_FEN, OFFICE, Mart, mart_of
from tests.orders.supermarkets import bulk_order
from workers.mails.invoice import compose_invoice_mail


@pytest.fixture
def mart(session: Session, build: Builder) -> Mart:
    """A supermarket that buys eggs at ¥120.00 a case."""
    return mart_of(session, build)


def test_what_was_handed_over_is_billed_once_and_stays_credit_used_until_it_is_paid(mart: Mart, app: Flask) -> None:
    session = mart.session
    mart.received(1), mart.received(2)
    bulk_order(session, mart.buyer, mart.organisation, {mart.eggs: 4}, at=mart.counter)
    assert used_fen(session, mart.organisation.id) == 7 * CASE_FEN
    drawn = billing.bill(session, mart.organisation.id, OFFICE, utcnow())
    session.commit()
    assert (drawn.state, drawn.total_fen) == ("draft", 3 * CASE_FEN)
    assert used_fen(session, mart.organisation.id) == 7 * CASE_FEN
    with pytest.raises(NothingToBill):
        billing.bill(session, mart.organisation.id, OFFICE, utcnow())
    session.rollback()
    with app.app_context():
        for _again in range(2):
            issue_here(db.session(), drawn.id)
    assert mart.now(drawn) == ("open", 3 * CASE_FEN)
    assert (drawn.issued_on, drawn.due_on) == (today(), today() + timedelta(days=30))
    assert mart.told(drawn) == ["issued"]
    match_receipt(session, mart.paid_in(3 * CASE_FEN).id, {drawn.id: 3 * CASE_FEN}, OFFICE, utcnow())
    session.commit()
    assert used_fen(session, mart.organisation.id) == 4 * CASE_FEN
    assert faults(session) == []


def test_the_month_is_billed_by_itself_and_only_the_month_before(mart: Mart) -> None:
    old, new = mart.received(), mart.received()
    session = mart.session
    moved = sa.text("UPDATE \"order\" SET closed_at = closed_at - interval '32 days' WHERE id = :id")
    session.execute(moved, {"id": old.id})
    session.commit()
    assert [billing.bill_month(session, utcnow()) for _again in range(2)] == [1, 0]
    assert session.scalars(sa.select(InvoiceOrder.order_id)).all() == [old.id]
    billing.bill(session, mart.organisation.id, OFFICE, utcnow())
    session.commit()
    assert set(session.scalars(sa.select(InvoiceOrder.order_id))) == {old.id, new.id}
    numbers = session.scalars(sa.select(Invoice.number).order_by(Invoice.id)).all()
    assert [number[-3:] for number in numbers] == ["-01", "-02"]


def test_an_order_is_in_one_invoice_and_a_void_one_lets_it_be_billed_again(mart: Mart) -> None:
    session, first = mart.session, mart.invoice()
    billed = session.scalars(sa.select(InvoiceOrder)).one()
    other = Invoice(number="X-1", organisation_id=mart.organisation.id, total_fen=1, terms_days=0)
    session.add(other)
    session.flush()
    twice = sa.insert(InvoiceOrder).values(invoice_id=other.id, order_id=billed.order_id, amount_fen=1)
    with pytest.raises(IntegrityError, match="uq_invoice_order_billed"):
        session.execute(twice)
    session.rollback()
    with pytest.raises(Invalid):
        billing.void_invoice(session, first.id, " ", OFFICE, utcnow())
    billing.void_invoice(session, first.id, "wrong PO number", OFFICE, utcnow())
    again = billing.bill(session, mart.organisation.id, OFFICE, utcnow())
    session.commit()
    assert (mart.now(first), again.total_fen) == (("void", 0), CASE_FEN)
    with pytest.raises(WrongState):
        billing.void_invoice(session, first.id, "again", OFFICE, utcnow())
    session.rollback()
    assert used_fen(session, mart.organisation.id) == CASE_FEN
    assert faults(session) == []


def test_case_27_a_partial_transfer_leaves_the_rest_open(mart: Mart) -> None:
    session, invoice = mart.session, mart.invoice()
    match_receipt(session, mart.paid_in(5_000).id, {invoice.id: 5_000}, OFFICE, utcnow())
    session.commit()
    assert mart.now(invoice) == ("open", CASE_FEN - 5_000)
    with pytest.raises(HasMoney):
        billing.void_invoice(session, invoice.id, "no", OFFICE, utcnow())
    session.rollback()
    rest = mart.paid_in(CASE_FEN - 5_000)
    match_receipt(session, rest.id, {invoice.id: rest.amount_fen}, OFFICE, utcnow())
    session.commit()
    assert mart.now(invoice) == ("paid", 0)
    assert mart.told(invoice) == ["issued", "paid"]
    assert faults(session) == []


def test_case_27_what_is_paid_over_is_the_organisations_credit_and_pays_the_next_invoice(mart: Mart) -> None:
    session, first = mart.session, mart.invoice()
    receipt = mart.paid_in(CASE_FEN + 4_000)
    with pytest.raises(TooMuch):
        match_receipt(session, receipt.id, {first.id: CASE_FEN + 1}, OFFICE, utcnow())
    session.rollback()
    match_receipt(session, receipt.id, {first.id: CASE_FEN}, OFFICE, utcnow())
    session.commit()
    assert (mart.now(first), receipt.left_fen) == (("paid", 0), 4_000)
    second = mart.invoice()
    assert used_fen(session, mart.organisation.id) == CASE_FEN - 4_000
    with pytest.raises(TooMuch):
        match_receipt(session, receipt.id, {second.id: 4_001}, OFFICE, utcnow())
    session.rollback()
    match_receipt(session, receipt.id, {second.id: 4_000}, OFFICE, utcnow())
    session.commit()
    assert mart.now(second) == ("open", CASE_FEN - 4_000)
    kinds = session.execute(sa.select(MoneyEntry.kind, MoneyEntry.ref, MoneyEntry.amount_fen)).all()
    assert kinds == [("bank_in", receipt.bank_ref, CASE_FEN + 4_000)]
    assert faults(session) == []


def test_case_27_the_same_transfer_twice_counts_once_and_another_under_its_number_is_refused(mart: Mart) -> None:
    mart.paid_in(5_000, ref="B-1")
    again = Movement("B-1", mart.organisation.name, 5_000, today())
    assert receipts.enter_receipt(mart.session, again, OFFICE)[1] is False
    with pytest.raises(OtherReceipt):
        receipts.enter_receipt(mart.session, Movement("B-1", mart.organisation.name, 5_001, today()), OFFICE)
    mart.session.rollback()
    assert mart.session.scalar(sa.select(sa.func.sum(MoneyEntry.amount_fen))) == 5_000


def test_case_27_money_of_an_unknown_payer_waits_for_a_person(mart: Mart, build: Builder) -> None:
    session, invoice = mart.session, mart.invoice()
    receipt = mart.paid_in(CASE_FEN, payer="Somebody Ltd")
    assert receipt.organisation_id is None
    with pytest.raises(WrongState):
        match_receipt(session, receipt.id, {invoice.id: CASE_FEN}, OFFICE, utcnow())
    session.rollback()
    with pytest.raises(Invalid):
        receipts.assign_receipt(session, receipt.id, mart.organisation.id, "", OFFICE)
    session.rollback()
    receipts.assign_receipt(session, receipt.id, mart.organisation.id, "their parent, called", OFFICE)
    match_receipt(session, receipt.id, {invoice.id: CASE_FEN}, OFFICE, utcnow())
    session.commit()
    assert mart.now(invoice) == ("paid", 0)
    # The next transfer of that payer is known; money nobody wants goes back, once.
    assert mart.paid_in(100, payer="Somebody Ltd").organisation_id == mart.organisation.id
    stray = mart.paid_in(700, payer="A mistake")
    receipts.return_receipt(session, stray.id, "sent back, T-9", OFFICE)
    session.commit()
    with pytest.raises(WrongState):
        receipts.return_receipt(session, stray.id, "twice", OFFICE)
    session.rollback()
    assert session.scalar(sa.select(MoneyEntry.amount_fen).where(MoneyEntry.kind == "bank_out")) == -700
    assert faults(session) == []


def test_case_27_nobody_pays_anothers_invoice_whatever_is_asked(mart: Mart, build: Builder) -> None:
    session, invoice = mart.session, mart.invoice()
    other = Organisation(code="OTHER", name="Other market")
    session.add(other)
    session.commit()
    receipt = mart.paid_in(CASE_FEN, payer=other.name)
    with pytest.raises(NotFound):
        match_receipt(session, receipt.id, {invoice.id: CASE_FEN}, OFFICE, utcnow())
    session.rollback()
    wrong = {"receipt_id": receipt.id, "invoice_id": invoice.id, "amount_fen": 1, "matched_by": "x"}
    with pytest.raises(IntegrityError, match="same_organisation"):
        session.execute(sa.insert(BankAllocation).values(wrong))


def test_case_27_a_match_with_the_wrong_invoice_is_taken_back_while_it_is_open(mart: Mart) -> None:
    session, first, second = mart.session, mart.invoice(), mart.invoice()
    receipt = mart.paid_in(CASE_FEN)
    match_receipt(session, receipt.id, {first.id: 7_000}, OFFICE, utcnow())
    receipts.unmatch(session, receipt.id, first.id, OFFICE)
    match_receipt(session, receipt.id, {second.id: CASE_FEN}, OFFICE, utcnow())
    session.commit()
    assert (mart.now(first), mart.now(second)) == (("open", CASE_FEN), ("paid", 0))
    with pytest.raises(WrongState):
        receipts.unmatch(session, receipt.id, second.id, OFFICE)
    session.rollback()
    assert faults(session) == []


def test_case_27_a_banks_file_is_taken_row_by_row(mart: Mart, app: Flask) -> None:
    rows = [
        "银行流水号,日期,付款方,金额", f"F-1,{today()},{mart.organisation.name},120.00",
        'F-2,2026/01/31,乙方公司,"1,000.5"', f"F-1,{today()},{mart.organisation.name},120.00",
        f"F-1,{today()},{mart.organisation.name},121.00", "F-3,yesterday,x,1", "F-4,2026-01-31,x,1.234",
        "F-5,2026-01-31,x,-5", ",2026-01-31,x,5", "F-6,2999-01-01,x,5", "",
    ]  # fmt: skip
    with app.test_request_context():
        sheet = read_sheet(io.BytesIO("\r\n".join(rows).encode("gb18030")), "bank.csv")
        found = enter_rows(db.session(), sheet, OFFICE)
        with pytest.raises(Invalid):
            enter_rows(db.session(), sheet[1:], OFFICE)
    assert [(one.row, one.outcome) for one in found] == [
        (2, "entered"), (3, "entered"), (4, "known"), *((row, "refused") for row in range(5, 11))
    ]  # fmt: skip
    assert mart.session.execute(sa.select(BankReceipt.bank_ref, BankReceipt.amount_fen, BankReceipt.payer)).all() == [
        ("F-1", 12_000, mart.organisation.name), ("F-2", 100_050, "乙方公司"),
    ]  # fmt: skip
    assert faults(mart.session) == []


def test_goods_short_after_billing_are_taken_off_and_money_already_paid_is_free_again(mart: Mart) -> None:
    session, invoice = mart.session, mart.invoice(2)
    receipt = mart.paid_in(2 * CASE_FEN)
    match_receipt(session, receipt.id, {invoice.id: CASE_FEN}, OFFICE, utcnow())
    billing.credit_invoice(session, invoice.id, Credit(2_000, "short", "two packs"), OFFICE, utcnow())
    session.commit()
    assert mart.now(invoice) == ("open", CASE_FEN - 2_000)
    match_receipt(session, receipt.id, {invoice.id: CASE_FEN - 2_000}, OFFICE, utcnow())
    billing.credit_invoice(session, invoice.id, Credit(3_000, "goods"), OFFICE, utcnow())
    session.commit()
    assert mart.now(invoice) == ("paid", 0)
    session.refresh(receipt)
    assert (receipt.left_fen, invoice.credited_fen) == (5_000, 5_000)
    with pytest.raises(Invalid):
        billing.credit_invoice(session, invoice.id, Credit(2 * CASE_FEN - 4_999, "short"), OFFICE, utcnow())
    session.rollback()
    assert faults(session) == []


def test_case_28_an_overdue_invoice_stops_new_orders_until_it_is_paid(mart: Mart) -> None:
    session, invoice = mart.session, mart.invoice(due_in=0)

    def order() -> None:
        bulk_order(session, mart.buyer, mart.organisation, {mart.eggs: 1}, at=mart.counter)

    order()  # due today is not late
    invoice.due_on = today() - timedelta(days=1)
    session.commit()
    with pytest.raises(CreditStopped) as stop:
        order()
    session.rollback()
    assert stop.value.errors == [{"invoice": invoice.number, "owed_fen": CASE_FEN}]
    assert invoice.total_fen == CASE_FEN, "no interest comes by itself"
    match_receipt(session, mart.paid_in(CASE_FEN).id, {invoice.id: CASE_FEN}, OFFICE, utcnow())
    session.commit()
    order()


def test_case_28_the_office_lifts_the_stop_until_a_day_and_says_why(mart: Mart) -> None:
    session, invoice = mart.session, mart.invoice(due_in=-9)
    for until, reason in ((today(), " "), (today() - timedelta(days=1), "x"), (today() + timedelta(days=61), "x")):
        with pytest.raises(Invalid):
            lift_stop(session, mart.organisation.id, until, reason, OFFICE, utcnow())
    lift_stop(session, mart.organisation.id, today(), "paid, on its way", OFFICE, utcnow())
    session.commit()
    bulk_order(session, mart.buyer, mart.organisation, {mart.eggs: 1}, at=mart.counter)
    written = session.scalars(sa.select(AuditEntry.after).where(AuditEntry.action == "credit_stop.lifted")).one()
    assert written == {"until": today().isoformat(), "reason": "paid, on its way"}
    session.execute(sa.text("UPDATE credit_stop_lift SET until_on = until_on - 1"))
    billing.write_off(session, invoice.id, "gone", OFFICE, utcnow())
    session.commit()
    with pytest.raises(CreditStopped):
        bulk_order(session, mart.buyer, mart.organisation, {mart.eggs: 1}, at=mart.counter)


def test_case_28_reminders_go_out_once_each_three_days_before_and_one_and_seven_after(mart: Mart, app: Flask) -> None:
    session, invoice = mart.session, mart.invoice()
    for late in (-30, -4, -3, -3, -1, 0, 1, 1, 5, 7, 8, 21):
        invoice.due_on = today() - timedelta(days=late)
        invoice.issued_on = invoice.due_on - timedelta(days=30)
        session.commit()
        remind(session, utcnow())
    assert mart.told(invoice) == ["issued", "due_soon", "overdue", "overdue_week"]
    match_receipt(session, mart.paid_in(CASE_FEN).id, {invoice.id: CASE_FEN}, OFFICE, utcnow())
    session.commit()
    with app.test_request_context():
        read = lambda kind: compose_invoice_mail(db.session(), invoice.id, kind, mart.buyer.id)  # noqa: E731
        assert read("overdue") is None, "a reminder that is no longer true is not sent"
        paid = read("paid")
        assert paid is not None
        assert invoice.number in paid.subject


def test_a_reminder_waits_for_its_day_and_never_comes_on_the_day_of_the_invoice() -> None:
    issued, due = date(2026, 11, 1), date(2026, 12, 1)
    days = [issued + timedelta(days=n) for n in range(60)]
    told = [((day - due).days, reminder_on(issued, due, day)) for day in days]
    first = {kind: min(late for late, one in told if one == kind) for kind in ("due_soon", "overdue", "overdue_week")}
    assert first == {"due_soon": -3, "overdue": 1, "overdue_week": 7}
    assert max(late for late, kind in told if kind) == 20
    assert reminder_on(due, due, due) is None
    assert reminder_on(due - timedelta(days=2), due, due) is None


def test_a_statement_adds_up_from_month_to_month(mart: Mart) -> None:
    session, this = mart.session, today().replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    old, new, wrong = mart.invoice(), mart.invoice(2), mart.invoice(3)
    old.issued_on, old.due_on = last, last
    session.commit()
    receipt = mart.paid_in(CASE_FEN + 500, day=this)
    match_receipt(session, receipt.id, {old.id: CASE_FEN}, OFFICE, utcnow())
    billing.credit_invoice(session, new.id, Credit(700, "short"), OFFICE, utcnow())
    billing.void_invoice(session, wrong.id, "twice", OFFICE, utcnow())
    receipts.return_receipt(session, receipt.id, "asked for it", OFFICE)
    session.commit()
    before, now = (statement_of(session, mart.organisation.id, month) for month in (last, this))
    assert (before.opening_fen, before.closing_fen, now.opening_fen) == (0, CASE_FEN, CASE_FEN)
    assert sorted((one.kind, one.amount_fen) for one in now.entries) == [
        ("credit_note", -700), ("invoice", 2 * CASE_FEN), ("invoice", 3 * CASE_FEN), ("receipt", -CASE_FEN - 500),
        ("returned", 500), ("void", -3 * CASE_FEN),
    ]  # fmt: skip
    assert now.closing_fen == now.entries[-1].balance_fen == 2 * CASE_FEN - 700
    # The orders of the void invoice are not billed, and owed all the same.
    assert used_fen(session, mart.organisation.id) == now.closing_fen + 3 * CASE_FEN


def test_the_next_call_always_brings_both_books_nearer() -> None:
    draft = Ours(InvoiceState.DRAFT, 5, {1: 2, 2: 3}, {}, sent=False)
    issued = Ours(InvoiceState.OPEN, 5, {1: 2, 2: 3}, {}, sent=True)
    there = Theirs("open", 5, frozenset({1, 2}), frozenset())
    credited = Ours(InvoiceState.PAID, 5, {1: 2, 2: 3}, {9: 1}, sent=True)
    expected = [
        (draft, None, Call.CREATE), (issued, None, None),
        (draft, Theirs("draft", 2, frozenset({1}), frozenset()), "lines"),
        (draft, Theirs("draft", 5, frozenset({1, 2}), frozenset()), "final"), (issued, there, None),
        (Ours(InvoiceState.OPEN, 5, {}, {}, sent=False), there, "send"), (credited, there, "credit"),
        (Ours(InvoiceState.VOID, 5, {1: 2}, {}, sent=False), there, "void"),
        (Ours(InvoiceState.PAID, 5, {1: 2}, {}, sent=True), there, "oob"),
        (Ours(InvoiceState.UNCOLLECTIBLE, 5, {}, {}, sent=True), there, "write-off"),
        (credited, Theirs("paid", 5, frozenset({1, 2}), frozenset()), "credit"),
        (credited, Theirs("paid", 5, frozenset({1, 2}), frozenset({9})), None),
        (issued, Theirs("void", 5, frozenset({1, 2}), frozenset()), None),
    ]  # fmt: skip
    assert [next_call(ours, theirs) for ours, theirs, _call in expected] == [call for *_both, call in expected]
