"""The office finds an order, reads its timeline, changes a price; no edit is lost, no list asks more as it grows."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import PriceChange, Product, Sku
from orders.consignments.models import ReorderPoint
from orders.consignments.proposals import propose_by_hand
from orders.fulfilment.assign import route_order
from orders.models import Order
from orders.notifications.compose import notify_suppliers
from shop.audit import AuditEntry
from shop.clock import utcnow
from tests.accounts.people import csrf_token, person, post, sign_in
from tests.builders import GUEST, Builder, order, today
from tests.counting import Counted
from tests.orders.supermarkets import supermarket


@pytest.fixture
def office(app: Flask, client: FlaskClient, session: Session) -> FlaskClient:
    """A browser in which the office is signed in."""
    sign_in(client, person(app, session, "office").email)
    client.post("/language", data={"locale": "en", "csrf_token": csrf_token(client)})
    return client


@pytest.fixture
def placed(session: Session, build: Builder) -> Order:
    """An order of eggs that has found its counter, and whose cooperative was told."""
    counter = build.counter("WH-01")
    build.lot(build.sku("EGGS", price_fen=1980), at=counter, quantity=50)
    eggs = session.scalars(select(Sku)).one()
    found = order(session, {eggs: 2}, at=counter)
    route_order(session, found.id, utcnow())
    notify_suppliers(session, found.id)
    session.commit()
    return found


def seen(page: str) -> str:
    """The sign of what a form was made from."""
    found = re.search(r'name="seen"[^>]*value="([0-9a-f]{32})"', page)
    assert found, page
    return found[1]


def sku_form(page: str, **changes: str) -> dict[str, str]:
    """A SKU's form as it stands, with changes."""
    fields = {"pack_names-zh": "一份", "pack_names-en": "one pack", "case_pack": "12", "max_per_order": "99999",
              "low_stock": "10", "active": "y", "price_fen": "19.80", "seen": seen(page)}  # fmt: skip
    return {**fields, **changes}


@pytest.mark.parametrize("typed", ["number", "顾客", "1380000", "customer@mail"])
def test_an_order_is_found_by_number_name_phone_and_mail(office: FlaskClient, placed: Order, typed: str) -> None:
    text = placed.number[:7] if typed == "number" else typed
    page = office.get("/office/orders", query_string={"q": text}).text
    assert placed.number in page
    assert "13800001234" not in page, "lists mask the customer"
    assert placed.number not in office.get("/office/orders?q=nobody").text
    assert placed.number not in office.get("/office/orders?status=cancelled").text


def test_a_whole_number_opens_its_order_with_everything_that_happened(office: FlaskClient, placed: Order) -> None:
    answer = office.get("/office/orders", query_string={"q": placed.number.lower()})
    assert answer.status_code == 303
    page = office.get(answer.location).text
    for told in ("Order placed", "Order moved on", "Given to a counter", "The cooperative was told what was sold"):
        assert told in page, told
    assert "13800001234" in page


def test_the_office_cancels_an_order_in_its_own_name(office: FlaskClient, placed: Order, session: Session) -> None:
    assert post(office, f"/office/orders/{placed.number}/cancel").status_code == 303
    assert session.scalars(select(Order.status)).one() == "cancelled"
    moved = session.scalars(select(AuditEntry).where(AuditEntry.action == "order.moved")).all()[-1]
    assert moved.actor == "office@people.example"


def test_a_new_price_is_on_the_storefront_at_once_and_in_the_audit(
    office: FlaskClient, placed: Order, session: Session
) -> None:
    sku = session.scalars(select(Sku)).one()
    form = sku_form(office.get(f"/office/skus/{sku.id}").text, price_fen="21.05")
    assert post(office, f"/office/skus/{sku.id}", **form).status_code == 303
    assert "¥21.05" in office.get("/p/eggs").text
    entry = session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "sku")).one()
    assert (entry.before, entry.after, entry.actor) == (
        {"price_fen": 1980}, {"price_fen": 2105}, "office@people.example"
    )  # fmt: skip
    change = session.scalars(select(PriceChange)).one()
    assert (change.old_fen, change.new_fen) == (1980, 2105)
    assert session.scalars(select(Order.total_fen)).one() == 3960, "what was ordered keeps its price"


