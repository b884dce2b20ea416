"""Strangers share pages for a few seconds; nobody is ever shown another's, and a new price is seen at once."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalogue.models import Sku
from shop.app import create_app
from shop.db import db
from tests.accounts.people import person, sign_in
from tests.builders import Builder
from tests.conftest import settings_for


@pytest.fixture
def app(database_url: str, redis_url: str) -> Iterator[Flask]:
    """The shop with kept pages, on an empty Redis."""
    redis.Redis.from_url(redis_url).flushdb()
    application = create_app(settings_for(database_url, redis_url).model_copy(update={"page_cache_seconds": 3}))
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def eggs(build: Builder) -> Sku:
    sku = build.sku(code="EGG-30", price_fen=4_500)
    build.lot(sku, at=build.counter("WH-1"), quantity=10)
    build.commit()
    return sku


class Asked:
    """Counts what the database is asked."""

    def __init__(self, app: Flask) -> None:
        self.statements = 0
        with app.app_context():
            sa.event.listen(db.engine, "before_cursor_execute", self.count)

    def count(self, *_: object) -> None:
        self.statements += 1


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def test_the_second_stranger_costs_the_database_nothing(app: Flask, eggs: Sku) -> None:
    first = app.test_client().get("/products")
    asked = Asked(app)
    second = app.test_client().get("/products")
    assert asked.statements == 0
    assert second.status_code == 200
    assert second.text.replace(token_of(second.text), "") == first.text.replace(token_of(first.text), "")
    for name in ("Content-Security-Policy", "X-Frame-Options", "Content-Type", "Cache-Control"):
        assert second.headers[name] == first.headers[name]
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]


def test_each_stranger_gets_a_form_token_of_their_own_that_works(app: Flask, eggs: Sku) -> None:
    app.test_client().get("/p/egg-30")
    one, two = app.test_client(), app.test_client()
    tokens = [token_of(visitor.get("/p/egg-30").text) for visitor in (one, two)]
    assert tokens[0] != tokens[1]
    form = {"sku": "EGG-30", "quantity": "1"}
    assert two.post("/cart/lines", data=form | {"csrf_token": tokens[0]}).status_code == 400
    assert one.post("/cart/lines", data=form | {"csrf_token": tokens[0]}).status_code == 303


def test_a_visitor_keeps_one_token_from_page_to_page(app: Flask, eggs: Sku) -> None:
    app.test_client().get("/products")
    visitor = app.test_client()
    token = token_of(visitor.get("/p/egg-30").text)
    again = visitor.get("/products")
    assert "Set-Cookie" not in again.headers
    form = {"sku": "EGG-30", "quantity": "1", "csrf_token": token}
    assert visitor.post("/cart/lines", data=form).status_code == 303


def test_a_new_price_is_seen_at_once(app: Flask, eggs: Sku) -> None:
    assert "¥45" in app.test_client().get("/products").text
    with app.app_context():
        db.session.get_one(Sku, eggs.id).price_fen = 3_900
        db.session.commit()
    page = app.test_client().get("/products").text
    assert "¥39" in page
    assert "¥45" not in page


def test_a_new_price_is_seen_at_once_by_a_process_that_shows_its_own_copy(
    app: Flask, database_url: str, redis_url: str, eggs: Sku
) -> None:
    settings = settings_for(database_url, redis_url).model_copy(update={"page_cache_seconds": 60})
    other = create_app(settings)
    for _ in range(3):  # drawn, taken from Redis, shown from the process's own memory
        assert "¥45" in other.test_client().get("/products").text
    redis.Redis.from_url(redis_url).delete(*redis.Redis.from_url(redis_url).keys("yarlung:page:*"))
    asked = Asked(other)
    assert "¥45" in other.test_client().get("/products").text
    assert asked.statements == 0
    with app.app_context():
        db.session.get_one(Sku, eggs.id).price_fen = 3_900
        db.session.commit()
    assert "¥39" in other.test_client().get("/products").text
    with other.app_context():
        db.engine.dispose()


def test_a_process_whose_line_to_redis_was_cut_shows_no_copy_of_its_own(app: Flask, redis_url: str, eggs: Sku) -> None:
    for _ in range(3):
        app.test_client().get("/products")
    store = redis.Redis.from_url(redis_url)
    store.client_kill_filter(_type="pubsub")
    store.delete(*store.keys("yarlung:page:*"))
    asked = Asked(app)
    for _ in range(2):
        assert app.test_client().get("/products").status_code == 200
    assert asked.statements > 0


def test_a_cart_a_counter_and_a_name_are_shown_to_their_owner_only(
    app: Flask, client: FlaskClient, session: Session, eggs: Sku
) -> None:
    stranger = app.test_client().get("/products").text
    form = {"sku": "EGG-30", "quantity": "2", "csrf_token": token_of(client.get("/p/egg-30").text)}
    client.post("/cart/lines", data=form)
    assert '<span class="count">2</span>' in client.get("/products").text
    signed_in = app.test_client()
    sign_in(signed_in, person(app, session).email)
    assert 'href="/account"' in signed_in.get("/products").text
    chooser = app.test_client()
    form = {"counter": "WH-1", "csrf_token": token_of(chooser.get("/counters").text)}
    chooser.post("/my-counter", data=form)
    chooser.get("/products")
    later = app.test_client().get("/products").text
    assert later.replace(token_of(later), "") == stranger.replace(token_of(stranger), "")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_language_has_pages_of_its_own(app: Flask, eggs: Sku, language: str) -> None:
    for _ in range(2):
        page = app.test_client().get("/products", headers={"Accept-Language": language}).text
        assert f'<html lang="{language}' in page


@pytest.mark.parametrize("path", ["/search?q=egg", "/products?q=egg", "/counters?lat=30&lng=114", "/cart", "/login"])
def test_what_is_different_for_everybody_is_not_kept(app: Flask, redis_url: str, eggs: Sku, path: str) -> None:
    store = redis.Redis.from_url(redis_url)
    app.test_client().get(path)
    assert store.keys("yarlung:page:*") == []


def test_a_page_that_is_not_there_is_not_kept(app: Flask, redis_url: str, eggs: Sku) -> None:
    assert app.test_client().get("/p/nothing").status_code == 404
    assert redis.Redis.from_url(redis_url).keys("yarlung:page:*") == []


def test_a_forged_cookie_is_no_way_in(app: Flask, eggs: Sku) -> None:
    visitor = app.test_client()
    visitor.set_cookie("yarlung", "forged.cookie.value")
    assert visitor.get("/products").status_code == 200


def test_without_redis_pages_are_drawn_anew(database_url: str, eggs: Sku) -> None:
    settings = settings_for(database_url, "redis://127.0.0.1:1/0").model_copy(update={"page_cache_seconds": 3})
    application = create_app(settings)
    for _ in range(2):
        assert application.test_client().get("/products").status_code == 200
    with application.app_context():
        db.engine.dispose()
