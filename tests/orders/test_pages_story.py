"""What an order's page and the list of orders say: steps, hours, parts, and the counters one may choose."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure, CounterHours
from orders.fulfilment.assign import route_order
from orders.history import PER_PAGE, order_page, orders_of, week
from orders.lifecycle import cancel_order
from orders.models import OrderEvent
from orders.pickup import Place, choices, district_name, middle_of
from orders.states import OrderStatus
from orders.story import event_text, status_text, steps_of
from shop.accounts.models import User
from shop.clock import SHANGHAI, utcnow
from tests.builders import GUEST, Builder, draft_of
from tests.builders import order as place

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=SHANGHAI).astimezone(UTC)


@pytest.fixture(autouse=True)
def english(app: Flask) -> Iterator[None]:
    """The words are compared in the language they are written in."""
    with app.test_request_context(headers={"Accept-Language": "en"}):
        yield


def happened(*kinds: str) -> list[OrderEvent]:
    """Events a minute apart."""
    return [
        OrderEvent(kind=f"order.{kind}", at=NOON + timedelta(minutes=n), data={}) for n, kind in enumerate(kinds, 1)
    ]


def test_steps_tell_what_is_done_what_goes_on_and_what_comes():
    steps = steps_of(OrderStatus.PREPARING, "pickup", NOON, happened("confirmed", "routed", "preparing"))
    assert [step.state for step in steps] == ["done", "done", "done", "now", "later", "later"]
    assert [step.at is not None for step in steps] == [True, True, True, True, False, False]
    assert steps[-1].label == "Collected"


def test_a_completed_order_has_nothing_left_to_do():
    steps = steps_of(OrderStatus.COMPLETED, "delivery", NOON, happened("confirmed", "routed", "ready", "completed"))
    assert {step.state for step in steps} == {"done"}
    assert steps[-1].label == "Delivered"


def test_an_order_that_went_back_does_not_claim_to_be_ready():
    steps = steps_of(OrderStatus.CONFIRMED, "pickup", NOON, happened("confirmed", "routed", "ready", "confirmed"))
    assert [step.state for step in steps] == ["done", "now", "later", "later", "later", "later"]
    assert steps[4].at is None


@pytest.mark.parametrize("end", [OrderStatus.CANCELLED, OrderStatus.EXPIRED])
def test_an_ended_order_shows_how_far_it_came(end: OrderStatus):
    steps = steps_of(end, "pickup", NOON, happened("confirmed", "routed", end.value))
    assert [step.state for step in steps] == ["done", "done", "done", "bad"]


@pytest.mark.parametrize("status", list(OrderStatus))
def test_every_status_has_words(status: OrderStatus):
    assert status_text(status, "pickup")
    assert event_text(f"order.{status}", {}, {})


def test_events_only_clerks_care_about_are_left_out():
    assert event_text("fulfilment.picked", {}, {}) == ""


def test_alike_days_are_told_in_one_row(build: Builder):
    counter = build.counter()
    assert [label for label, _, _ in week(counter)] == ["Every day"]
    counter.hours = [CounterHours(weekday=day, opens=time(9), closes=time(21)) for day in (0, 1, 2, 3, 4)]
    counter.hours.append(CounterHours(weekday=6, opens=time(10), closes=time(18)))
    assert [label for label, _, _ in week(counter)] == ["Mon–Fri", "Sun"]


def test_counters_come_nearest_first_and_say_what_they_have(session: Session, build: Builder):
    near, far = build.counter("NEAR", lat=30.60, lng=114.30), build.counter("FAR", lat=30.50, lng=114.40)
    eggs, oil = build.sku("EGGS"), build.sku("OIL")
    build.lot(eggs, at=near, quantity=2)
    build.lot(eggs, at=far, quantity=5)
    build.lot(oil, at=far, quantity=5)
    found = choices(session, {eggs.id: 2, oil.id: 1}, Place(30.61, 114.30), NOON)
    assert [(one.code, one.has_all) for one in found] == [("NEAR", False), ("FAR", True)]
    assert found[0].distance_m == pytest.approx(1112, abs=3)
    assert [one.code for one in choices(session, {}, None, NOON)] == ["FAR", "NEAR"]


def test_goods_that_would_not_keep_do_not_count_as_there(session: Session, build: Builder):
    counter, eggs = build.counter(), build.sku("EGGS", min_life_days=5)
    lot = build.lot(eggs, at=counter, quantity=5, best_before_in=20)
    a_day_too_late = datetime.combine(lot.best_before - timedelta(days=4), time(12), SHANGHAI)
    assert not choices(session, {eggs.id: 1}, None, a_day_too_late)[0].has_all
    assert choices(session, {eggs.id: 1}, None, a_day_too_late - timedelta(days=1))[0].has_all


@pytest.mark.parametrize(("hour", "ready"), [(12, True), (19, True), (21, False)])
def test_after_the_cut_off_nothing_is_ready_today(session: Session, build: Builder, hour: int, ready: bool):
    counter, eggs = build.counter(), build.sku("EGGS")
    build.lot(eggs, at=counter, quantity=5)
    now = datetime.combine(utcnow().astimezone(SHANGHAI).date(), time(hour), SHANGHAI)
    assert choices(session, {eggs.id: 1}, None, now)[0].ready_today is ready


def test_a_closed_counter_says_so(session: Session, build: Builder):
    counter = build.counter()
    day = NOON.astimezone(SHANGHAI).date()
    session.add(CounterClosure(counter_id=counter.id, from_day=day, to_day=day))
    session.flush()
    assert choices(session, {}, None, NOON)[0].hours is None


def test_a_district_lies_in_the_middle_of_its_counters(session: Session, build: Builder):
    build.counter(lat=30.50, lng=114.20)
    build.counter(lat=30.60, lng=114.40)
    middle = middle_of(session, "江汉区")
    assert middle is not None
    assert (middle.lat, middle.lng) == (pytest.approx(30.55), pytest.approx(114.30))
    assert middle_of(session, "月球区") is None
    assert district_name("江汉区") == "Jianghan"


def test_a_routed_order_shows_its_counter_and_what_it_gives(session: Session, build: Builder):
    counter: Counter = build.counter("WH-01")
    eggs = build.sku("EGGS", price_fen=1980)
    build.lot(eggs, at=counter, quantity=5)
    order = place(session, {eggs: 2}, at=counter)
    before = order_page(session, order)
    assert (before.parts, before.pickup is not None, before.can_cancel) == ((), True, True)
    route_order(session, order.id, utcnow())
    session.commit()
    page = order_page(session, order)
    assert [(part.counter, part.lines) for part in page.parts] == [("Counter WH-01", (("Goods EGGS", "one pack", 2),))]
    assert page.pickup_code == order.pickup_code
    assert "Counter WH-01 hands the order over" in [event.text for event in page.events]
    cancel_order(session, order.id, GUEST, utcnow())
    session.commit()
    ended = order_page(session, order)
    assert (ended.is_open, ended.can_cancel, ended.pickup_code, ended.parts) == (False, False, None, ())


def test_the_list_of_orders_is_paged_newest_first(session: Session, build: Builder):
    from orders.checkout import place_order

    counter, eggs = build.counter(), build.sku("EGGS")
    build.lot(eggs, at=counter, quantity=100)
    person = User(email="person@mail.example", fs_uniquifier="person")
    build.add(person)
    numbers = []
    for n in range(PER_PAGE + 1):
        draft = draft_of({eggs: 1}, at=counter, user_id=person.id)
        numbers.append(place_order(session, draft, placement_key=f"k{n}", actor=GUEST, now=utcnow()).number)
    place(session, {eggs: 1}, at=counter)
    first, last = orders_of(session, person.id), orders_of(session, person.id, 99)
    assert [one.number for one in first.orders] == numbers[:0:-1]
    assert [one.number for one in last.orders] == numbers[:1]
    assert (first.pages, last.page, first.total) == (2, 2, PER_PAGE + 1)
    assert first.orders[0].goods == ("Goods EGGS",)
