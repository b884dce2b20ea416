"""The office bills, enters transfers and matches them; the buyer sees what is open and due, and nobody else's."""

from __future__ import annotations

import io
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import event
from sqlalchemy.orm import Session

from orders.check import faults
from orders.invoices import billing
from orders.invoices.billing import Credit
from orders.invoices.mirror import issue_here
from orders.invoices.models import BankReceipt, CreditNote, Invoice
from orders.invoices.receipts import match_receipt
from shop.accounts.models import Organisation
from shop.clock import utcnow
from shop.db import db
from tests.accounts.people import csrf_token, person, post, sign_in
from tests.builders import Builder, today
from tests.orders.billing import OFFICE, Mart, mart_of


@pytest.fixture
def mart(session: Session, build: Builder) -> Mart:
    """A supermarket that buys eggs at ¥120.00 a case."""
    return mart_of(session, build)


def browser(app: Flask, session: Session, role: str, **works_for: int) -> FlaskClient:
    """Somebody signed in, reading English."""
    client = app.test_client()
    email = f"{role}-{sum(works_for.values())}@people.example"
    sign_in(client, person(app, session, role, email=email, **works_for).email)
    client.post("/language", data={"locale": "en", "csrf_token": csrf_token(client)})
    return client


def test_the_office_bills_now_enters_a_transfer_and_matches_it(app: Flask, session: Session, mart: Mart) -> None:
    office, buyer = (
        browser(app, session, "office"),
        browser(app, session, "buyer", organisation_id=mart.organisation.id),
    )
    mart.received(2)
    assert "Bill now" in office.get("/office/invoices").text
    account = post(office, f"/office/invoices/organisations/{mart.organisation.id}/bill").location
    invoice = session.scalars(sa.select(Invoice)).one()
    assert invoice.number not in buyer.get("/buyer/invoices").text, "a draft is not shown"
    assert buyer.get(f"/buyer/invoices/{invoice.number}").status_code == 404
    with app.app_context():
        issue_here(db.session(), invoice.id)
    assert invoice.number in office.get(account).text
    typed = {"bank_ref": "B-77", "payer": mart.organisation.name, "amount": "1,000.00", "received_on": str(today())}
    refused = post(office, "/office/bank", **{**typed, "amount": "zehn"})
    assert refused.status_code == 422 and 'value="B-77"' in refused.text and 'value="zehn"' in refused.text
    receipt_page = post(office, "/office/bank", **typed).location
    page = office.get(receipt_page).text
    assert re.search(rf'name="invoice-{invoice.id}" value="240.00"', page)
    post(office, f"{receipt_page}/match", **{f"invoice-{invoice.id}": "100"})
    assert "¥140.00" in buyer.get(f"/buyer/invoices/{invoice.number}").text
    post(office, f"{receipt_page}/match", **{f"invoice-{invoice.id}": "140.01"})
    assert mart.now(invoice) == ("open", 14_000)
    post(office, f"/office/invoices/{invoice.number}/credit", amount="40", reason="short", note="six packs")
    post(office, f"/office/invoices/{invoice.number}/fapiao", fapiao_no="24312000000012345678")
    post(office, f"{receipt_page}/match", **{f"invoice-{invoice.id}": "100"})
    assert mart.now(invoice) == ("paid", 0)
    assert session.scalars(sa.select(CreditNote.amount_fen)).one() == 4_000
    shown = buyer.get(f"/buyer/invoices/{invoice.number}").text
    for told in ("24312000000012345678", "B-77", "six packs", "not a fapiao", "PO-1"):
        assert told in shown, told
    assert "¥-" not in shown and "-¥" in buyer.get("/buyer/statement").text
    assert 'id="closing">-¥800.00' in buyer.get("/buyer/statement").text
    assert faults(session) == []


def test_an_invoice_is_a_file_to_keep_in_chinese_that_says_it_is_no_fapiao(
    app: Flask, session: Session, mart: Mart
) -> None:
    invoice = mart.invoice(1, 2)
    mart.session.execute(sa.update(Organisation).values(name="武汉<b>示范</b>超市"))
    billing.credit_invoice(session, invoice.id, Credit(500, "short", "少六盒"), OFFICE, utcnow())
    match_receipt(session, mart.paid_in(1_000, ref="ICBC-9").id, {invoice.id: 1_000}, OFFICE, utcnow())
    session.commit()
    office, buyer = app.test_client(), app.test_client()
    sign_in(office, person(app, session, "office").email)
    sign_in(buyer, person(app, session, "buyer", organisation_id=mart.organisation.id).email)
    for client, room in ((buyer, "buyer"), (office, "office")):
        page = f"/{room}/invoices/{invoice.number}"
        assert f'href="{page}.pdf"' in client.get(page).text
        answer = client.get(f"{page}.pdf")
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        sheet = PdfReader(io.BytesIO(answer.data))
        text = "".join(one.extract_text() for one in sheet.pages).replace("\n", "")
        for told in ("雅砻集", invoice.number, "武汉<b>示范</b>超市", "¥120.00", "¥240.00", "¥360.00", "少六盒",
                     "-¥5.00", "ICBC-9", "-¥10.00", "¥345.00", "发票"):  # fmt: skip
            assert told in text, told
        fonts = [one.get_object() for one in sheet.pages[0]["/Resources"]["/Font"].values()]
        assert any("/FontFile2" in one["/FontDescriptor"] for one in fonts if "MicroHei" in one["/BaseFont"])
    assert "账单" in text and "不是发票" in text


