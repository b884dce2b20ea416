"""An organisation's machine orders whole cases on account, within its limit."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from orders.check import faults
from shop.accounts.models import Organisation
from tests.accounts.people import api_key, person
from tests.builders import Builder
from tests.orders.supermarkets import supermarket
from tests.orders.test_api_orders import wish

TO_A_DOOR = {"method": "delivery", "address": {"district": "江汉区", "street": "解放大道 1 号"}}


class Mart:
    """A supermarket with a limit of exactly 24 packs of eggs, and its machine."""

    def __init__(self, app: Flask, client: FlaskClient, session: Session, build: Builder) -> None:
        self.client = client
        cooperative = build.cooperative("CHANGZHU")
        sku = build.sku(code="EGG-30", cooperative=cooperative, price_fen=4_500)
        build.counter(code="WH-1")
        build.lot(sku, at=cooperative, quantity=120)
        self.organisation: Organisation = supermarket(session, 24 * 4_500)
        build.commit()
        buyer = person(app, session, "buyer", organisation_id=self.organisation.id)
        self.key = api_key(app, session, buyer)

    def order(self, packs: int, **changes: Any) -> Any:
        body = wish(packs, payment={"method": "on_account"}, organisation="MART", po_number="PO-77") | changes
        return self.client.post("/api/v1/orders", json=body, headers=self.key)


@pytest.fixture
def mart(app: Flask, client: FlaskClient, session: Session, build: Builder) -> Mart:
    return Mart(app, client, session, build)


def test_a_machine_orders_on_account_up_to_the_last_fen(mart: Mart, session: Session) -> None:
    placed = mart.order(24)
    assert placed.status_code == 201, placed.json
    assert (placed.json["kind"], placed.json["po_number"], placed.json["total_fen"]) == ("bulk", "PO-77", 108_000)
    assert placed.json["payment"]["method"] == "on_account"
    over = mart.order(12)
    assert (over.status_code, over.json["code"]) == (409, "credit_exceeded")
    assert over.json["errors"][0]["over_fen"] == 54_000
    assert mart.client.get("/api/v1/orders", headers=mart.key).json["total"] == 1
    assert faults(session) == []


@pytest.mark.parametrize(
    ("packs", "changes", "field"),
    [
        (13, {}, "lines.0.quantity"),
        (12, {"organisation": "NOBODY"}, "organisation"),
        (12, {"needed_by": "2020-01-01"}, "needed_by"),
        (12, {"payment": {"method": "at_counter"}}, "organisation"),
        (
            12,
            {"fulfilment": {"method": "delivery", "address": {"district": "江汉区", "street": "1"}}},
            "fulfilment.method",
        ),
    ],
)
def test_what_does_not_go_on_account_is_named(mart: Mart, packs: int, changes: dict[str, Any], field: str) -> None:
    answer = mart.order(packs, **changes)
    assert answer.status_code == 422, answer.json
    assert field in [error["field"] for error in answer.json["errors"]]


def test_only_its_members_order_for_an_organisation(mart: Mart, app: Flask, session: Session) -> None:
    assert mart.client.post("/api/v1/orders", json=order_of(12)).status_code == 401
    stranger = api_key(app, session, person(app, session, "office", email="o@people.example"))
    assert mart.client.post("/api/v1/orders", json=order_of(12), headers=stranger).status_code == 403


def order_of(packs: int) -> dict[str, Any]:
    """The body of an order of the supermarket."""
    return wish(packs, payment={"method": "on_account"}, organisation="MART")
