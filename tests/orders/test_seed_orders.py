"""The demonstration has orders at every step, made by the steps people take, and its books are true."""

from __future__ import annotations

from collections import Counter as Tally

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.seed.demo import DEMO_PASSWORD, seed_shop
from orders.consignments.models import Consignment
from orders.fulfilment.assign import route_order
from orders.models import Order
from orders.office.dashboard import dashboard
from orders.seed.channel import seed_channel
from orders.seed.today import BASKETS, BUYER, CONSUMER, seed_orders
from shop.clock import utcnow
from tests.accounts.people import sign_in
from tests.invariants import faults_without_workers


@pytest.fixture
def sown(app: Flask, session: Session) -> Session:
    """The demonstration, sown once."""
    with app.app_context():
        seed_shop(session, with_accounts=True)
        seed_channel(session, utcnow(), with_consignments=True)
        seed_orders(session, utcnow())
    return session


def test_the_day_has_orders_at_every_step_and_is_sown_only_once(app: Flask, sown: Session) -> None:
    with app.app_context():
        seed_orders(sown, utcnow())
    states = Tally(sown.execute(select(Order.status).where(Order.kind == "retail")).scalars())
    assert states == Tally(basket.status.value for basket in BASKETS)
    assert sown.scalar(select(func.count()).where(Order.kind == "bulk")) == 1
    assert faults_without_workers(sown) == []


def test_the_office_sees_who_earned_what_on_its_first_day(sown: Session) -> None:
    seen = dashboard(sown, utcnow())
    assert sum(1 for one in seen.income if one.total_fen) >= 4
    assert seen.days[-1].orders == len(BASKETS)  # without the cancelled one, with the supermarket's


def test_each_room_has_something_to_look_at(app: Flask, sown: Session) -> None:
    rooms = {CONSUMER: "/account/orders", BUYER: "/buyer/orders", "counter-wh-jh-01@demo.example": "/counter/"}
    for email, path in rooms.items():
        client = app.test_client()
        sign_in(client, email, DEMO_PASSWORD)
        page = client.get(path)
        assert page.status_code == 200, path
        assert "YL-" in page.text, path


def test_the_ledger_of_stock_says_for_which_order_and_which_consignment_it_moved(app: Flask, sown: Session) -> None:
    orders = set(sown.execute(select(Order.number)).scalars())
    consignments = set(sown.execute(select(Consignment.number)).scalars())
    client = app.test_client()
    sign_in(client, "office@demo.example", DEMO_PASSWORD)
    pages = "".join(client.get(f"/office/stock?page={page}").text for page in (1, 2, 3))
    assert "allocation" not in pages
    assert any(number in pages for number in orders)
    assert any(number in pages for number in consignments)


def test_the_router_finds_counters_for_what_was_left_to_it(app: Flask, sown: Session) -> None:
    waiting = sown.execute(select(Order.id).where(Order.status == "confirmed", Order.kind == "retail")).scalars().all()
    with app.app_context():
        for order_id in waiting:
            assert route_order(sown, order_id, utcnow()) is not None
    assert set(sown.execute(select(Order.status).where(Order.id.in_(waiting))).scalars()) == {"routed"}
