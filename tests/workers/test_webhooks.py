"""Messages to the machines of others: signed, sent until taken, never sent to where they must not go."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from orders.fulfilment.assign import route_order
from orders.models import Order
from orders.notifications.compose import notify_suppliers
from orders.webhooks.models import Webhook, WebhookDelivery
from shop import outgoing
from shop.app import create_app
from shop.clock import utcnow
from shop.db import db
from shop.outbox import Job
from tests.accounts.people import api_key, person
from tests.builders import Builder
from tests.conftest import settings_for
from tests.orders.test_api_orders import wish
from workers.jobs import run_job
from workers.relay import claim
from workers.tasks.webhooks import PAUSES


class Receiver(HTTPServer):
    """Somebody's machine: answers as it is told, keeps what it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.status, self.headers, self.got = 204, {}, []  # type: ignore[var-annotated]
        self.url = f"http://127.0.0.1:{self.server_port}/hooks"


class Answering(BaseHTTPRequestHandler):
    """One request to it."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


@pytest.fixture
def app(database_url: str, redis_url: str) -> Iterator[Flask]:
    """The shop on a machine that may call itself."""
    application = create_app(settings_for(database_url, redis_url).model_copy(update={"outgoing_to_loopback": True}))
    yield application
    with application.app_context():
        db.engine.dispose()


class Machine:
    """A cooperative with a webhook at the receiver."""

    def __init__(self, app: Flask, client: FlaskClient, session: Session, build: Builder, receiver: Receiver) -> None:
        self.app, self.client, self.session, self.receiver = app, client, session, receiver
        self.cooperative = build.cooperative("CHANGZHU")
        self.sku = build.sku(code="EGG-30", cooperative=self.cooperative)
        self.counter = build.counter("WH-1")
        build.lot(self.sku, at=self.counter, quantity=10, code="L1")
        build.commit()
        self.user = person(app, session, "cooperative", cooperative_id=self.cooperative.id)
        self.key = api_key(app, session, self.user)
        made = self.post("", {"url": receiver.url, "events": ["order.routed", "stock.low"], "cooperative": "CHANGZHU"})
        assert made.status_code == 201, made.json
        self.secret: str = made.json["secret"]
        self.path = f"/{made.json['id']}"

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.client.post(f"/api/v1/webhooks{path}", json=body, headers=self.key)

    def get(self, path: str = "") -> Any:
        return self.client.get(f"/api/v1/webhooks{self.path}{path}", headers=self.key).json

    def work(self) -> int:
        """Try every message that is due now, as relay and worker do; how many tries."""
        self.session.commit()
        with self.app.app_context():
            jobs = [job.id for job in claim(db.session(), []) if job.topic == "webhook.deliver"]
            db.session.commit()
            for job_id in jobs:
                run_job(db.session(), job_id)
            db.session.remove()
        return len(jobs)

    def make_due(self) -> None:
        """The pauses are over."""
        self.session.execute(sa.text("UPDATE job SET next_at = now() WHERE topic = 'webhook.deliver'"))
        self.session.commit()

    def sell(self) -> str:
        """A guest's order of two packs that the router took from this cooperative's lot."""
        number = self.client.post("/api/v1/orders", json=wish()).json["number"]
        self.session.commit()
        order_id = self.session.scalar(sa.select(Order.id).where(Order.number == number))
        assert order_id is not None
        with self.app.app_context():
            route_order(self.session, order_id, utcnow())
            notify_suppliers(self.session, order_id)
        self.session.commit()
        return str(number)


@pytest.fixture
def machine(app: Flask, client: FlaskClient, session: Session, build: Builder, receiver: Receiver) -> Machine:
    return Machine(app, client, session, build, receiver)


@pytest.fixture
def listening(machine: Machine) -> Machine:
    """The same, its ping answered."""
    assert machine.work() == 1
    machine.receiver.got.clear()
    return machine


def test_an_address_hears_nothing_until_it_answered_a_ping(machine: Machine) -> None:
    machine.sell()
    machine.receiver.status = 500
    assert machine.work() == 1
    assert [json.loads(body)["type"] for _, body in machine.receiver.got] == ["webhook.ping"]
    assert machine.get()["verified_at"] is None
    machine.receiver.status = 200
    machine.make_due()
    machine.work()
    assert machine.get()["verified_at"] is not None


def test_a_cooperatives_machine_hears_what_was_sold_and_not_who_bought(listening: Machine) -> None:
    number = listening.sell()
    assert listening.work() == 1
    headers, body = listening.receiver.got[0]
    told = json.loads(body)
    assert told["type"] == "order.routed"
    assert told["data"]["number"] == number
    assert told["data"]["lines"] == [{"sku": "EGG-30", "lot": "L1", "change": 2, "now": 2}]
    assert "Demo guest" not in body.decode()
    log = listening.get("/deliveries")["items"][0]
    assert (log["attempts"], log["last_status"], log["last_error"]) == (1, 204, None)
    assert headers["webhook-id"] == log["message_id"]


def test_e5_messages_verify_with_the_reference_library_and_through_a_change_of_secret(listening: Machine) -> None:
    listening.sell()
    changed = listening.post(f"{listening.path}/secret").json["secret"]
    assert changed != listening.secret
    listening.work()
    headers, body = listening.receiver.got[0]
    for secret in (listening.secret, changed):
        assert Verifier(secret).verify(body, headers)["type"] == "order.routed"
    with pytest.raises(WebhookVerificationError):
        Verifier(changed).verify(body + b" ", headers)
    yesterday = utcnow() - timedelta(hours=25)
    listening.session.execute(sa.update(Webhook).values(secret_changed_at=yesterday))
    listening.session.execute(sa.update(WebhookDelivery).values(attempts=1))
    listening.session.commit()
    log = listening.get("/deliveries")["items"][0]
    assert listening.post(f"{listening.path}/deliveries/{log['id']}/again").status_code == 202
    listening.work()
    headers, body = listening.receiver.got[1]
    assert headers["webhook-id"] == log["message_id"]
    Verifier(changed).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(listening.secret).verify(body, headers)


def seconds_to_next(machine: Machine) -> float:
    """When the open message is tried again."""
    machine.session.commit()
    wait = sa.extract("epoch", Job.next_at - sa.func.now())
    found = machine.session.scalar(sa.select(wait).where(Job.topic == "webhook.deliver", Job.done_at.is_(None)))
    assert found is not None
    return float(found)


def test_e4_a_message_that_is_not_taken_is_tried_ten_times_over_three_days(listening: Machine) -> None:
    listening.sell()
    listening.receiver.status = 500
    for pause in PAUSES:
        assert listening.work() == 1
        assert pause * 0.8 - 2 <= seconds_to_next(listening) <= pause * 1.2
        listening.make_due()
    assert listening.work() == 1
    assert len(listening.receiver.got) == 10
    listening.make_due()
    assert listening.work() == 0, "given up, and parked where the office sees it"
    dead = listening.session.scalars(sa.select(Job).where(Job.dead_at.is_not(None))).one()
    assert "answered 500" in (dead.last_error or "")
    ids = {headers["webhook-id"] for headers, _ in listening.receiver.got}
    assert len(ids) == 1


def test_e4_a_redirect_is_no_success_and_is_not_followed(listening: Machine, receiver: Receiver) -> None:
    listening.sell()
    receiver.status, receiver.headers = 301, {"Location": f"{receiver.url}/elsewhere"}
    listening.work()
    assert len(receiver.got) == 1
    assert listening.get("/deliveries")["items"][0]["last_status"] == 301


@pytest.mark.parametrize("status", [429, 503])
def test_e4_a_receiver_that_asks_for_time_is_given_it(listening: Machine, receiver: Receiver, status: int) -> None:
    listening.sell()
    receiver.status, receiver.headers = status, {"Retry-After": "1000"}
    listening.work()
    assert 990 <= seconds_to_next(listening) <= 1_000


def test_e4_gone_switches_off_and_tells_its_maker(listening: Machine, receiver: Receiver) -> None:
    listening.sell()
    receiver.status = 410
    listening.work()
    assert listening.get()["disabled_reason"] == "410"
    mails = listening.session.scalars(sa.select(Job.payload).where(Job.topic == "account.mail")).all()
    assert mails == [{"kind": "webhook_off", "user_id": listening.user.id}]
    listening.sell()
    assert listening.work() == 0, "nothing is queued for an address that is off"
    receiver.status = 204
    assert listening.post(f"{listening.path}/enable").status_code == 200
    listening.work()
    assert listening.get()["verified_at"] is not None


def test_webhooks_are_their_owners_alone(listening: Machine, app: Flask, session: Session, build: Builder) -> None:
    other = build.cooperative("YADUI")
    build.commit()
    key = api_key(app, session, person(app, session, "cooperative", email="y@people.example", cooperative_id=other.id))
    client = listening.client
    assert client.get(f"/api/v1/webhooks{listening.path}", headers=key).status_code == 404
    assert client.delete(f"/api/v1/webhooks{listening.path}", headers=key).status_code == 404
    assert client.get("/api/v1/webhooks", headers=key).json["total"] == 0
    theirs = {"url": listening.receiver.url, "events": ["stock.low"], "cooperative": "CHANGZHU"}
    assert client.post("/api/v1/webhooks", json=theirs, headers=key).status_code == 404
    assert "secret" not in client.get("/api/v1/webhooks", headers=listening.key).json["items"][0]
    assert client.delete(f"/api/v1/webhooks{listening.path}", headers=listening.key).status_code == 204
    assert listening.sell()
    assert listening.work() == 0


@pytest.mark.parametrize("chunk", [b"x" * 65_536, b"x"])
def test_e7_an_answer_that_is_endless_or_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch, chunk: bytes) -> None:
    monkeypatch.setattr(outgoing, "SECONDS_IN_ALL", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pour() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                for _ in range(16_384):
                    connection.sendall(chunk)
                    threading.Event().wait(0.05 if len(chunk) == 1 else 0)

        thread = threading.Thread(target=pour, daemon=True)
        thread.start()
        started = time.monotonic()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        if len(chunk) == 1:
            with pytest.raises((TimeoutError, http.client.HTTPException)):
                outgoing.post(url, b"{}", {}, to_loopback=True)
        else:
            assert len(outgoing.post(url, b"{}", {}, to_loopback=True).body) == outgoing.MOST_BYTES
        assert time.monotonic() - started < 3
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "url",
    [
        "http://machine.example/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://2130706433/",
        "https://0x7f000001/", "https://10.1.2.3/", "https://machine.example:22/", "https://me:secret@machine.example/",
        "ftp://machine.example/", "https://intern/", "https://machine.example/\nHost: x", "//machine.example", "https://",
    ],
)  # fmt: skip
def test_h4_an_address_that_leads_inside_is_refused(url: str) -> None:
    with pytest.raises(outgoing.UnsafeAddress):
        outgoing.check_url(url, to_loopback=False)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fd00::1",
     "::ffff:10.0.0.1", "2002:0a00:0001::1", "64:ff9b::a00:1"],
)  # fmt: skip
def test_h4_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    def resolver(*_: Any, **__: Any) -> list[Any]:
        public = (2, 1, 6, "", ("93.184.215.14", 443))
        return [public, (2, 1, 6, "", (address, 443))]

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", resolver)
    with pytest.raises(outgoing.UnsafeAddress):
        outgoing.resolve("machine.example", 443, to_loopback=False)
