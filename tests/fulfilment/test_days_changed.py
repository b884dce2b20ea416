"""Unusual days through the pages: holidays from the office, early closing and broken freezers from a counter's room."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure, CounterDay, CounterOutage
from orders.fulfilment.assign import route_order
from orders.models import Order
from shop.clock import utcnow
from shop.outbox import Job
from tests.accounts.people import post
from tests.builders import Builder, order, today
from tests.consignments.test_pages import enter


@pytest.fixture
def here(session: Session, build: Builder) -> tuple[Counter, Counter, Order]:
    """A counter with an order of frozen pork to hand over, and another counter."""
    pork, near, far = build.sku("PORK", storage="frozen"), build.counter("WH-1"), build.counter("WH-2")
    build.lot(pork, at=near, quantity=5)
    placed = order(session, {pork: 2}, at=near)
    route_order(session, placed.id, utcnow())
    session.commit()
    return near, far, placed


def looked_at_again(session: Session) -> int:
    """How many events say that a counter's work must be looked at again."""
    return len(session.scalars(select(Job.id).where(Job.topic == "counter.changed")).all())


def test_the_office_closes_all_counters_for_a_holiday_after_seeing_what_it_touches(
    app: Flask, session: Session, here: tuple[Counter, Counter, Order]
) -> None:
    office = enter(app, session, "office")
    assert "/office/counters/days" in office.get("/office/counters").text
    days = {"from": today().isoformat(), "to": (today() + timedelta(days=2)).isoformat(), "reason": "National Day"}
    asked = office.get("/office/routing/closures", query_string=days).text
    assert "1 part moves" in asked and here[2].number in asked and "WH-1" in asked and "National Day" in asked
    assert session.scalars(select(CounterClosure.id)).all() == []
    for _press in range(2):
        assert post(office, "/office/counters/days", **days).status_code == 303
    assert len(session.scalars(select(CounterClosure.counter_id)).all()) == looked_at_again(session) == 2
    planned = office.get("/office/counters/days").text
    assert "National Day" in planned and "2 counters" in planned
    wrong = office.get("/office/routing/closures", query_string={**days, "to": "soon"}, follow_redirects=True).text
    assert "Please choose the first and the last day" in wrong and 'value="National Day"' in wrong
    past = {"from": (today() - timedelta(days=9)).isoformat(), "to": (today() - timedelta(days=8)).isoformat()}
    assert post(office, "/office/counters/days", **past).status_code == 303
    assert "These days are over" in office.get("/office/counters/days").text
    assert post(office, "/office/counters/days/remove", **days).status_code == 303
    assert session.scalars(select(CounterClosure.id)).all() == []


def test_a_counter_says_that_its_freezer_broke_and_that_it_works_again(
    app: Flask, session: Session, here: tuple[Counter, Counter, Order]
) -> None:
    near, _far, placed = here
    clerk = enter(app, session, "counter", counter_id=near.id)
    asked = clerk.get("/counter/day/broken?storage=frozen&reason=compressor").text
    assert placed.number in asked and "1 part moves" in asked and "compressor" in asked
    assert "No order waits here" in clerk.get("/counter/day/broken?storage=chilled").text
    assert session.scalars(select(CounterOutage.id)).all() == []
    assert post(clerk, "/counter/day/broken", storage="frozen", reason="compressor").status_code == 303
    assert "compressor" in clerk.get("/counter/day").text
    assert looked_at_again(session) == 1
    broken = session.scalars(select(CounterOutage)).one()
    other = enter(app, session, "counter", "c2@people.example", counter_id=here[1].id)
    assert post(other, f"/counter/day/broken/{broken.id}/end").status_code == 404
    assert post(other, "/counter/day/broken", storage="frozen", counter=near.code).status_code == 404
    assert post(clerk, f"/counter/day/broken/{broken.id}/end").status_code == 303
    session.expire_all()
    assert broken.ended_at is not None
    assert clerk.get("/counter/day/broken?storage=gas", follow_redirects=True).text.count("Please choose what") == 1


def test_a_counter_closes_early_today_and_opens_as_usual_after_all(
    app: Flask, session: Session, here: tuple[Counter, Counter, Order]
) -> None:
    near = here[0]
    clerk = enter(app, session, "counter", counter_id=near.id)
    wrong = clerk.get("/counter/day/early?closes=soon&reason=storm", follow_redirects=True).text
    assert "Please enter a time" in wrong and 'value="storm"' in wrong
    asked = clerk.get("/counter/day/early?closes=00:01&reason=storm").text
    assert "Close today at 00:01?" in asked and "storm" in asked
    assert session.scalars(select(CounterDay.day)).all() == []
    assert post(clerk, "/counter/day/early", closes="00:01", reason="storm").status_code == 303
    assert "closes at 00:01" in clerk.get("/counter/day").text
    assert session.scalars(select(CounterDay.counter_id)).all() == [near.id]
    assert post(clerk, "/counter/day/early").status_code == 303
    assert "closes at 00:01" not in clerk.get("/counter/day").text
    assert looked_at_again(session) == 2
