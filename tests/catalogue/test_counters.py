"""Counters: how far, how long open, what stands there."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalogue.counters import Opening, distance_m, nearest, opening, stock_at
from catalogue.districts import DISTRICTS
from catalogue.models import CounterClosure
from catalogue.stock.availability import promise
from catalogue.stock.models import Channel
from shop.clock import SHANGHAI, utcnow
from tests.builders import Builder, today

NINE_TO_NINE = dict.fromkeys(range(7), (time(9), time(21)))
MONDAY = date(2026, 11, 23)


def at(hour: int, minute: int = 0, day: date = MONDAY) -> datetime:
    """A moment by the clocks of Wuhan."""
    return datetime.combine(day, time(hour, minute), tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(8, 59), Opening(False, at(9))),
        (at(9), Opening(True, at(21))),
        (at(20, 59), Opening(True, at(21))),
        (at(21), Opening(False, at(9, day=MONDAY + timedelta(days=1)))),
    ],
)
def test_a_counter_opens_and_closes_on_the_minute(now: datetime, expected: Opening) -> None:
    assert opening(NINE_TO_NINE, [], now) == expected


def test_the_clocks_of_wuhan_decide_not_those_of_london() -> None:
    early_in_wuhan = datetime.fromisoformat("2026-11-22T16:30:00+00:00")
    assert opening(NINE_TO_NINE, [], early_in_wuhan) == Opening(False, at(9))


def test_holidays_and_days_off_are_passed_over() -> None:
    weekdays_only = {day: NINE_TO_NINE[day] for day in range(5)}
    off = [(MONDAY, MONDAY + timedelta(days=4))]
    assert opening(weekdays_only, off, at(10)) == Opening(False, at(9, day=MONDAY + timedelta(days=7)))


def test_a_counter_without_hours_is_closed_until_further_notice() -> None:
    assert opening({}, [], at(10)) == Opening(False, None)


def test_distance_is_as_the_crow_flies() -> None:
    # Hankou station to Wuchang station: 0.0896° north is 9.96 km, 0.0602° east is 5.76 km at this latitude.
    assert distance_m(30.6196, 114.2523, 30.5300, 114.3125) == pytest.approx(11_510, abs=20)
    assert distance_m(30.58, 114.28, 30.58, 114.28) == 0


def test_the_nearest_counter_comes_first(session: Session, build: Builder) -> None:
    build.counter("FAR", lat=30.35, lng=114.31)
    build.counter("NEAR", lat=30.585, lng=114.28)
    build.commit()
    found = nearest(session, utcnow(), 30.58, 114.28)
    assert [one.code for one in found] == ["NEAR", "FAR"]
    assert found[0].distance_m == pytest.approx(556, abs=2)
    assert [one.distance_m for one in nearest(session, utcnow())] == [None, None]


def test_a_closure_shows_at_the_counter(session: Session, build: Builder) -> None:
    counter = build.counter("WH-01")
    build.add(CounterClosure(counter_id=counter.id, from_day=today(), to_day=today() + timedelta(days=60)))
    build.commit()
    assert nearest(session, utcnow())[0].opening == Opening(False, None)


def test_a_closed_down_counter_is_not_shown(session: Session, build: Builder) -> None:
    build.counter("GONE").active = False
    build.commit()
    assert nearest(session, utcnow()) == ()


def test_stock_at_a_counter_counts_free_packs_of_sellable_lots(session: Session, build: Builder) -> None:
    here, there, sku = build.counter("WH-01"), build.counter("WH-02"), build.sku()
    build.lot(sku, at=here, quantity=3)
    build.lot(sku, at=there, quantity=7)
    recalled = build.lot(sku, at=here, quantity=100)
    recalled.sellable, recalled.withdrawn_reason = False, "recall"
    build.commit()
    assert stock_at(session, here.id, [sku.id]) == {sku.id: 3}


def test_packs_promised_to_others_are_not_left_at_the_counter(
    client: FlaskClient, session: Session, build: Builder
) -> None:
    counter, sku = build.counter("WH-01"), build.sku()
    build.lot(sku, at=counter, quantity=8)
    promise(session, {sku.id: 5}, Channel.COUNTERS)
    build.commit()
    assert "Only 3 left" in client.get("/counters/WH-01", headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize("district", [one.zh for one in DISTRICTS])
def test_a_chosen_district_brings_its_own_counter_near_the_top(visitor: FlaskClient, district: str) -> None:
    page = visitor.get("/counters", query_string={"district": district}).text
    first = re.findall(r'href="/counters/(WH-[A-Z]{2})-\d+"', page)[:3]
    letters = dict(
        zip((one.zh for one in DISTRICTS), ("JA", "JH", "QK", "HY", "WC", "QS", "HS", "DX", "JX", "CD"), strict=True)
    )
    assert f"WH-{letters[district]}" in first


@pytest.mark.parametrize("place", ["lat=x&lng=y", "lat=nan&lng=nan", "lat=91&lng=0", "lat=30.5"])
def test_a_place_that_is_none_leaves_the_counters_in_their_order(visitor: FlaskClient, place: str) -> None:
    answer = visitor.get(f"/counters?{place}")
    assert answer.status_code == 200
    codes = re.findall(r'<h2><a href="/counters/([^"]+)"', answer.text)
    assert codes == sorted(codes)
    assert len(codes) == 20


def test_a_counter_page_tells_hours_place_and_goods(visitor: FlaskClient) -> None:
    page = visitor.get("/counters/WH-JH-01").text
    assert page.count("09:00–21:00") == 7
    assert "北湖" in page
    assert 'href="/p/red-potato"' in page
    assert visitor.get("/counters/none").status_code == 404


def test_my_counter_is_remembered(app: Flask, build: Builder) -> None:
    mine = build.counter("WH-01")
    build.lot(build.sku("HERE"), at=mine, quantity=1)
    build.sku("ELSEWHERE")
    build.commit()
    browser = app.test_client()
    page = browser.get("/counters").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    assert browser.post("/my-counter", data={"counter": "WH-01"}).status_code == 400, "a form without its token"
    assert browser.post("/my-counter", data={"counter": "WH-09", "csrf_token": token[1]}).status_code == 404
    assert browser.post("/my-counter", data={"counter": "WH-01", "csrf_token": token[1]}).status_code == 303
    shelf = browser.get("/products?here=1").text
    assert 'href="/p/here"' in shelf
    assert 'href="/p/elsewhere"' not in shelf
