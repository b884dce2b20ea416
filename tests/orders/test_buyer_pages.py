"""The buyer's room without JavaScript: rows, prices, the limit, orders and their repetition."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from orders.bulk.place import earliest_day
from orders.models import Order
from shop.accounts.models import Organisation
from shop.clock import utcnow
from shop.sheets.read import read_sheet
from shop.sheets.workbook import xlsx_file
from shop.sheets.write import Table, csv_lines
from tests.accounts.people import person, post, sign_in
from tests.builders import Builder
from tests.orders.supermarkets import bulk_order, buyer_of, supermarket


class Mart:
    """A signed-in buyer of a supermarket with a limit of ¥1,440.00, and eggs at ¥120.00 a case."""

    def __init__(self, app: Flask, client: FlaskClient, session: Session, build: Builder) -> None:
        coop = build.cooperative()
        self.client, self.session = client, session
        self.counter: Counter = build.counter("WH-01")
        self.eggs: Sku = build.sku("EGGS", price_fen=1000, cooperative=coop)
        build.lot(self.eggs, at=coop, quantity=240)
        self.organisation: Organisation = supermarket(session, 144_000)
        user = person(app, session, "buyer", organisation_id=self.organisation.id)
        sign_in(client, user.email)

    def send(self, do: str, rows: list[tuple[str, str]], **more: Any):
        page = self.client.get("/buyer/").text
        hidden = dict(re.findall(r'type="hidden" (?:value="[^"]*" )?name="(\w+)" value="([^"]*)"', page))
        token = re.search(r'name="token"[^>]*value="([^"]+)"', page)
        assert token is not None
        fields = {
            "csrf_token": hidden["csrf_token"], "token": token[1], "organisation": str(self.organisation.id),
            "counter": self.counter.code, "po_number": "PO-77", "needed_by": earliest_day(utcnow()).isoformat(),
            "do": do, "code": [code for code, _ in rows], "cases": [cases for _, cases in rows], **more,
        }  # fmt: skip
        return self.client.post("/buyer/", data=fields)


@pytest.fixture
def mart(app: Flask, client: FlaskClient, session: Session, build: Builder) -> Mart:
    """The supermarket."""
    return Mart(app, client, session, build)


def test_a_buyer_looks_up_rows_and_orders_them(mart: Mart) -> None:
    looked = mart.send("look", [("eggs", "4")], pasted="EGGS\t8")
    assert looked.status_code == 200
    assert "¥1,440.00" in looked.text and 'id="place"' in looked.text
    placed = mart.send("place", [("EGGS", "12")], expected_total_fen="144000")
    assert placed.status_code == 303
    order = mart.session.scalars(select(Order)).one()
    assert (order.total_fen, order.po_number, order.organisation_id) == (144_000, "PO-77", mart.organisation.id)
    page = mart.client.get(placed.location)
    assert page.status_code == 200 and "PO-77" in page.text and "¥1,440.00" in page.text
    assert order.number in mart.client.get("/buyer/orders?q=PO-7&state=open").text
    again = mart.client.get(f"/buyer/?repeat={order.number}").text
    assert re.search(r'name="cases" value="12"', again)


def test_one_fen_over_the_limit_is_refused_and_nothing_typed_is_lost(mart: Mart) -> None:
    mart.organisation.credit_limit_fen = 143_999
    mart.session.commit()
    refused = mart.send("place", [("EGGS", "12")], expected_total_fen="144000", note="请放冷库门口")
    assert refused.status_code == 409
    for kept in ("¥1,439.99", "¥1,440.00", "¥0.01", "PO-77", "请放冷库门口", 'name="cases" value="12"'):
        assert kept in refused.text, kept
    assert mart.session.scalars(select(Order)).all() == []


def test_rows_that_cannot_be_ordered_say_why(mart: Mart) -> None:
    answer = mart.send("look", [("EGGS", "21"), ("NOTHING", "1"), ("", "3")], pasted="what is this")
    assert answer.status_code == 422
    assert "what is this" in answer.text and 'id="place"' not in answer.text
    assert len(re.findall(r'class="error" id="row-', answer.text)) == 2


def test_a_price_that_changed_meanwhile_is_shown_before_it_is_charged(mart: Mart) -> None:
    answer = mart.send("place", [("EGGS", "12")], expected_total_fen="100")
    assert answer.status_code == 409
    assert re.search(r'name="expected_total_fen"[^>]*value="144000"', answer.text)


def test_nobody_sees_another_organisations_orders(mart: Mart, session: Session) -> None:
    other = supermarket(session, 500_000, "OTHER")
    theirs = bulk_order(session, buyer_of(session, other), other, {mart.eggs: 1}, at=mart.counter)
    assert mart.client.get(f"/buyer/orders/{theirs.number}").status_code == 404
    assert post(mart.client, f"/buyer/orders/{theirs.number}/cancel").status_code == 404
    assert theirs.number not in mart.client.get("/buyer/orders").text
    assert mart.client.get(f"/buyer/?repeat={theirs.number}").status_code == 404


def test_a_cancelled_order_frees_its_part_of_the_limit(mart: Mart) -> None:
    number = mart.send("place", [("EGGS", "12")], expected_total_fen="144000").location.rsplit("/", 1)[1]
    assert mart.client.get(f"/buyer/orders/{number}/cancel").status_code == 200
    assert post(mart.client, f"/buyer/orders/{number}/cancel").status_code == 303
    assert "¥1,440.00" in re.findall(r'id="credit-left">([^<]+)', mart.client.get("/buyer/").text)


def test_a_buyer_without_an_organisation_is_told_what_to_do(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session, "buyer").email)
    assert client.get("/buyer/").status_code == 409


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_of_eighty_goods_becomes_an_order_of_eighty_lines(mart: Mart, build: Builder, kind: str) -> None:
    coop = build.cooperative()
    for number in range(80):
        build.lot(build.sku(f"G-{number}", price_fen=10, cooperative=coop), at=coop, quantity=12)
    build.commit()
    form = read_sheet(io.BytesIO(mart.client.get(f"/buyer/sheet.{kind}").data), f"order.{kind}")
    rows = [(row.cells[0], 1 if row.cells[0].startswith("G-") else "", *row.cells[2:]) for row in form[1:]]
    assert len(rows) == 81
    seen = mart.send("look", [], file=sheet_file(Table(form[0].cells, rows), kind))
    assert seen.status_code == 200 and "¥96.00" in seen.text
    assert len(re.findall(r'name="code" value="G-\d+"', seen.text)) == 80
    placed = mart.send("place", [(f"G-{number}", "1") for number in range(80)], expected_total_fen="9600")
    assert placed.status_code == 303
    assert len(mart.session.scalars(select(Order)).one().lines) == 80


def test_rows_of_a_file_that_cannot_be_taken_are_named_and_kept(mart: Mart) -> None:
    rows = [("EGGS", "2"), ("EGGS", "two"), ("鸡蛋", "3"), ("NOBODY", "1"), *((f"X-{n}", "1") for n in range(110))]
    seen = mart.send("look", [("EGGS", "1")], file=sheet_file(Table(("SKU", "Cases"), rows), "csv"))
    assert seen.status_code == 422
    assert re.findall(r"<li>\D*(\d+)\D*<code>(.+?)</code>", seen.text) == [("3", "EGGS\ttwo"), ("4", "鸡蛋\t3")]
    assert re.search(r'name="cases" value="3"', seen.text), "what was typed and what was sent are one row"
    box = re.search(r'<textarea[^>]*name="pasted"[^>]*>(.*?)</textarea>', seen.text, re.S)
    assert box is not None
    assert box[1].split("\n")[-12:] == [f"X-{n}\t1" for n in range(98, 110)] and 'id="too-many"' in seen.text


def test_a_file_that_cannot_be_read_loses_nothing_that_was_typed(mart: Mart) -> None:
    seen = mart.send("place", [("EGGS", "4")], expected_total_fen="48000", note="请放冷库门口",
                     file=(io.BytesIO(b"PK\3\4nonsense"), "order.xlsx"))  # fmt: skip
    assert seen.status_code == 422 and 'id="problem"' in seen.text
    for kept in ("请放冷库门口", "PO-77", 'name="cases" value="4"'):
        assert kept in seen.text
    assert mart.session.scalars(select(Order)).all() == []


def sheet_file(table: Table, kind: str) -> tuple[io.BytesIO, str]:
    """A table as an upload."""
    content = xlsx_file(table).read() if kind == "xlsx" else "".join(csv_lines(table)).encode()
    return io.BytesIO(content), f"order.{kind}"