def test_the_second_of_two_editors_is_told_and_loses_nothing(
    office: FlaskClient, placed: Order, session: Session
) -> None:
    sku = session.scalars(select(Sku)).one()
    both_saw = office.get(f"/office/skus/{sku.id}").text
    assert post(office, f"/office/skus/{sku.id}", **sku_form(both_saw, price_fen="21.00")).status_code == 303
    late = post(office, f"/office/skus/{sku.id}", **sku_form(both_saw, price_fen="22.00"))
    assert late.status_code == 409
    assert "21.00" in late.text and 'value="22.00"' in late.text
    session.expire_all()
    assert session.get_one(Sku, sku.id).price_fen == 2100
    # Having seen both, the second editor may save on purpose.
    assert post(office, f"/office/skus/{sku.id}", **sku_form(late.text, price_fen="22.00")).status_code == 303
    session.expire_all()
    assert session.get_one(Sku, sku.id).price_fen == 2200


@pytest.mark.parametrize("price", ["0", "-3", "1.234", "NaN", "1e9", "", "九块"])
def test_a_price_that_is_none_is_refused_and_stays_typed(
    office: FlaskClient, placed: Order, session: Session, price: str
) -> None:
    sku = session.scalars(select(Sku)).one()
    form = sku_form(office.get(f"/office/skus/{sku.id}").text, price_fen=price)
    answer = post(office, f"/office/skus/{sku.id}", **form)
    assert answer.status_code == 422
    assert f'value="{price}"' in answer.text
    session.expire_all()
    assert session.get_one(Sku, sku.id).price_fen == 1980


def test_a_renamed_product_is_found_by_its_new_name(office: FlaskClient, placed: Order, session: Session) -> None:
    product = session.scalars(select(Product)).one()
    page = office.get(f"/office/products/{product.id}").text
    form = {"names-zh": "雪域鸡蛋", "names-en": "Snow eggs", "story-zh": "好吃。", "storage_advice-zh": "阴凉处",
            "category_id": str(product.category_id), "position": "1000", "active": "y", "seen": seen(page)}  # fmt: skip
    assert post(office, f"/office/products/{product.id}", **form).status_code == 303
    assert "Snow eggs" in office.get("/search?q=xueyu").text
    assert post(office, f"/office/products/{product.id}", **{**form, "names-zh": ""}).status_code == 422


# Statements a page of the office takes, seven of them to know who is signed in and what their cart holds.
BUDGETS = {
    "": 12, "orders": 9, "products": 10, "skus": 9, "stock": 10, "cooperatives": 9, "counters": 10, "users": 9,
    "organisations": 9, "notices": 9, "audit": 9, "jobs": 9, "search?q=wh-": 30,
    "consignments": 10, "consignments/map": 13,
}  # fmt: skip


def test_no_list_asks_more_as_it_grows(
    office: FlaskClient, placed: Order, session: Session, build: Builder, queries: Counted
) -> None:
    def asked(path: str) -> int:
        return queries.of(office, f"/office/{path}")

    short = {path: asked(path) for path in BUDGETS}
    counter = build.counter("WH-02")
    for number in range(6):
        build.counter(f"WH-MORE-{number}")
        supermarket(session, 1, f"MORE-{number}")
        sku = build.sku(f"MORE-{number}")
        build.lot(sku, at=counter, quantity=50)
        session.add(ReorderPoint(counter_id=counter.id, sku_id=sku.id, point=9, up_to=20))
        soon = today() + timedelta(days=9)
        propose_by_hand(session, sku.product.cooperative_id, counter.id, soon, {sku.id: 9}, GUEST, utcnow())
    for sku in session.scalars(select(Sku).where(Sku.code.like("MORE-%"))):
        one = order(session, {sku: 1}, at=counter)
        route_order(session, one.id, utcnow())
        notify_suppliers(session, one.id)
    session.commit()
    long = {path: asked(path) for path in BUDGETS}
    assert {path: (short[path], long[path]) for path in BUDGETS if long[path] > short[path]} == {}
    assert {path: count for path, count in long.items() if count > BUDGETS[path]} == {}
