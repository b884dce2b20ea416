"""H4: the API keeps to its document, whatever is sent by whoever may hold a token; every call is seen to work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, Config, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Counter, Sku
from orders.bulk.place import earliest_day
from orders.checkout import place_order
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Fulfilment
from orders.notifications.models import Notification
from shop.clock import utcnow
from tests.accounts.people import api_key, person
from tests.builders import GUEST, Builder, draft_of, today
from tests.figures import Figures, size
from tests.security.world import Side, one_side

ROLES = ("guest", "consumer", "buyer", "cooperative", "counter", "office")
DOCUMENT = "/api/v1/openapi.json"
# A body may keep to the document and still be refused by the business: a counter that does not exist, a day too
# early. The document says so of each call (422); what it must never be is accepted wrongly or answered otherwise.
CONFIG = Config.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422", "429"]}}}
)


class Api:
    """The API by its document, asked by people of every role; remembers what was found and which calls worked."""

    def __init__(self, app: Flask, keys: dict[str, dict[str, str]]) -> None:
        schema = schemathesis.openapi.from_wsgi(DOCUMENT, app, config=CONFIG)
        self.keys = keys
        self.operations = {one.ok().label: one.ok() for one in schema.get_all_operations()}
        self.worked: set[str] = set()
        self.found: dict[str, str] = {}
        self.server_errors, self.asked = 0, 0

    def ask(self, role: str, case: Case) -> Any:
        """Send it and hold the answer against the document with every check there is."""
        response = case.call(headers=self.keys[role])
        self.asked += 1
        self.server_errors += response.status_code >= 500
        if 200 <= response.status_code < 300:
            self.worked.add(case.operation.label)
        try:
            case.validate_response(response, headers=self.keys[role])
        except (FailureGroup, Failure) as failures:
            for one in getattr(failures, "exceptions", [failures]):
                found = f"{type(one).__name__}: {case.operation.label} as {role}, {response.status_code}"
                self.found.setdefault(found, f"{one} {case.as_curl_command()[:600]} {response.text[:300]}")
        return response

    def told(self, role: str, label: str, **parts: Any) -> Any:
        """A call as its users make it, which has to work."""
        if "body" in parts:
            parts["media_type"] = "application/json"
        response = self.ask(role, self.operations[label].Case(**parts))
        assert 200 <= response.status_code < 300, (label, response.status_code, response.text)
        return response.json() if response.content else {}


class World:
    """Orders in every state a call needs, of people who each hold a token for everything."""

    def __init__(self, app: Flask, session: Session, build: Builder) -> None:
        self.counted = 0
        self.session, self.side = session, one_side(app, session, build, "YAK")
        self.side.people["office"] = person(app, session, "office", email="office@people.example")
        find: Callable[[Any, str], Any] = lambda kind, code: session.scalars(  # noqa: E731
            sa.select(kind).where(kind.code == code)
        ).one()
        self.counter: Counter = find(Counter, "WH-YAK")
        self.goods: Sku = find(Sku, "GOODS-YAK")
        far = build.counter("WH-FAR", lat=30.6)
        self.oil = build.sku("OIL", cooperative=find(Cooperative, "COOP-YAK"))
        build.lot(self.oil, at=far, quantity=500)
        build.lot(self.goods, at=self.counter, quantity=500)
        build.lot(self.goods, at=find(Cooperative, "COOP-YAK"), quantity=500)
        session.add(far)
        session.commit()
        far_user = person(app, session, "counter", email="far@people.example", counter_id=far.id)
        people = {**self.side.people, "far": far_user}
        self.keys = {"guest": {}} | {role: api_key(app, session, user) for role, user in people.items()}

    def part(self, role: str = "hand_over", **wanted: Any) -> tuple[int, str]:
        """A new order's part with that role, and the order's pickup code."""
        draft = draft_of(wanted.pop("of", {self.goods: 1}), **{"at": self.counter, **wanted})
        placed = place_order(self.session, draft, placement_key=f"h4:{self.count()}", actor=GUEST, now=utcnow())
        self.session.commit()
        route_order(self.session, placed.id, utcnow())
        self.session.commit()
        statement = sa.select(Fulfilment.id).where(Fulfilment.order_id == placed.id, Fulfilment.role == role)
        return self.session.execute(statement).scalar_one(), placed.pickup_code or ""

    def count(self) -> int:
        """1, 2, 3 …"""
        self.counted += 1
        return self.counted


def wish(**changes: Any) -> dict[str, Any]:
    """An order's body."""
    return {
        "lines": [{"sku": "GOODS-YAK", "quantity": 1}],
        "contact": {"name": "Demo guest", "phone": "13800000000"},
        "fulfilment": {"method": "pickup", "counter": "WH-YAK"},
        "payment": {"method": "at_counter"},
    } | changes


def every_call_works(api: Api, world: World) -> None:
    """Each call once as it is meant, by whom it is meant for."""
    read_the_shop(api)
    buy(api)
    keep_stock(api, world)
    serve(api, world)
    listen(api)


def read_the_shop(api: Api) -> None:
    """Catalogue and counters."""
    api.told("guest", "GET /api/v1/products", query={"q": "goods", "counter": "WH-YAK"})
    api.told("guest", "GET /api/v1/products/{slug}", path_parameters={"slug": "goods-yak"})
    api.told("guest", "GET /api/v1/counters", query={"near": "30.59,114.30"})
    api.told("guest", "GET /api/v1/counters/{code}", path_parameters={"code": "WH-YAK"})


