"""Machines place, follow and cancel orders, and what they send twice is done once."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from orders.check import faults
from orders.models import Order
from shop.db import db
from tests.accounts.people import api_key, person
from tests.builders import Builder


@pytest.fixture
def eggs(build: Builder) -> Sku:
    """Ten packs of eggs at a counter called WH-1."""
    sku = build.sku(code="EGG-30", price_fen=4_500)
    build.lot(sku, at=build.counter(code="WH-1"), quantity=10)
    build.commit()
    return sku


def wish(quantity: Any = 2, **changes: Any) -> dict[str, Any]:
    """The body of an order of eggs."""
    return {
        "lines": [{"sku": "EGG-30", "quantity": quantity}],
        "contact": {"name": "Demo guest", "phone": "138 0000 0000"},
        "fulfilment": {"method": "pickup", "counter": "WH-1"},
        "payment": {"method": "at_counter"},
    } | changes


def orders_in(session: Session) -> int:
    session.commit()
    return session.scalar(sa.select(sa.func.count()).select_from(Order)) or 0


def test_a_guest_places_reads_and_cancels_an_order(client: FlaskClient, session: Session, eggs: Sku) -> None:
    answer = client.post("/api/v1/orders", json=wish())
    assert answer.status_code == 201
    placed = answer.json
    assert placed["total_fen"] == 9_000
    assert placed["status"] == "confirmed"
    assert placed["counter"] == "WH-1"
    due = {"method": "at_counter", "status": "due", "paid_fen": 0, "refunded_fen": 0, "returning_fen": 0}
    assert placed["payment"] == due | {"intent": None, "client_secret": None, "expires_at": None}
    assert placed["lines"] == [
        {"sku": "EGG-30", "names": placed["lines"][0]["names"], "quantity": 2, "cancelled": 0, "price_fen": 4_500,
         "total_fen": 9_000, "by_weight": None, "weighed_packs": 0, "weighed_g": 0}
    ]  # fmt: skip
    address, key = f"/api/v1/orders/{placed['number']}", {"X-Access-Key": placed["access_key"]}
    assert client.get(address).status_code == 404
    assert client.get(address, headers={"X-Access-Key": "wrong"}).status_code == 404
    assert client.get(f"{address}?access_key={placed['access_key']}").json["number"] == placed["number"]
    read = client.get(address, headers=key).json
    assert read["can_cancel"]
    assert "access_key" not in read
    assert [event["kind"] for event in read["timeline"]] == ["order.confirmed"]
    cancelled = client.post(f"{address}/cancel", headers=key)
    assert cancelled.status_code == 200
    assert cancelled.json["status"] == "cancelled"
    assert cancelled.json["payment"]["status"] == "void"
    again = client.post(f"{address}/cancel", headers=key)
    assert (again.status_code, again.json["code"]) == (409, "cannot_cancel")
    assert client.get("/api/v1/products").json["items"][0]["skus"][0]["available"] == 10
    assert faults(session) == []


def test_an_order_of_three_lines_takes_nine_statements_and_is_answered_as_it_is_read_afterwards(
    app: Flask, client: FlaskClient, build: Builder
) -> None:
    counter = build.counter(code="WH-1")
    codes = [build.lot(build.sku(code=code), at=counter, quantity=5).sku.code for code in ("EGG", "YAK", "BARLEY")]
    build.commit()
    asked: list[str] = []
    with app.app_context():
        sa.event.listen(db.engine, "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement))
    order = wish(lines=[{"sku": code, "quantity": index} for index, code in enumerate(codes, 1)])
    answer = client.post("/api/v1/orders", json=order, headers={"Idempotency-Key": "three-lines"})
    assert answer.status_code == 201
    assert len(asked) == 9, asked
    placed = dict(answer.json)
    key = placed.pop("access_key")
    del placed["payment"]["client_secret"]
    assert placed == client.get(f"/api/v1/orders/{placed['number']}", headers={"X-Access-Key": key}).json


def test_too_many_packs_name_what_is_left_and_hold_nothing(client: FlaskClient, eggs: Sku) -> None:
    answer = client.post("/api/v1/orders", json=wish(11))
    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "insufficient_stock"
    assert answer.json["errors"] == [{"sku": "EGG-30", "wanted": 11, "available": 10}]
    assert client.post("/api/v1/orders", json=wish(10)).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (wish(0), "lines.0.quantity"),
        (wish(-1), "lines.0.quantity"),
        (wish(2**63), "lines.0.quantity"),
        (wish(1.5), "lines.0.quantity"),
        (wish(True), "lines.0.quantity"),
        (wish("2"), "lines.0.quantity"),
        (wish(lines=[]), "lines"),
        (wish(lines=[{"sku": "NO-SUCH", "quantity": 1}]), "lines.0.sku"),
        (wish(lines=[{"sku": "EGG-30", "quantity": 1}] * 2), "lines.1.sku"),
        (wish(colour="red"), "colour"),
        (wish(total_fen=1), "total_fen"),
        (wish(contact={"name": "x", "phone": "12"}), "contact.phone"),
        (wish(contact={"name": "x\x00y", "phone": "13800000000"}), "contact.name"),
        (wish(contact={"name": "\ud800", "phone": "13800000000"}), "contact.name"),
        (wish(fulfilment={"method": "pickup"}), "fulfilment.counter"),
        (wish(fulfilment={"method": "pickup", "counter": "WH-9"}), "fulfilment.counter"),
        (wish(fulfilment={"method": "delivery", "counter": "WH-1"}), "fulfilment.address"),
        (wish(payment={"method": "shells"}), "payment.method"),
    ],
)
def test_what_is_wrong_with_an_order_is_named_and_nothing_is_placed(
    client: FlaskClient, session: Session, eggs: Sku, body: dict[str, Any], field: str
) -> None:
    answer = client.post("/api/v1/orders", json=body)
    assert answer.status_code == 422, answer.json
    assert answer.content_type == "application/problem+json"
    assert field in [error["field"] for error in answer.json["errors"]]
    assert orders_in(session) == 0


def test_a_body_that_is_no_json_is_a_problem_too(client: FlaskClient, eggs: Sku) -> None:
    answer = client.post("/api/v1/orders", data="{", content_type="application/json")
    assert answer.status_code in {400, 422}
    assert answer.content_type == "application/problem+json"


def test_an_order_at_another_total_than_expected_is_refused(client: FlaskClient, session: Session, eggs: Sku) -> None:
    answer = client.post("/api/v1/orders", json=wish(expected_total_fen=8_999))
    assert (answer.status_code, answer.json["code"]) == (409, "price_changed")
    assert answer.json["errors"] == [{"total_fen": 9_000}]
    assert orders_in(session) == 0


def test_a4_the_same_key_does_the_same_request_once(client: FlaskClient, session: Session, eggs: Sku) -> None:
    key = {"Idempotency-Key": "a4-the-same-key"}
    first = client.post("/api/v1/orders", json=wish(), headers=key)
    again = client.post("/api/v1/orders", json=wish(), headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == first.json
    assert orders_in(session) == 1


def test_a4_the_same_key_with_another_body_or_route_is_refused(
    client: FlaskClient, session: Session, eggs: Sku
) -> None:
    key = {"Idempotency-Key": "a4-another-body"}
    placed = client.post("/api/v1/orders", json=wish(), headers=key).json
    other = client.post("/api/v1/orders", json=wish(3), headers=key)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_used")
    address = f"/api/v1/orders/{placed['number']}/cancel"
    route = client.post(address, headers=key | {"X-Access-Key": placed["access_key"]})
    assert (route.status_code, route.json["code"]) == (409, "idempotency_key_used")
    assert orders_in(session) == 1
    assert session.scalars(sa.select(Order.status)).all() == ["confirmed"]


def test_a4_another_persons_key_is_another_key(app: Flask, client: FlaskClient, session: Session, eggs: Sku) -> None:
    key = {"Idempotency-Key": "a4-two-people"}
    numbers = set()
    for name in ("one", "two"):
        token = api_key(app, session, person(app, session, email=f"{name}@people.example"))
        answer = client.post("/api/v1/orders", json=wish(), headers=key | token)
        assert answer.status_code == 201
        numbers.add(answer.json["number"])
    assert len(numbers) == 2
    assert orders_in(session) == 2


def test_a_refused_request_leaves_its_key_free(
    client: FlaskClient, session: Session, build: Builder, eggs: Sku
) -> None:
    key = {"Idempotency-Key": "try-again-later"}
    assert client.post("/api/v1/orders", json=wish(11), headers=key).status_code == 409
    counter = session.scalars(sa.select(Counter)).one()
    build.lot(eggs, at=counter, quantity=5)
    build.commit()
    later = client.post("/api/v1/orders", json=wish(11), headers=key)
    assert later.status_code == 201
    assert "Idempotent-Replayed" not in later.headers


@pytest.mark.parametrize("key", ["short", "x" * 256, "with spaces and ✓"])
def test_a_key_of_a_wrong_shape_is_refused(client: FlaskClient, eggs: Sku, key: str) -> None:
    answer = client.post("/api/v1/orders", json=wish(), headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_people_list_their_own_orders_page_by_page(
    app: Flask, client: FlaskClient, session: Session, eggs: Sku
) -> None:
    mine = api_key(app, session, person(app, session))
    other = api_key(app, session, person(app, session, email="other@people.example"))
    numbers = [client.post("/api/v1/orders", json=wish(1), headers=mine).json["number"] for _ in range(3)]
    theirs = client.post("/api/v1/orders", json=wish(1), headers=other).json["number"]
    page = client.get("/api/v1/orders?per_page=2", headers=mine).json
    assert [order["number"] for order in page["items"]] == [numbers[2], numbers[1]]
    assert (page["page"], page["per_page"], page["total"]) == (1, 2, 3)
    assert client.get(f"/api/v1/orders/{theirs}", headers=mine).status_code == 404
    assert client.get("/api/v1/orders").status_code == 401
    assert client.get("/api/v1/orders?status=sleeping", headers=mine).status_code == 422
    assert client.get("/api/v1/orders?status=cancelled", headers=mine).json["total"] == 0


def test_a_token_may_do_what_its_scopes_say(app: Flask, client: FlaskClient, session: Session, eggs: Sku) -> None:
    reader = api_key(app, session, person(app, session), "orders:read")
    answer = client.post("/api/v1/orders", json=wish(), headers=reader)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert client.get("/api/v1/orders", headers=reader).status_code == 200