def test_a_file_of_the_bank_shows_what_became_of_each_row(app: Flask, session: Session, mart: Mart) -> None:
    office = browser(app, session, "office")
    rows = f"bank_ref,received_on,payer,amount\nU-1,{today()},{mart.organisation.name},5\nU-2,{today()},x,five\n"
    data = {"csrf_token": csrf_token(office), "file": (io.BytesIO(rows.encode()), "bank.csv")}
    answer = office.post("/office/bank/upload", data=data)
    assert answer.status_code == 422 and "1 entered, 0 were known, 1 refused" in answer.text
    assert session.scalars(sa.select(BankReceipt.bank_ref)).all() == ["U-1"]
    data = {"csrf_token": csrf_token(office), "file": (io.BytesIO(b"\x00\x01"), "bank.csv")}
    assert office.post("/office/bank/upload", data=data).status_code == 303


def test_case_28_a_stopped_buyer_reads_why_and_the_office_lifts_it(app: Flask, session: Session, mart: Mart) -> None:
    office, buyer = (
        browser(app, session, "office"),
        browser(app, session, "buyer", organisation_id=mart.organisation.id),
    )
    invoice = mart.invoice(due_in=-2)
    for page in ("/buyer/", "/buyer/invoices"):
        assert invoice.number in buyer.get(page).text, page
    assert invoice.number in office.get("/office/invoices?state=overdue").text
    account = f"/office/invoices/organisations/{mart.organisation.id}"
    assert 'id="stopped"' in office.get(account).text
    post(office, f"{account}/lift", until=str(today()), reason="on its way")
    assert 'id="stopped"' not in office.get(account).text and "on its way" in office.get(account).text
    assert invoice.number not in buyer.get("/buyer/").text


def test_nobody_sees_another_organisations_invoices(app: Flask, session: Session, mart: Mart) -> None:
    other = Organisation(code="OTHER", name="Other market")
    session.add(other)
    session.commit()
    stranger, invoice = browser(app, session, "buyer", organisation_id=other.id), mart.invoice()
    assert stranger.get(f"/buyer/invoices/{invoice.number}").status_code == 404
    assert stranger.get(f"/buyer/invoices/{invoice.number}.pdf").status_code == 404
    for page in ("/buyer/invoices", f"/buyer/statement?organisation={mart.organisation.id}"):
        text = stranger.get(page).text
        assert invoice.number not in text and mart.organisation.name not in text, page


# Statements of each page, seven of them to know who is signed in and what their cart holds.
BUDGETS = {
    "/office/invoices": 11, "/office/bank": 9, "/office/invoices/{number}": 12, "/buyer/invoices": 12,
    "/buyer/invoices/{number}": 12, "/buyer/statement": 10, "/office/bank/{receipt}": 13,
}  # fmt: skip


def test_no_page_of_money_owed_asks_more_as_it_grows(app: Flask, session: Session, mart: Mart) -> None:
    browsers = {"office": browser(app, session, "office"),
                "buyer": browser(app, session, "buyer", organisation_id=mart.organisation.id)}  # fmt: skip
    asked = [0]

    def count(path: str, **names: object) -> int:
        before = asked[0]
        address = path.format(**names)
        assert browsers[address.split("/")[1]].get(address).status_code == 200
        return asked[0] - before

    def grow(orders: int) -> dict[str, object]:
        invoice = mart.invoice(*[1] * orders)
        receipt = mart.paid_in(300)
        match_receipt(session, receipt.id, {invoice.id: 100}, OFFICE, utcnow())
        session.commit()
        return {"number": invoice.number, "receipt": receipt.id}

    names = grow(1)
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *_: asked.__setitem__(0, asked[0] + 1))
    short = {path: count(path, **names) for path in BUDGETS}
    names = grow(3)
    grow(2)
    long = {path: count(path, **names) for path in BUDGETS}
    assert {path: (short[path], long[path]) for path in BUDGETS if long[path] > short[path]} == {}
    assert {path: counted for path, counted in long.items() if counted > BUDGETS[path]} == {}