def buy(api: Api) -> None:
    """Orders of guests, members and organisations."""
    placed = api.told("guest", "POST /api/v1/orders", body=wish())
    mine = {"path_parameters": {"number": placed["number"]}, "headers": {"X-Access-Key": placed["access_key"]}}
    api.told("guest", "GET /api/v1/orders/{number}", **mine)
    api.told("guest", "POST /api/v1/orders/{number}/cancel", **mine)
    api.told("consumer", "POST /api/v1/orders", body=wish(), headers={"Idempotency-Key": "a key of ours"})
    again = api.told("consumer", "POST /api/v1/orders", body=wish(), headers={"Idempotency-Key": "a key of ours"})
    api.told("office", "GET /api/v1/orders/{number}", path_parameters={"number": again["number"]})
    api.told("consumer", "GET /api/v1/orders", query={"status": "confirmed"})
    on_account = {
        "payment": {"method": "on_account"}, "organisation": "ORG-YAK", "po_number": "PO-1",
        "needed_by": earliest_day(utcnow()).isoformat(), "lines": [{"sku": "GOODS-YAK", "quantity": 12}],
    }  # fmt: skip
    api.told("buyer", "POST /api/v1/orders", body=wish(**on_account))


def keep_stock(api: Api, world: World) -> None:
    """A cooperative's reports and notices."""
    made = (today() - timedelta(days=1)).isoformat()
    lot = {"sku": "GOODS-YAK", "lot": "H4-1", "quantity": 5}
    api.told("cooperative", "POST /api/v1/stock/receipts", body={**lot, "produced_on": made})
    api.told("cooperative", "POST /api/v1/stock/counts", body={**lot, "quantity": 4})
    api.told("cooperative", "POST /api/v1/stock/batch", body={"rows": [{**lot, "id": "h4", "produced_on": made}]})
    api.told("cooperative", "GET /api/v1/stock", query={"sku": "GOODS-YAK"})
    api.told("cooperative", "GET /api/v1/notifications")
    notice = world.session.scalar(sa.select(Notification.id).where(Notification.dedupe_key == "YAK"))
    api.told("cooperative", "POST /api/v1/notifications/{notification_id}/acknowledge",
             path_parameters={"notification_id": notice})  # fmt: skip


def serve(api: Api, world: World) -> None:
    """A counter's steps, each on an order that is ready for it."""
    step = "POST /api/v1/fulfilments/{fulfilment_id}/"
    part, code = world.part()
    here = {"path_parameters": {"fulfilment_id": part}}
    api.told("counter", "GET /api/v1/fulfilments", query={"counter": "WH-YAK"})
    api.told("counter", step + "accept", **here)
    api.told("counter", step + "ready", **here)
    api.told("counter", step + "hand-over", **here, body={"code": code})
    part, _code = world.part()
    api.told("counter", step + "reject", path_parameters={"fulfilment_id": part},
             body={"sku": "GOODS-YAK", "reason": "broken"})  # fmt: skip
    coming, _code = world.part("transfer", of={world.goods: 1, world.oil: 2})
    there = {"path_parameters": {"fulfilment_id": coming}}
    api.told("far", step + "ready", **there)
    api.told("far", step + "dispatch", **there)
    api.told("counter", step + "receive", **there)


def listen(api: Api) -> None:
    """A webhook's life."""
    one = "/api/v1/webhooks/{webhook_id}"
    new = {"url": "https://machine.example/hooks", "events": ["stock.low"], "cooperative": "COOP-YAK"}
    made = api.told("cooperative", "POST /api/v1/webhooks", body=new)
    here = {"path_parameters": {"webhook_id": made["id"]}}
    api.told("cooperative", "GET /api/v1/webhooks")
    api.told("cooperative", f"GET {one}", **here)
    api.told("cooperative", f"POST {one}/secret", **here)
    api.told("cooperative", f"POST {one}/enable", **here)
    sent = api.told("cooperative", f"GET {one}/deliveries", **here)["items"]
    api.told("cooperative", f"POST {one}/deliveries/{{delivery_id}}/again",
             path_parameters={"webhook_id": made["id"], "delivery_id": sent[0]["id"]})  # fmt: skip
    api.told("cooperative", f"DELETE {one}", **here)


def whatever_is_sent(api: Api, label: str, mode: GenerationMode, side: Side, many: int) -> None:
    """Requests that keep to the document, or that do not, each by everybody; half of them about things that exist."""
    numbers, turn = sorted(side.numbers), count()

    @settings(max_examples=many, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=api.operations[label].as_strategy(mode))
    def sent(case: Case) -> None:
        number = next(turn)
        if number % 2 and case.path_parameters and mode is GenerationMode.POSITIVE:
            for name in case.path_parameters:
                case.path_parameters[name] = numbers[number % len(numbers)]
        for role in ROLES:
            api.ask(role, case)

    # Whatever stands in a path keeps to the document: of a call that takes nothing else nothing wrong can be sent.
    with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
        sent()


@pytest.mark.timeout(900)
def test_h4_the_api_keeps_to_its_document(
    app: Flask, session: Session, build: Builder, figures: Callable[[str], Figures]
) -> None:
    world = World(app, session, build)
    api = Api(app, world.keys)
    every_call_works(api, world)
    for label in api.operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            whatever_is_sent(api, label, mode, world.side, size(2, 20))
    assert api.found == {}
    h4 = figures("H4")
    h4.at_least("requests by six kinds of people", api.asked, 500)
    h4.exactly(f"calls of {len(api.operations)} that never worked", len(set(api.operations) - api.worked), 0)
    h4.exactly("server errors", api.server_errors, 0)
    h4.exactly("answers that break the document, a rule of HTTP or the door", len(api.found), 0)
