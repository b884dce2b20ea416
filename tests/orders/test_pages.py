"""Cart, checkout and order pages as a browser without JavaScript meets them."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from orders.access import access_key
from orders.lifecycle import move_order
from orders.models import Order, Reservation
from orders.promises import lock_order
from orders.states import OrderStatus
from shop.accounts.models import User
from shop.clock import utcnow
from tests.builders import GUEST, Builder
from tests.builders import order as place


def token_in(page: str) -> str:
    """The CSRF token of a page's first form."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert found, f"no field {name}"
    value = re.search(r'value="([^"]*)"', found[0])
    return unescape(value[1]) if value else ""


def post(client: FlaskClient, path: str, **fields: object) -> TestResponse:
    """Send a form as the cart's page would (any page of ours carries the language form and its token)."""
    return client.post(path, data={"csrf_token": token_in(client.get("/cart").text), **fields})


def filled_in(page: str, counter: str, **other: object) -> dict[str, object]:
    """The checkout form as a customer leaves it."""
    names = ("csrf_token", "token", "expected_pickup_fen", "expected_delivery_fen")
    kept = {name: hidden(page, name) for name in names}
    typed = {"name": "王芳", "phone": "138 0000 1234", "email": "wang@mail.example", "method": "pickup"}
    return {**kept, **typed, "counter": counter, "district": "", "payment": "at_counter", **other}


@pytest.fixture
def goods(build: Builder) -> Builder:
    """A counter with eggs and potatoes."""
    counter = build.counter("WH-01")
    build.lot(build.sku("EGGS", price_fen=1980), at=counter, quantity=5)
    build.lot(build.sku("POTATOES", price_fen=990), at=counter, quantity=50)
    build.commit()
    return build


def checkout_page(client: FlaskClient) -> str:
    """A cart of two eggs and three potatoes, at checkout."""
    assert post(client, "/cart/lines", sku="EGGS", quantity=2).status_code == 303
    assert post(client, "/cart/lines", sku="POTATOES", quantity=3).status_code == 303
    return client.get("/checkout").text


def number_of(answer: TestResponse) -> str:
    """The order a checkout led to."""
    assert answer.status_code == 303, answer.text
    return answer.location.rsplit("/", 1)[1]


def test_a_guest_buys_and_sees_the_order(client: FlaskClient, goods: Builder, session: Session):
    page = checkout_page(client)
    assert "¥69.30" in page
    number = number_of(client.post("/checkout", data=filled_in(page, "WH-01")))
    order = session.execute(select(Order)).scalar_one()
    assert (order.number, order.total_fen, order.status) == (number, 6930, "confirmed")
    shown = client.get(f"/orders/{number}")
    assert shown.status_code == 200
    assert number in shown.text
    assert order.pickup_code is not None
    assert f"{order.pickup_code[:4]} {order.pickup_code[4:]}" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert "¥69.30" in shown.text
    picture = client.get(f"/orders/{number}/code.svg")
    assert (picture.status_code, picture.mimetype) == (200, "image/svg+xml")
    assert picture.headers["Cache-Control"] == "no-store"
    assert client.get("/checkout").location == "/cart", "the cart is empty now"


def test_pressing_twice_places_one_order(client: FlaskClient, goods: Builder, session: Session):
    form = filled_in(checkout_page(client), "WH-01")
    first, second = client.post("/checkout", data=form), client.post("/checkout", data=form)
    assert number_of(first) == number_of(second)
    assert session.scalar(select(func.count()).select_from(Order)) == 1
    assert session.scalar(select(func.sum(Reservation.quantity))) == 5


def test_an_incomplete_form_keeps_all_that_was_typed(client: FlaskClient, goods: Builder):
    page = checkout_page(client)
    form = filled_in(page, "WH-01", phone="12345", note="请放在冷柜", street="前进四路")
    answer = client.post("/checkout", data=form)
    assert answer.status_code == 422
    for typed in ("王芳", "12345", "wang@mail.example", "请放在冷柜", "前进四路"):
        assert typed in answer.text
    assert re.search(r'value="WH-01"[^>]*checked', answer.text)
    assert hidden(answer.text, "token") == hidden(page, "token")
    assert 'id="phone-error"' in answer.text


@pytest.mark.parametrize(
    ("phone", "kept"),
    [
        ("13800001234", "13800001234"),
        ("+86 138-0000-1234", "13800001234"),
        ("０２７－８８８８１２３４", "02788881234"),
        ("(027) 8888 1234 转 56", "02788881234转56"),
    ],
)
def test_a_phone_number_may_be_written_as_people_write_it(
    client: FlaskClient, goods: Builder, session: Session, phone: str, kept: str
):
    number_of(client.post("/checkout", data=filled_in(checkout_page(client), "WH-01", phone=phone)))
    contact = session.execute(select(Order)).scalar_one().contact
    assert contact is not None
    assert contact.phone == kept


