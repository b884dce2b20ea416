"""The green channel as a map: signs that tell the state by their shape, and roads that end where the counters are."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalogue.districts import DISTRICTS
from catalogue.outlines import FILE, outlines
from catalogue.seed.places import COUNTERS
from orders.consignments.models import ReorderPoint
from orders.consignments.proposals import propose_by_hand
from orders.consignments.replenish import ROAD_DAYS
from orders.consignments.steps import confirm, dispatch
from orders.office.channel_map import channel_map
from orders.office.map_drawing import WIDTH, Curve, holds, window_around
from shop.clock import utcnow
from tests.builders import GUEST, Builder, today
from tests.consignments.test_pages import enter

# A border may have moved so far (degrees, about 200 m) when it was simplified.
SLACK = 0.002


@pytest.fixture
def three(app: Flask, session: Session, build: Builder) -> dict[str, str]:
    """Three counters with a shelf of eggs each: one full, one empty, one empty with a lorry on its way to it.

    Their states by code.
    """
    coop = build.cooperative("YADUI")
    eggs = build.sku("EGG", cooperative=coop)
    build.lot(eggs, at=coop, quantity=60, best_before_in=28)
    full, empty, waiting = (build.counter(f"WH-{number}", lat=30.5 + number / 50) for number in (1, 2, 3))
    build.counter("WH-4", lng=114.4)
    build.lot(eggs, at=full, quantity=20)
    for counter in (full, empty, waiting):
        session.add(ReorderPoint(counter_id=counter.id, sku_id=eggs.id, point=6, up_to=24))
    now = utcnow() - timedelta(days=ROAD_DAYS + 2)
    with app.app_context():
        asked = propose_by_hand(
            session, coop.id, waiting.id, today() - timedelta(days=2), {eggs.id: 12}, GUEST, now
        )  # fmt: skip
        confirm(session, asked.id, {asked.lines[0].id: 12}, GUEST, now)
        dispatch(session, asked.id, "", GUEST, now)
    session.commit()
    return {"WH-1": "filled", "WH-2": "lacks", "WH-3": "coming", "WH-4": "unkept"}


def test_every_counter_is_drawn_by_the_state_of_its_shelves_and_a_late_lorry_by_its_own(
    app: Flask, session: Session, three: dict[str, str]
) -> None:
    found = channel_map(session, utcnow())
    assert found is not None
    assert {mark.counter.code: mark.shelves.state.value for mark in found.marks} == three
    road = found.roads[0]
    assert (road.late, road.consignment.counter.code, len(found.roads)) == (True, "WH-3", 1)
    page = enter(app, session, "office").get("/office/consignments/map").text
    assert len(set(re.findall(r'class="sign (\w+)"', page))) == 4
    assert page.count('class="lorry late"') == 2, "on the road, and in the key"
    assert re.search(rf'aria-label="{road.consignment.number} from Cooperative YADUI: On the road, late', page)
    for code in three:
        assert f'href="#counter-{code}"' in page and f'id="counter-{code}"' in page
    assert page.count(road.consignment.number) >= 2, "on the map, and in the table beside it"
    assert not re.search(r'<[^>]*\sstyle="', page), "the policy lets no inline style through"


def test_a_shop_without_counters_has_an_empty_map(app: Flask, session: Session) -> None:
    assert "There is no counter yet" in enter(app, session, "office").get("/office/consignments/map").text


def test_the_kept_outlines_are_small_and_hold_the_counters_of_their_districts() -> None:
    assert FILE.stat().st_size < 60_000
    rings = {one.name: one.rings for one in outlines()}
    assert len(rings) == 13
    for code, district, _street, _english, lat, lng, *_more in COUNTERS:
        around = [
            (lng + east, lat + north) for east, north in ((0, 0), (SLACK, 0), (-SLACK, 0), (0, SLACK), (0, -SLACK))
        ]
        assert any(holds(ring, place) for ring in rings[district] for place in around), code
    for one in DISTRICTS:
        assert any(holds(ring, (one.lng, one.lat)) for ring in rings[one.zh]), one.zh


@given(st.lists(st.tuples(st.floats(113.7, 115), st.floats(30, 31.3)), min_size=1, max_size=30))
def test_wherever_the_counters_are_all_of_them_are_seen(places: list[tuple[float, float]]) -> None:
    window = window_around(places)
    assert 0.7 * WIDTH <= window.height <= 1.4 * WIDTH
    for place in places:
        x, y = window.point(*place)
        assert 0 < x < WIDTH and 0 < y < window.height
        back = window.place((x, y))
        assert max(abs(back[0] - place[0]), abs(back[1] - place[1])) < 0.01


@given(st.floats(0, 1), st.tuples(st.integers(0, 720), st.integers(200, 900)))
def test_a_lorry_stays_between_the_store_and_the_counter(share: float, end: tuple[int, int]) -> None:
    curve = Curve((100, 148), end)
    assert (curve.at(0), curve.at(1)) == ((100, 148), end)
    x, y = curve.at(share)
    assert min(100, end[0]) <= x <= max(100, end[0]) and 148 <= y <= end[1]
