"""Machines of cooperatives keep stock, machines of counters do the steps of an order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Cooperative, Counter, Sku
from catalogue.stock.models import Availability, StockMovement
from orders.check import faults
from orders.fulfilment.assign import route_order
from orders.models import Order
from shop.clock import utcnow
from tests.accounts.people import api_key, person
from tests.builders import Builder, today
from tests.orders.test_api_orders import wish


class Farm:
    """A cooperative with eggs, and its machine."""

    def __init__(self, app: Flask, client: FlaskClient, session: Session, build: Builder) -> None:
        self.client = client
        self.cooperative: Cooperative = build.cooperative("CHANGZHU")
        self.sku: Sku = build.sku(code="EGG-30", cooperative=self.cooperative, price_fen=4_500)
        build.commit()
        self.key = api_key(app, session, person(app, session, "cooperative", cooperative_id=self.cooperative.id))

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        return self.client.post(f"/api/v1/stock/{path}", json=body, headers=self.key | headers)

    def stock(self) -> list[tuple[str, int]]:
        items = self.client.get("/api/v1/stock", headers=self.key).json["items"]
        return [(item["lot"], item["on_hand"]) for item in items]


@pytest.fixture
def farm(app: Flask, client: FlaskClient, session: Session, build: Builder) -> Farm:
    return Farm(app, client, session, build)


def lot(name: str = "L1", quantity: int = 40, days_ago: int = 1, **more: Any) -> dict[str, Any]:
    """A row of eggs."""
    produced = str(today() - timedelta(days=days_ago))
    return {"sku": "EGG-30", "lot": name, "quantity": quantity, "produced_on": produced} | more


def test_a_lot_that_is_received_can_be_ordered_from_origin(farm: Farm, session: Session) -> None:
    answer = farm.post("receipts", lot())
    assert (answer.status_code, answer.json) == (201, {"applied": 1, "repeated": 0})
    assert farm.stock() == [("L1", 40)]
    origin = sa.select(Availability.available).where(Availability.channel == "origin")
    assert session.scalar(origin) == 40


def test_a_receipt_sent_twice_under_one_key_counts_once(farm: Farm) -> None:
    first = farm.post("receipts", lot(), **{"Idempotency-Key": "weak-signal-1"})
    again = farm.post("receipts", lot(), **{"Idempotency-Key": "weak-signal-1"})
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert farm.stock() == [("L1", 40)]


def test_a_count_sets_what_is_there(farm: Farm) -> None:
    farm.post("receipts", lot())
    counted = farm.post("counts", {"sku": "EGG-30", "lot": "L1", "quantity": 31})
    assert (counted.status_code, counted.json["applied"]) == (201, 1)
    assert farm.stock() == [("L1", 31)]
    unknown = farm.post("counts", {"sku": "EGG-30", "lot": "L9", "quantity": 1})
    assert (unknown.status_code, unknown.json["code"]) == (422, "rows_refused")


def test_a_batch_is_taken_whole_or_each_refused_row_is_named(farm: Farm, session: Session) -> None:
    rows = [
        lot("A", id="1"),
        lot("B", id="2") | {"sku": "SOMEONE-ELSES"},
        lot("C", id="3", days_ago=29),
        lot("D", id="4", days_ago=-1),
        lot("E", id="1"),
    ]
    refused = farm.post("batch", {"rows": rows})
    assert (refused.status_code, refused.json["code"]) == (422, "rows_refused")
    assert {(error["row"], error["field"]) for error in refused.json["errors"]} == {(1, "sku"), (4, "id")}
    rows = [lot("A", id="1"), lot("C", id="3", days_ago=29), lot("D", id="4", days_ago=-1)]
    refused = farm.post("batch", {"rows": rows})
    assert {(error["row"], error["field"]) for error in refused.json["errors"]} == {
        (1, "best_before"),
        (2, "produced_on"),
    }
    assert farm.stock() == []
    assert session.scalar(sa.select(sa.func.count()).select_from(StockMovement)) == 0


def test_a_batch_sent_again_changes_nothing(farm: Farm, session: Session) -> None:
    rows = [lot(f"L{number}", quantity=number + 1, id=f"row-{number}") for number in range(300)]
    assert farm.post("batch", {"rows": rows}).json == {"applied": 300, "repeated": 0}
    more = [
        *rows,
        lot("L0", quantity=9, id="second-delivery"),
        {"id": "c", "kind": "count", "sku": "EGG-30", "lot": "L5", "quantity": 2},
    ]
    assert farm.post("batch", {"rows": more}).json == {"applied": 2, "repeated": 300}
    assert farm.post("batch", {"rows": more}).json == {"applied": 0, "repeated": 302}
    origin = sa.select(Availability.available).where(Availability.channel == "origin")
    assert session.scalar(origin) == sum(range(1, 301)) + 9 - 4
    assert faults(session) == []


def test_a_lot_number_belongs_to_one_day_of_production(farm: Farm) -> None:
    farm.post("receipts", lot("L1"))
    other = farm.post("receipts", lot("L1", days_ago=3))
    assert other.status_code == 422
    assert other.json["errors"][0]["field"] == "lot"


def test_a_cooperative_sees_and_touches_only_its_own(
    app: Flask, client: FlaskClient, session: Session, build: Builder, farm: Farm
) -> None:
    other = build.cooperative("YADUI")
    build.commit()
    key = api_key(app, session, person(app, session, "cooperative", email="y@people.example", cooperative_id=other.id))
    farm.post("receipts", lot())
    assert client.get("/api/v1/stock", headers=key).json["total"] == 0
    assert client.get("/api/v1/stock?cooperative=CHANGZHU", headers=key).status_code == 404
    assert client.post("/api/v1/stock/receipts", json=lot(), headers=key).status_code == 422


def test_a_counters_machine_takes_an_order_to_its_end(
    app: Flask, client: FlaskClient, session: Session, build: Builder
) -> None:
    sku, counter = build.sku(code="EGG-30", price_fen=4_500), build.counter(code="WH-1")
    build.lot(sku, at=counter, quantity=10)
    build.commit()
    key = api_key(app, session, person(app, session, "counter", counter_id=counter.id))
    placed = client.post("/api/v1/orders", json=wish()).json
    route_order_now(app, session, placed["number"])
    queue = client.get("/api/v1/fulfilments?counter=WH-1", headers=key).json
    assert (queue["total"], queue["items"][0]["order"]) == (1, placed["number"])
    assert queue["items"][0]["customer"] == "D* 0000"
    assert [(pack["sku"], pack["quantity"]) for pack in queue["items"][0]["packs"]] == [("EGG-30", 2)]
    part = f"/api/v1/fulfilments/{queue['items'][0]['id']}"
    assert client.post(f"{part}/accept", headers=key).json["status"] == "accepted"
    early = client.post(f"{part}/hand-over", json={"code": placed["pickup_code"]}, headers=key)
    assert (early.status_code, early.json["code"]) == (409, "wrong_state")
    assert client.post(f"{part}/ready", headers=key).json["status"] == "ready"
    wrong = client.post(f"{part}/hand-over", json={"code": "00000000"}, headers=key)
    assert (wrong.status_code, wrong.json["code"]) == (422, "wrong_code")
    done = client.post(f"{part}/hand-over", json={"code": placed["pickup_code"]}, headers=key)
    assert done.json["status"] == "handed_over"
    order = client.get(f"/api/v1/orders/{placed['number']}", headers={"X-Access-Key": placed["access_key"]}).json
    assert (order["status"], order["payment"]["paid_fen"]) == ("completed", 9_000)
    assert faults(session) == []


def test_a_counters_machine_weighs(app: Flask, client: FlaskClient, session: Session, build: Builder) -> None:
    sku, counter = build.sku(code="EGG-30", by_weight=ByWeight(10_800, 1_000, 1_400)), build.counter(code="WH-1")
    made = build.lot(sku, at=counter, quantity=10)
    build.commit()
    key = api_key(app, session, person(app, session, "counter", counter_id=counter.id))
    placed = client.post("/api/v1/orders", json=wish()).json
    assert placed["total_fen"] == 30_240
    assert placed["lines"][0]["by_weight"] == {"per_kg_fen": 10_800, "from_g": 1_000, "to_g": 1_400}
    route_order_now(app, session, placed["number"])
    part = client.get("/api/v1/fulfilments", headers=key).json["items"][0]
    address = f"/api/v1/fulfilments/{part['id']}/ready"

    def ready(*grams: int, lot: str = made.code, **more: Any) -> Any:
        weights = [{"sku": "EGG-30", "lot": lot, "grams": list(grams)}]
        return client.post(address, json={"weights": weights, **more}, headers=key)

    refusals = [client.post(address, headers=key), ready(1_000), ready(1_000, 1_000, 1_000), ready(990, 1_000)]
    assert [answer.json["code"] for answer in refusals] == ["weights_missing", "invalid", "invalid", "light_packs"]
    assert ready(1_000, 1_200, lot="L?").status_code == 422
    done = ready(990, 1_500, confirm_light=True).json
    assert (done["status"], done["packs"][0]["grams"]) == ("ready", [990, 1_500])
    ready(1_005, 1_500)
    order = client.get(f"/api/v1/orders/{placed['number']}", headers={"X-Access-Key": placed["access_key"]}).json
    line = order["lines"][0]
    assert (line["weighed_packs"], line["weighed_g"], line["total_fen"]) == (2, 2_505, 10_854 + 15_120)
    assert order["total_fen"] == line["total_fen"] and faults(session) == []


def test_a_rejected_line_leaves_the_counter(app: Flask, client: FlaskClient, session: Session, build: Builder) -> None:
    sku, counter = build.sku(code="EGG-30"), build.counter(code="WH-1")
    other: Counter = build.counter(code="WH-2")
    build.lot(sku, at=counter, quantity=10)
    build.lot(sku, at=other, quantity=10)
    build.commit()
    key = api_key(app, session, person(app, session, "counter", counter_id=counter.id))
    placed = client.post("/api/v1/orders", json=wish()).json
    route_order_now(app, session, placed["number"])
    part = client.get("/api/v1/fulfilments", headers=key).json["items"][0]
    address = f"/api/v1/fulfilments/{part['id']}/reject"
    assert client.post(address, json={"sku": "EGG-30"}, headers=key).status_code == 422
    assert client.post(address, json={"sku": "OIL", "reason": "broken"}, headers=key).status_code == 422
    rejected = client.post(address, json={"sku": "EGG-30", "reason": "broken"}, headers=key)
    assert rejected.status_code == 200
    assert rejected.json["packs"] == []
    route_order_now(app, session, placed["number"])
    order = client.get(f"/api/v1/orders/{placed['number']}", headers={"X-Access-Key": placed["access_key"]}).json
    # The pickup counter still hands over; the eggs come from the other one.
    assert {(one["counter"], one["role"]) for one in order["fulfilments"]} >= {("WH-2", "transfer")}


def route_order_now(app: Flask, session: Session, number: str) -> None:
    """What the worker does with the job."""
    session.commit()
    order_id = session.scalar(sa.select(Order.id).where(Order.number == number))
    with app.app_context():
        route_order(session, order_id, utcnow())
        session.commit()