@pytest.mark.parametrize("phone", ["", "1380000123", "23800001234", "138000012345", "hello"])
def test_a_number_that_nobody_can_call_is_refused(client: FlaskClient, goods: Builder, session: Session, phone: str):
    answer = client.post("/checkout", data=filled_in(checkout_page(client), "WH-01", phone=phone))
    assert answer.status_code == 422
    assert session.scalar(select(func.count()).select_from(Order)) == 0


@pytest.mark.parametrize("counter", ["", "WH-99"])
def test_a_counter_must_be_chosen(client: FlaskClient, goods: Builder, counter: str):
    answer = client.post("/checkout", data=filled_in(checkout_page(client), counter))
    assert answer.status_code == 422
    assert 'id="counter-error"' in answer.text


def test_too_little_stock_names_the_goods_and_keeps_the_cart(client: FlaskClient, goods: Builder, session: Session):
    page = checkout_page(client)
    rival = goods.session.get_one(Order, place(session, {sku(goods, "EGGS"): 4}, at=counter(goods)).id)
    answer = client.post("/checkout", data=filled_in(page, "WH-01", name="李雷"))
    assert answer.status_code == 409
    assert "商品EGGS" in answer.text
    assert "李雷" in answer.text
    assert session.scalar(select(func.count()).select_from(Order)) == 1, rival.number
    cart = client.get("/cart").text
    assert 'value="2"' in cart
    assert 'value="3"' in cart


def test_a_changed_price_is_shown_before_anything_is_ordered(client: FlaskClient, goods: Builder, session: Session):
    page = checkout_page(client)
    sku(goods, "EGGS").price_fen = 2500
    goods.commit()
    answer = client.post("/checkout", data=filled_in(page, "WH-01"))
    assert answer.status_code == 409
    assert "¥79.70" in answer.text
    assert session.scalar(select(func.count()).select_from(Order)) == 0
    number_of(client.post("/checkout", data=filled_in(answer.text, "WH-01")))


def test_delivery_costs_what_was_shown(client: FlaskClient, goods: Builder, session: Session):
    page = checkout_page(client)
    form = filled_in(page, "", method="delivery", district="江汉区", street="前进四路 1 号")
    number_of(client.post("/checkout", data=form))
    order = session.execute(select(Order)).scalar_one()
    assert (order.method, order.total_fen) == ("delivery", int(hidden(page, "expected_delivery_fen")))
    assert order.delivery_fen > 0


def test_delivery_needs_a_street_and_a_district(client: FlaskClient, goods: Builder):
    answer = client.post("/checkout", data=filled_in(checkout_page(client), "", method="delivery"))
    assert answer.status_code == 422
    assert 'id="street-error"' in answer.text
    assert 'id="district-error"' in answer.text


def test_choosing_a_district_brings_its_counters_to_the_top(client: FlaskClient, build: Builder, goods: Builder):
    far = build.counter("WH-02", lat=30.50, lng=114.40)
    far.district = "洪山区"
    build.commit()
    form = filled_in(checkout_page(client), "WH-01", district="洪山区", name="韩梅梅", nearby="1")
    answer = client.post("/checkout", data=form)
    assert answer.status_code == 200
    assert answer.text.index("counter-WH-02") < answer.text.index("counter-WH-01")
    assert "韩梅梅" in answer.text
    near_first = client.post("/checkout", data={**form, "lat": "30.58", "lng": "114.28"}).text
    assert near_first.index("counter-WH-01") < near_first.index("counter-WH-02")


def test_strangers_see_nothing(app: Flask, client: FlaskClient, goods: Builder):
    number = number_of(client.post("/checkout", data=filled_in(checkout_page(client), "WH-01")))
    stranger = app.test_client()
    for path in ("", "/status", "/code.svg", "/cancel", "?key=guess", f"?key={'x' * 43}"):
        assert stranger.get(f"/orders/{number}{path}").status_code == 404, path
    for path in ("/cancel", "/reorder"):
        assert post(stranger, f"/orders/{number}{path}").status_code == 404, path
    assert stranger.get("/orders/YL-0000-0000").status_code == 404


def test_a_signed_link_opens_the_order_and_leaves_a_clean_address(app: Flask, client: FlaskClient, goods: Builder):
    number = number_of(client.post("/checkout", data=filled_in(checkout_page(client), "WH-01")))
    with app.app_context():
        key = access_key(number)
    other_phone = app.test_client()
    opened = other_phone.get(f"/orders/{number}?key={key}")
    assert (opened.status_code, opened.location) == (303, f"/orders/{number}")
    assert other_phone.get(f"/orders/{number}/status").status_code == 200
    assert other_phone.get(f"/orders/YL-9999-9999?key={key}").status_code == 404


