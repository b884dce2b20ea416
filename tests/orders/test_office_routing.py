"""The office and the router: why a plan is as it is, other weights tried first, days off that say what they touch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

import workers.tasks  # noqa: F401  registers the topics
from orders.fulfilment.assign import route_orders
from orders.fulfilment.plan_models import RoutingCosts, RoutingPlan, RoutingTrial
from orders.fulfilment.weights import in_force
from orders.models import Order
from orders.office.routing import WEIGHT_WORDS
from shop.clock import utcnow
from shop.db import db
from shop.outbox import Job
from tests.accounts.people import csrf_token, person, post, sign_in
from tests.builders import Builder, order, today
from workers.jobs import run_job


@pytest.fixture
def office(app: Flask, client: FlaskClient, session: Session) -> FlaskClient:
    """A browser in which the office is signed in."""
    sign_in(client, person(app, session, "office").email)
    client.post("/language", data={"locale": "en", "csrf_token": csrf_token(client)})
    return client


@pytest.fixture
def orders(session: Session, build: Builder) -> list[Order]:
    """Three orders collected at a counter that lacks one of the goods: another sends it."""
    eggs, oil, near, far = build.sku(), build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    build.lot(eggs, at=near, quantity=20)
    build.lot(eggs, at=far, quantity=20)
    build.lot(oil, at=far, quantity=20)
    found = [order(session, {eggs: 1, oil: 1}, at=near) for _ in range(3)]
    route_orders(session, [one.id for one in found], utcnow())
    session.commit()
    return found


def work_on(app: Flask, session: Session, topic: str) -> None:
    """Do every open job of a topic, those it asks for included."""
    with app.app_context():
        while ids := db.session().scalars(select(Job.id).where(Job.topic == topic, Job.done_at.is_(None))).all():
            for job_id in ids:
                assert run_job(db.session(), job_id)
    session.expire_all()


def test_the_orders_page_says_what_the_plan_costs_and_why_these_counters(
    office: FlaskClient, orders: list[Order]
) -> None:
    page = office.get(f"/office/orders/{orders[0].number}").text
    for words in ("Why these counters", "proved: nothing cheaper exists", "part of the cheapest way", "Transfers"):
        assert words in page


def test_other_weights_are_tried_on_the_last_orders_before_they_count(
    app: Flask, office: FlaskClient, session: Session, orders: list[Order]
) -> None:
    row = in_force(session, utcnow())
    weights = {name: str(getattr(row, name)) for name in WEIGHT_WORDS}
    refused = post(office, "/office/routing/trials", **{**weights, "per_km_fen": "much"})
    assert (refused.status_code, 'value="much"' in refused.text) == (422, True)
    dear = {**weights, "transfer_fen": "200000"}
    answer = post(office, "/office/routing/trials", **dear)
    assert "0 of 3 orders" in office.get(answer.location).text
    work_on(app, session, "routing.trial")
    trial = session.scalars(select(RoutingTrial)).one()
    assert (trial.done, trial.result["elsewhere"]) == (3, 3), "a transfer dearer than giving nothing is not made"
    assert trial.result["before"]["total"] == sum(session.scalars(select(RoutingPlan.cost_fen)).all())
    assert trial.result["after"]["missing"] == 3
    assert "3 of the last 3 orders would go elsewhere" in office.get(answer.location).text
    saved = post(office, "/office/routing/versions", **dear, base=str(row.id), note="trial")
    assert saved.status_code == 303
    newest = in_force(session, utcnow())
    assert (newest.transfer_fen, newest.note) == (200_000, "trial")
    late = post(office, "/office/routing/versions", **weights, base=str(row.id))
    assert late.status_code == 422, "somebody else's version is not written over"
    assert len(session.scalars(select(RoutingCosts.id)).all()) == 2


def test_weights_that_begin_later_do_not_count_yet(office: FlaskClient, session: Session) -> None:
    row = in_force(session, utcnow())
    weights = {name: str(getattr(row, name)) for name in WEIGHT_WORDS} | {"parcel_fen": "1"}
    since = (today() + timedelta(days=2)).isoformat() + "T08:00"
    assert post(office, "/office/routing/versions", **weights, base=str(row.id), since=since).status_code == 303
    assert in_force(session, utcnow()).id == row.id
    assert in_force(session, utcnow() + timedelta(days=3)).parcel_fen == 1


def test_days_off_say_which_orders_they_touch_before_they_are_saved(
    office: FlaskClient, session: Session, orders: list[Order], build: Builder
) -> None:
    counter = orders[0].pickup_counter_id
    path = f"/office/routing/closures/{counter}"
    page = office.get(f"{path}?from={today()}&to={today() + timedelta(days=1)}").text
    assert all(one.number in page for one in orders)
    assert "3 parts move" in page
    later = today() + timedelta(days=40)
    assert "Nothing is planned there" in office.get(f"{path}?from={later}&to={later}").text
    assert office.get(f"{path}?from={later}&to=soon").status_code == 303


def test_an_unusual_day_and_a_broken_freezer_are_entered_and_taken_back(
    office: FlaskClient, session: Session, build: Builder
) -> None:
    counter = build.counter("WH-01")
    build.commit()
    path, day = f"/office/counters/{counter.id}", (today() + timedelta(days=1)).isoformat()
    post(office, f"{path}/day", day=day, closes="15:00", capacity="", reason="concert")
    post(office, f"{path}/outages", storage="frozen", reason="compressor")
    page = office.get(path).text
    assert "closes at 15:00" in page
    assert "compressor" in page
    assert "Please enter a time" in post_and_follow(office, f"{path}/day", day=day, closes="soon")
    post(office, f"{path}/day", day=day, closes="", capacity="")
    post(office, f"{path}/outages/1/end")
    page = office.get(path).text
    assert "closes at 15:00" not in page
    assert "Everything works" in page


def post_and_follow(office: FlaskClient, path: str, **fields: str) -> str:
    """The page one sees after posting."""
    return office.get(post(office, path, **fields).location).text
