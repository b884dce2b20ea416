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
from orders.consignments.models import Consignment, ReorderPoint
from orders.consignments.replenish import ROAD_DAYS
from tests.accounts.people import csrf_token, person, post, sign_in
from tests.builders import Builder, today


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