def test_cancelling_asks_once_and_gives_the_stock_back(client: FlaskClient, goods: Builder, session: Session):
    number = number_of(client.post("/checkout", data=filled_in(checkout_page(client), "WH-01")))
    assert number in client.get(f"/orders/{number}/cancel").text
    assert post(client, f"/orders/{number}/cancel").status_code == 303
    assert session.execute(select(Order.status)).scalar_one() == "cancelled"
    page = client.get(f"/orders/{number}").text
    assert "data-live-done" in page
    assert "data-live-url" not in page
    assert f"/orders/{number}/cancel" not in page
    assert client.get(f"/orders/{number}/code.svg").status_code == 404
    assert post(client, "/cart/lines", sku="EGGS", quantity=5).status_code == 303
    assert 'value="5"' in client.get("/cart").text


def test_cancelling_too_late_says_so(client: FlaskClient, goods: Builder, session: Session):
    number = number_of(client.post("/checkout", data=filled_in(checkout_page(client), "WH-01")))
    order = lock_order(session, session.execute(select(Order.id)).scalar_one())
    for status in (OrderStatus.ROUTED, OrderStatus.COMPLETED):
        move_order(session, order, status, GUEST, utcnow())
    session.commit()
    assert client.get(f"/orders/{number}/cancel").status_code == 303
    assert post(client, f"/orders/{number}/cancel").status_code == 303
    session.expire_all()
    assert session.execute(select(Order.status)).scalar_one() == "completed"
    assert "alert warn" in client.get(f"/orders/{number}").text


def test_ordering_again_fills_the_cart_as_far_as_goods_are_there(client: FlaskClient, goods: Builder, session: Session):
    number = number_of(client.post("/checkout", data=filled_in(checkout_page(client), "WH-01")))
    place(session, {sku(goods, "EGGS"): 2}, at=counter(goods))
    answer = post(client, f"/orders/{number}/reorder")
    assert (answer.status_code, answer.location) == (303, "/cart")
    cart = client.get("/cart").text
    assert 'value="1"' in cart
    assert 'value="3"' in cart


def test_more_than_is_left_is_told_with_the_number(client: FlaskClient, goods: Builder):
    answer = post(client, "/cart/lines", sku="EGGS", quantity=9)
    assert answer.status_code == 303
    page = client.get("/cart").text
    assert "alert warn" in page
    assert 'value="5"' in page


@pytest.mark.parametrize("quantity", ["", "two", "1.5", "-1", "999999", "²"])
def test_a_quantity_that_is_no_number_changes_nothing(client: FlaskClient, goods: Builder, quantity: str):
    post(client, "/cart/lines", sku="EGGS", quantity=2)
    assert post(client, "/cart/lines/EGGS", quantity=quantity).status_code == 422
    assert 'value="2"' in client.get("/cart").text


def test_taking_out_empties_the_line(client: FlaskClient, goods: Builder):
    post(client, "/cart/lines", sku="EGGS", quantity=2)
    assert post(client, "/cart/lines/EGGS", remove="1", quantity="2").status_code == 303
    assert "cart-line" not in client.get("/cart").text


def test_unknown_goods_are_not_found(client: FlaskClient, goods: Builder):
    assert post(client, "/cart/lines", sku="NOTHING", quantity=1).status_code == 404
    assert post(client, "/cart/lines/NOTHING", quantity=1).status_code == 404


def sign_in_as_new_customer(app: Flask, client: FlaskClient, session: Session) -> User:
    """Somebody with an account comes in."""
    with app.app_context():
        password = hash_password("correct horse battery staple")
    user = User(email="fang@mail.example", password=password, fs_uniquifier="fang", name="王芳", confirmed_at=utcnow())
    session.add(user)
    session.commit()
    token = token_in(client.get("/login").text)
    form = {"csrf_token": token, "email": "fang@mail.example", "password": "correct horse battery staple"}
    assert client.post("/login", data=form).status_code in {302, 303}
    return user


def test_what_a_guest_ordered_here_stays_open_after_sign_in(
    app: Flask, client: FlaskClient, goods: Builder, session: Session
):
    number = number_of(client.post("/checkout", data=filled_in(checkout_page(client), "WH-01", email="")))
    sign_in_as_new_customer(app, client, session)
    assert client.get(f"/orders/{number}").status_code == 200


def test_the_guests_cart_is_there_after_sign_in(app: Flask, client: FlaskClient, goods: Builder, session: Session):
    post(client, "/cart/lines", sku="EGGS", quantity=2)
    user = sign_in_as_new_customer(app, client, session)
    assert 'value="2"' in client.get("/cart").text
    page = client.get("/checkout").text
    assert hidden(page, "name") == "王芳"
    number = number_of(client.post("/checkout", data=filled_in(page, "WH-01")))
    assert session.execute(select(Order.user_id)).scalar_one() == user.id
    assert client.get(f"/orders/{number}").status_code == 200
    assert number in client.get("/account/orders").text


def sku(build: Builder, code: str):
    """The SKU of that code."""
    from catalogue.models import Sku

    return build.session.execute(select(Sku).where(Sku.code == code)).scalar_one()


def counter(build: Builder):
    """The one counter."""
    from catalogue.models import Counter

    return build.session.execute(select(Counter).where(Counter.code == "WH-01")).scalar_one()
