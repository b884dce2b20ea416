"""Alive, ready, degraded: what probes are told when a part is missing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop import health
from shop.app import create_app
from shop.heartbeat import Heartbeat, beat
from shop.outbox import emit
from tests.conftest import settings_for

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def hear(session: Session) -> None:
    """Every kind of process is heard."""
    beat(session, "worker-route@here", "worker")
    beat(session, "relay@here", "relay")
    session.commit()


def test_ready_when_everything_answers(client: FlaskClient, session: Session) -> None:
    hear(session)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert set(answer.json["checks"]) == {"database", "migrations", "worker", "relay", "disk", "redis"}


def test_degraded_but_selling_while_workers_are_silent(client: FlaskClient, session: Session) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    hear(session)
    session.execute(sa.update(Heartbeat).values(seen_at=sa.func.now() - timedelta(minutes=5)))
    session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert not answer.json["checks"]["worker"]["ok"]


def test_degraded_but_selling_without_redis(database_url: str, session: Session) -> None:
    hear(session)
    answer = create_app(settings_for(database_url, "redis://127.0.0.1:1/0")).test_client().get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert not answer.json["checks"]["redis"]["ok"]


def test_unavailable_when_migrations_are_behind(client: FlaskClient, session: Session) -> None:
    session.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert not answer.json["checks"]["migrations"]["ok"]


def test_x9_unavailable_when_the_disk_is_full(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(session)
    monkeypatch.setattr(health, "LEAST_FREE_MB", 10**12)  # no disk of this world has so much
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert not answer.json["checks"]["disk"]["ok"]


def test_unavailable_before_the_first_migration(client: FlaskClient, session: Session) -> None:
    session.execute(sa.text("DROP TABLE alembic_version"))
    session.commit()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"]["database"]["ok"]


def test_without_a_database_alive_not_ready_and_polite(redis_url: str) -> None:
    client = create_app(settings_for(NOWHERE, redis_url)).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503
    page = client.get("/orders/NOTHING")
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    assert "<h1" in page.get_data(as_text=True)


def test_a_locked_row_is_answered_with_come_again(app: Flask, client: FlaskClient, session: Session) -> None:
    from tests.accounts.people import person, post, sign_in

    user = person(app, session)
    sign_in(client, user.email)
    session.execute(sa.text('SELECT 1 FROM "user" WHERE id = :id FOR UPDATE'), {"id": user.id})
    answer = post(client, "/account/settings", name="Wangmu", phone="", locale="en")
    session.rollback()
    assert answer.status_code == 409
    assert answer.headers["Retry-After"] == "1"


def test_numbers_tell_of_requests_and_waiting_jobs(client: FlaskClient, session: Session) -> None:
    emit(session, "order.route", "1", {"order_id": 1})
    hear(session)
    client.get("/healthz")
    numbers = client.get("/metrics").get_data(as_text=True)
    assert 'yarlung_jobs_due{topic="order.route"} 1.0' in numbers
    assert 'yarlung_heartbeat_age_seconds{kind="worker"}' in numbers
    assert 'yarlung_requests_total{method="GET",route="/healthz",status="200"}' in numbers
