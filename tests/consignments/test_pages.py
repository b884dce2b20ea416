"""The green channel in the three rooms: asked for, confirmed, sent and received through the pages."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.stock.availability import available
from catalogue.stock.models import Channel
from orders.consignments import steps
from orders.consignments.models import Consignment, ReorderPoint
from orders.consignments.proposals import propose_by_hand
from orders.consignments.replenish import ROAD_DAYS
from shop.clock import utcnow
from tests.accounts.people import csrf_token, person, post, sign_in
from tests.builders import GUEST, Builder, today
from tests.counting import Counted


def enter(app: Flask, session: Session, role: str, email: str = "", **works_for: int) -> FlaskClient:
    """A browser in which somebody of that role is signed in, in English."""
    browser = app.test_client()
    sign_in(browser, person(app, session, role, email=email, **works_for).email)
    browser.post("/language", data={"locale": "en", "csrf_token": csrf_token(browser)})
    return browser


def test_from_the_offices_question_to_the_counters_shelf(app: Flask, session: Session, build: Builder) -> None:
    coop, counter = build.cooperative("YADUI"), build.counter("WH-1")
    yoghurt = build.sku("YOG", cooperative=coop, storage="chilled")
    build.lot(yoghurt, at=coop, quantity=40, best_before_in=28, code="LOT-Y")
    other_coop, other_counter = build.cooperative("OTHER"), build.counter("WH-2")
    build.commit()
    office = enter(app, session, "office")
    day = (today() + timedelta(days=ROAD_DAYS)).isoformat()
    form = {"cooperative": str(coop.id), "counter": str(counter.id), f"packs-{yoghurt.id}": "24"}
    refused = post(office, "/office/consignments/ask", **form, arrives_on=today().isoformat())
    assert refused.status_code == 422 and 'value="24"' in refused.text
    assert post(office, "/office/consignments/ask", **form, arrives_on=day).status_code == 303
    asked = session.execute(select(Consignment)).scalar_one()
    line, number = asked.lines[0].id, asked.number
    herder = enter(app, session, "cooperative", cooperative_id=coop.id)
    clerk = enter(app, session, "counter", counter_id=counter.id)
    theirs, here = f"/coop/consignments/{asked.id}", f"/counter/consignments/{asked.id}"
    for stranger, page in (
        (enter(app, session, "cooperative", "c2@people.example", cooperative_id=other_coop.id), theirs),
        (enter(app, session, "counter", "k2@people.example", counter_id=other_counter.id), here),
    ):
        assert stranger.get(page).status_code == 404
        assert number not in stranger.get(page.rpartition("/")[0]).text
    assert number in herder.get("/coop/consignments").text
    refused = post(herder, f"{theirs}/confirm", **{f"packs-{line}": "41"})
    assert refused.status_code == 409 and 'value="41"' in refused.text and "Only 40 packs" in refused.text
    assert post(herder, f"{theirs}/confirm", **{f"packs-{line}": "20"}).status_code == 303
    assert "LOT-Y" in herder.get(theirs).text
    assert post(herder, f"{theirs}/dispatch", vehicle="藏A 1", temperature="4.5").status_code == 303
    assert "Too warm on the road" not in clerk.get(here).text
    assert post(clerk, f"{here}/readings", temperature="8,1").status_code == 303
    page = clerk.get(here).text
    assert "Too warm on the road: up to 8.1" in page
    lot = int(re.findall(r'name="received-(\d+)" value="20"', page)[0])
    wrong = post(clerk, f"{here}/receive", **{f"received-{lot}": "17", f"damaged-{lot}": "2"})
    assert wrong.status_code == 422 and 'value="17"' in wrong.text and "must come to 20" in wrong.text
    told = {f"received-{lot}": "17", f"damaged-{lot}": "2", f"too_warm-{lot}": "1"}
    assert post(clerk, f"{here}/receive", **told).status_code == 303
    session.rollback()
    assert available(session, [yoghurt.id], Channel.COUNTERS)[yoghurt.id] == 17
    assert "2 damaged, 1 too warm" in herder.get("/coop/consignments").text
    for path in ("", f"/{asked.id}", "?status=late", "/ask", f"/ask?cooperative={coop.id}"):
        assert office.get(f"/office/consignments{path}").status_code == 200, path


def test_a_reorder_point_is_set_and_what_lacks_is_asked_for_now(app: Flask, session: Session, build: Builder) -> None:
    coop, counter = build.cooperative("YADUI"), build.counter("WH-1")
    eggs = build.sku("EGG", cooperative=coop)
    build.lot(eggs, at=coop, quantity=40, best_before_in=28)
    build.commit()
    office = enter(app, session, "office")
    there = f"/office/consignments/reorder-point?counter={counter.id}&sku={eggs.id}"
    seen = re.findall(r'name="seen" value="(\w+)"', office.get(there).text)[0]
    form = {"counter": str(counter.id), "sku": str(eggs.id), "seen": seen}
    bad = post(office, "/office/consignments/reorder-point", **form, **{"packs-0": "9", "packs-1": "5"})
    assert bad.status_code == 422 and 'value="9"' in bad.text
    for status in (303, 409):  # the second editor saw that there was none
        form_sent = {**form, "packs-0": "6", "packs-1": "24"}
        assert post(office, "/office/consignments/reorder-point", **form_sent).status_code == status
    assert session.execute(select(ReorderPoint.up_to)).scalar_one() == 24
    assert "EGG" in office.get("/office/consignments/reorder-points").text
    assert post(office, "/office/consignments/ask-now").status_code == 303
    session.rollback()
    asked = session.execute(select(Consignment)).scalar_one()
    herder = enter(app, session, "cooperative", cooperative_id=coop.id)
    assert "no fewer than 6" in herder.get(f"/coop/consignments/{asked.id}").text
    assert post(office, f"/office/consignments/{asked.id}/withdraw", reason="enough").status_code == 303
    assert "enough" in herder.get("/coop/consignments").text


# Statements a page of a consignment takes, six or seven of them to know who is signed in and what their cart holds.
BUDGETS = {
    "/office/consignments/{one}": 17, "/office/consignments/ask?cooperative={coop}": 12,
    "/office/consignments/reorder-points": 12, "/coop/consignments": 11, "/coop/consignments/{one}": 16,
    "/counter/consignments": 11, "/counter/consignments/{one}": 16,
}  # fmt: skip


class Road:
    """A cooperative and a counter between which more and more is on its way, and the three people who look at it."""

    def __init__(self, app: Flask, session: Session, build: Builder) -> None:
        self.session, self.build = session, build
        self.coop, self.counter = build.cooperative("YADUI"), build.counter("WH-1")
        build.commit()
        self.people = {
            "office": enter(app, session, "office"),
            "coop": enter(app, session, "cooperative", cooperative_id=self.coop.id),
            "counter": enter(app, session, "counter", counter_id=self.counter.id),
        }

    def asked(self, goods: int, lots: int) -> Consignment:
        """A consignment of so many goods, asked for; so many lots in the store can give each of them."""
        skus = [self.build.sku(cooperative=self.coop) for _ in range(goods)]
        for sku in skus:
            for _ in range(lots):
                self.build.lot(sku, at=self.coop, quantity=4, best_before_in=28)
            self.session.add(ReorderPoint(counter_id=self.counter.id, sku_id=sku.id, point=6, up_to=24))
        packs = {sku.id: 4 * lots for sku in skus}
        day = today() + timedelta(days=ROAD_DAYS)
        found = propose_by_hand(self.session, self.coop.id, self.counter.id, day, packs, GUEST, utcnow())
        self.session.commit()
        return found

    def confirmed(self, goods: int, lots: int) -> Consignment:
        """The same, set aside."""
        found = self.asked(goods, lots)
        packs = {line.id: line.proposed for line in found.lines}
        steps.confirm(self.session, found.id, packs, GUEST, utcnow())
        self.session.commit()
        return found

    def sent(self, goods: int, lots: int, readings: int) -> Consignment:
        """The same, on the road, with what the thermometer said so often."""
        found = self.confirmed(goods, lots)
        steps.dispatch(self.session, found.id, "", GUEST, utcnow())
        said = {utcnow() - timedelta(hours=number): 40 for number in range(readings)}
        steps.note_temperatures(self.session, found.id, said, GUEST)
        self.session.commit()
        return found

    def costs(self, queries: Counted, consignment: Consignment) -> dict[str, int]:
        """Statements by page."""
        found = {}
        for page in BUDGETS:
            path = page.format(one=consignment.id, coop=self.coop.id)
            found[page] = queries.of(self.people[path.split("/")[1]], path)
        return found


def test_no_page_of_consignments_asks_more_as_they_grow(
    app: Flask, session: Session, build: Builder, queries: Counted
) -> None:
    road = Road(app, session, build)
    short = {
        "asked": road.costs(queries, road.asked(1, 1)), "confirmed": road.costs(queries, road.confirmed(1, 1)),
        "sent": road.costs(queries, road.sent(1, 1, 1)),
    }  # fmt: skip
    for _ in range(3):
        road.asked(2, 2)
        road.sent(2, 2, 2)
    long = {
        "asked": road.costs(queries, road.asked(5, 3)), "confirmed": road.costs(queries, road.confirmed(5, 3)),
        "sent": road.costs(queries, road.sent(5, 3, 9)),
    }  # fmt: skip
    grown = {
        (stands, page): (short[stands][page], count)
        for stands, pages in long.items()
        for page, count in pages.items()
        if count > short[stands][page]
    }
    assert grown == {}
    dear = {(stands, page): n for stands, pages in long.items() for page, n in pages.items() if n > BUDGETS[page]}
    assert dear == {}
