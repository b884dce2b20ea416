"""What customers, counters, cooperatives and the office read of packs that are still on the road."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import force_locale, format_date
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.stock.models import StockLevel
from orders.access import access_key
from orders.consignments.models import Backorder
from orders.fulfilment.models import Fulfilment
from orders.models import Order
from orders.shortage import count_stock
from shop.clock import utcnow
from tests.accounts.people import csrf_token, post
from tests.builders import GUEST, Builder
from tests.consignments.road import Road
from tests.consignments.test_pages import enter
from workers.mails.order import compose_order_mail


@pytest.fixture
def road(session: Session, build: Builder) -> Road:
    """Three packs on the shelf."""
    return Road(session, build)


def key_of(app: Flask, bought: Order) -> str:
    """What opens an order's page."""
    with app.app_context():
        return access_key(bought.number)


def test_the_customer_reads_the_day_and_may_do_without(road: Road, app: Flask) -> None:
    road.coming(1)
    road.coming(40)
    bought = road.ordered(3, promised_anyway=2)
    road.all_is_well()
    browser = app.test_client()
    browser.get(f"/orders/{bought.number}?key={key_of(app, bought)}")
    browser.post("/language", data={"locale": "en", "csrf_token": csrf_token(browser)})
    page = browser.get(f"/orders/{bought.number}").text
    assert "1 × Goods EGG-30 · one pack" in page
    assert page.count("comes with the next delivery from Cooperative YADUI") == 2, "one pack with each of two lorries"
    assert page.count("/lines/1/do-without") == 1
    stranger = app.test_client()
    stranger.get("/")
    assert post(stranger, f"/orders/{bought.number}/lines/1/do-without").status_code == 404
    assert post(browser, f"/orders/{bought.number}/lines/2/do-without").status_code == 303, "there is no such line"
    assert road.waits(bought) == 2
    assert post(browser, f"/orders/{bought.number}/lines/1/do-without").status_code == 303
    road.session.rollback()
    page = browser.get(f"/orders/{bought.number}").text
    assert "You do without 2 × Goods EGG-30" in page and 'id="awaited"' not in page
    assert post(browser, f"/orders/{bought.number}/lines/1/do-without").status_code == 303
    assert "have arrived meanwhile" in browser.get(f"/orders/{bought.number}").text


def test_every_room_sees_who_waits_for_what(road: Road, app: Flask) -> None:
    consignment = road.coming(40)
    bought = road.ordered(3, promised_anyway=2)
    clerk = enter(app, road.session, "counter", counter_id=road.counter.id)
    herder = enter(app, road.session, "cooperative", cooperative_id=road.cooperative.id)
    office = enter(app, road.session, "office")
    for browser, room in ((clerk, "counter"), (herder, "coop"), (office, "office")):
        page = browser.get(f"/{room}/consignments/{consignment}").text
        assert "2 of 40 packs are promised to customers already" in page, room
    page = office.get(f"/office/orders/{bought.number}").text
    assert "Packs promised from a consignment" in page and "2 on the road" in page
    assert "SKU: EGG-30; Packs: 2" in page, "goods by their code"
    part = road.session.scalars(select(Fulfilment)).one()
    assert "still on the road from Nedong" in clerk.get(f"/counter/parts/{part.id}").text
    told = office.get(f"/api/v1/orders/{bought.number}?access_key={key_of(app, bought)}").json
    assert [(one["sku"], one["packs"]) for one in told["awaited"]] == [("EGG-30", 2)]


def test_the_office_reads_from_which_counters_an_order_was_planned_anew(road: Road, app: Flask) -> None:
    road.coming(40)
    bought = road.ordered(3)
    level = road.session.scalars(select(StockLevel).where(StockLevel.lot.has(code="SHELF"))).one()
    count_stock(road.session, level_id=level.id, counted=0, actor=GUEST, source_id="gone", now=utcnow())
    road.session.commit()
    road.work()
    page = enter(app, road.session, "office").get(f"/office/orders/{bought.number}").text
    assert "less was there than expected: WH-1 → –" in page
    assert road.waits(bought) == 3


@pytest.mark.parametrize("locale", ["en", "zh", "bo"])
def test_the_mail_says_what_comes_when(road: Road, app: Flask, locale: str) -> None:
    road.coming(40)
    bought = road.ordered(3, promised_anyway=2)
    bought.locale = locale
    road.session.commit()
    backorder = road.session.scalars(select(Backorder).where(Backorder.state == "awaited")).one()
    with app.app_context(), force_locale(locale):
        mail, _ = compose_order_mail(road.session, bought.id, "awaited")
        day = format_date(backorder.expected_on, "medium", rebase=False)
    assert mail is not None and day in mail.text and day in (mail.html or "")
