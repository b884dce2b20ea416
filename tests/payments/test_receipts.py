"""Receipts: they say what the ledger says, only to those it concerns, and a PDF shows its Chinese on any device."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader

from catalogue.models import Product
from orders.access import access_key
from orders.fulfilment.assign import route_order
from orders.lifecycle import cancel_order
from orders.models import OrderLine
from orders.payments.ledger import enter
from orders.payments.refunds import Wish, lock_payment, request_refund
from orders.receipts.contents import net_weight, receipt_of, weighing_text
from shop.app import create_app
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import db, in_transaction
from tests.accounts.people import person, sign_in
from tests.builders import GUEST
from tests.catalogue.test_shelves import counted
from tests.payments.conftest import Till

CLERK = Actor("Demo office")
# The order, its lines, its lots, its ledger; and the page's head.
MOST_STATEMENTS = 6


@pytest.fixture
def door(till: Till) -> Iterator[Flask]:
    """The shop as browsers reach it: one of its own on the same database, because the till stands inside the other's
    context."""
    shop = create_app(till.app.extensions["settings"])
    yield shop
    with shop.app_context():
        db.session.remove()
        db.engine.dispose()


def keyed(till: Till, order_id: int, page: str = "receipt") -> str:
    """The address a guest has from their mail."""
    number = till.order(order_id).number
    return f"/orders/{number}/{page}?key={access_key(number)}"


def routed(till: Till) -> int:
    """A paid order whose packs were taken from a lot."""
    order_id, _intent = till.paid(2)
    in_transaction(till.session, lambda: route_order(till.session, order_id, utcnow()))
    return order_id


def give_back(till: Till, order_id: int, fen: int) -> None:
    """Goodwill."""
    payment_id = till.payment(order_id).id

    def work() -> None:
        _order, payment = lock_payment(till.session, payment_id)
        request_refund(till.session, payment, Wish(fen, "goodwill"), CLERK, utcnow())

    in_transaction(till.session, work)


def read(client: FlaskClient, address: str) -> tuple[str, Any]:
    """The text of a PDF and its reader."""
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Cache-Control"] == "no-store"
    sheet = PdfReader(io.BytesIO(answer.data))
    return "\n".join(page.extract_text() for page in sheet.pages), sheet


def test_a_receipt_says_what_was_bought_from_where_paid_how_and_given_back(till: Till, door: Flask) -> None:
    order_id = routed(till)
    give_back(till, order_id, 1_234)
    till.work()
    found = receipt_of(till.session, till.order(order_id))
    assert found is not None
    assert [(line.packs, line.net_g, line.total_fen, [one.lot for one in line.origins]) for line in found.lines] == [
        (2, 1_000, 9_000, ["L2"])
    ]
    assert [one.amount_fen for one in found.movements] == [9_000, -1_234]
    assert (found.paid_fen, found.back_fen, found.kept_fen) == (9_000, 1_234, 7_766)
    text = door.test_client().get(keyed(till, order_id)).text
    for words in ("收据", found.number, "商品EGG-30", "1 kg", "¥90.00", "银行卡", "-¥12.34", "¥77.66", "发票", "L2"):
        assert words in text, words


def test_the_pdf_carries_its_chinese_font_and_what_somebody_typed_stays_text(till: Till, door: Flask) -> None:
    name = "藏香鸡 <b>糌粑</b> & 青稞"
    till.session.execute(sa.update(Product).values(names={"zh": name, "en": "Chicken & <i>barley</i>", "bo": "བྱ་ཤ།"}))
    till.session.commit()
    order_id = routed(till)
    client = door.test_client()
    text, sheet = read(client, keyed(till, order_id, "receipt.pdf"))
    for words in ("雅砻集", "收据", till.order(order_id).number, name, "¥90.00", "不是发票"):
        assert words in text.replace("\n", ""), words
    fonts = [one.get_object() for one in sheet.pages[0]["/Resources"]["/Font"].values()]
    descriptors = [one["/FontDescriptor"] for one in fonts if "MicroHei" in one["/BaseFont"]]
    assert descriptors
    assert all("/FontFile2" in one for one in descriptors)
    # Stacked letters cannot be set: readers of Tibetan get the Chinese sheet, and their page to print in Tibetan.
    with client.session_transaction() as cookie:
        cookie["locale"] = "bo"
    assert "收据" in read(client, keyed(till, order_id, "receipt.pdf"))[0]
    assert "བྱ་ཤ།" in client.get(keyed(till, order_id)).text
    with client.session_transaction() as cookie:
        cookie["locale"] = "en"
    assert "Chicken & <i>barley</i>" in read(client, keyed(till, order_id, "receipt.pdf"))[0]


def test_a_receipt_is_for_whoever_placed_the_order_and_for_the_office(till: Till, door: Flask) -> None:
    order_id, _intent = till.paid()
    number = till.order(order_id).number
    stranger, office = door.test_client(), door.test_client()
    sign_in(office, person(door, till.session, "office", email="office@people.example").email)
    for page in ("receipt", "receipt.pdf"):
        assert stranger.get(f"/orders/{number}/{page}").status_code == 404
        assert stranger.get(f"/orders/{number}/{page}?key=wrong").status_code == 404
        assert office.get(f"/orders/{number}/{page}").status_code == 200
        assert door.test_client().get(keyed(till, order_id, page)).status_code == 200
    own_page = stranger.get(keyed(till, order_id, "").replace("/?", "?"), follow_redirects=True)
    assert f"/orders/{number}/receipt.pdf" in own_page.text


def test_goods_sold_by_weight_show_what_was_expected_and_what_was_weighed(till: Till) -> None:
    till.paid(2)
    terms = {"per_kg_fen": 3_000, "weight_from_g": 1_200, "weight_to_g": 1_500, "price_fen": 4_500}
    till.session.execute(sa.update(OrderLine).values(**terms))
    till.session.flush()
    line = till.session.scalars(sa.select(OrderLine)).one()
    till.session.refresh(line)
    assert (net_weight(line, 500, 0), weighing_text(line)) == (
        3_000, "¥30.00/kg，预计每份 1.2 kg 至 1.5 kg；称重不足的部分会退款",
    )  # fmt: skip
    line.weighed_packs, line.weighed_g = 2, 2_750
    assert weighing_text(line) == "¥30.00/kg，预计每份 1.2 kg 至 1.5 kg，实称 2.75 kg"
    till.session.rollback()


def test_nothing_paid_nothing_receipted(till: Till, door: Flask) -> None:
    assert door.test_client().get(keyed(till, till.place())).status_code == 404


def test_money_on_its_way_back_is_not_called_back_and_fees_are_no_business_of_customers(till: Till) -> None:
    order_id, _intent = till.paid()
    in_transaction(till.session, lambda: cancel_order(till.session, order_id, GUEST, utcnow()))
    till.call("/test/balance", empty="yes")
    try:
        till.work()
    finally:
        till.call("/test/balance", empty="no")
    payment = till.payment(order_id)
    enter(till.session, "fee", "txn_1", -506, payment, "payment provider")
    till.session.commit()
    found = receipt_of(till.session, till.order(order_id))
    assert found is not None
    assert [one.kind for one in found.movements] == ["charge", "refund"]
    assert (found.kept_fen, found.movements[1].text) == (0, "正在退给您")


def test_a_receipts_page_takes_few_queries(till: Till, door: Flask) -> None:
    order_id, client = routed(till), door.test_client()
    client.get(keyed(till, order_id))
    with counted(door) as sent:
        assert client.get(f"/orders/{till.order(order_id).number}/receipt").status_code == 200
    assert len(sent) <= MOST_STATEMENTS, "\n".join(sent)
