"""The shelves show what was asked for, in few queries, and are not upset by strange addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from catalogue.listing import Wish, product_page, shelf
from catalogue.models import Counter
from catalogue.shelf_statements import Sort
from shop.db import db
from shop.errors import NotFound
from tests.builders import Builder

# The whole page, its head with the cart's count included.
MOST_QUERIES = 12


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements a page sends."""
    sent: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/products", "/products?storage=frozen&sort=-price", "/c/eggs-poultry", "/search?q=zxj", "/p/zang-chicken",
        "/counters", "/counters?district=%E6%B1%9F%E6%B1%89%E5%8C%BA", "/counters/WH-JH-01", "/cooperatives/YADUI",
    ],
)  # fmt: skip
def test_a_page_needs_few_queries_however_much_it_shows(seeded_app: Flask, visitor: FlaskClient, path: str) -> None:
    with counted(seeded_app) as sent:
        answer = visitor.get(path)
    assert answer.status_code == 200
    assert 0 < len(sent) <= MOST_QUERIES, "\n".join(sent)


def test_the_front_page_says_where_each_cooperative_is_and_what_it_is_like(client: FlaskClient, build: Builder) -> None:
    build.cooperative("YADUI")
    build.commit()
    page = client.get("/").text
    assert "昌珠镇 · 约 3560 米" in page
    assert "高原上的合作社。" in page


def test_the_database_need_not_plan_anew_what_shelves_ask_each_time(seeded_app: Flask, visitor: FlaskClient) -> None:
    for _ in range(24):
        assert visitor.get("/products").status_code == 200
    with seeded_app.app_context(), db.engine.connect() as connection:
        cards = "SELECT generic_plans FROM pg_prepared_statements WHERE statement ~ 'row_number'"
        assert max(connection.execute(text(cards)).scalars(), default=0) >= 10


@pytest.mark.parametrize("sort", list(Sort))
def test_products_without_a_pack_on_sale_hide_no_others(session: Session, build: Builder, sort: Sort) -> None:
    for _ in range(2):
        build.sku(price_fen=900)
    for _ in range(4):
        build.sku().active = False
    build.commit()
    pages = [shelf(session, Wish(sort=sort, page=page), per_page=2) for page in (1, 2, 3)]
    assert [(page.total, page.pages, page.page) for page in pages] == [(6, 3, 1), (6, 3, 2), (6, 3, 3)]
    assert sum(len(page.cards) for page in pages) == 2


def test_more_goods_do_not_mean_more_queries(app: Flask, client: FlaskClient, build: Builder) -> None:
    def queries() -> int:
        build.commit()
        with counted(app) as sent:
            assert client.get("/products").status_code == 200
        return len(sent)

    counter = build.counter()
    build.lot(build.sku(), at=counter, quantity=5)
    client.get("/products")
    few = queries()
    for _ in range(8):
        build.lot(build.sku(), at=counter, quantity=5)
    assert queries() == few


def test_shelves_are_narrowed_by_category_storage_and_cooperative(seeded: Session) -> None:
    assert {card.storage for card in shelf(seeded, Wish(storage="frozen")).cards} == {"frozen"}
    assert {card.slug for card in shelf(seeded, Wish(category="eggs-poultry")).cards} == {"zang-chicken", "zang-eggs"}
    assert {card.slug for card in shelf(seeded, Wish(cooperative="CHANGZHU")).cards} == {"red-potato"}
    assert shelf(seeded, Wish(category="meat", storage="ambient")).cards == ()


def test_in_stock_at_my_counter_shows_only_what_stands_there(session: Session, build: Builder) -> None:
    mine, other = build.counter("WH-01"), build.counter("WH-02")
    here, there = build.sku("HERE"), build.sku("THERE")
    build.lot(here, at=mine, quantity=3)
    build.lot(there, at=other, quantity=3)
    build.commit()
    assert [card.slug for card in shelf(session, Wish(counter_id=mine.id)).cards] == ["here"]


def test_withdrawn_goods_do_not_stand_at_a_counter(session: Session, build: Builder) -> None:
    counter = build.counter()
    lot = build.lot(build.sku("OLD"), at=counter, quantity=3)
    lot.sellable, lot.withdrawn_reason = False, "recall"
    build.commit()
    assert shelf(session, Wish(counter_id=counter.id)).cards == ()
    assert product_page(session, "old").counters == ()


def test_prices_sort_both_ways(seeded: Session) -> None:
    rising = [card.from_fen for card in shelf(seeded, Wish(sort=Sort.CHEAPEST)).cards]
    falling = [card.from_fen for card in shelf(seeded, Wish(sort=Sort.DEAREST)).cards]
    assert rising == sorted(rising) == falling[::-1]


def test_pages_hold_every_product_once(seeded: Session) -> None:
    first = shelf(seeded, Wish(), per_page=4)
    slugs = [card.slug for page in range(1, first.pages + 1) for card in shelf(seeded, Wish(page=page), 4).cards]
    assert first.pages == 3
    assert len(slugs) == len(set(slugs)) == first.total
    assert shelf(seeded, Wish(page=99), 4).page == first.pages


def test_a_product_page_tells_origin_price_and_where_it_stands(seeded: Session) -> None:
    page = product_page(seeded, "zang-eggs")
    ten = page.packs[0]
    assert page.product.cooperative.township["zh"] == "亚堆乡"
    assert (ten.sku, ten.price_fen, ten.pack_g, ten.per_500_g_fen) == ("ZE-10", 2580, 420, 3071)
    chilled = set(seeded.execute(select(Counter.code).where(Counter.storage.contains(["chilled"]))).scalars())
    assert page.counters
    assert {one.code for one in page.counters} <= chilled
    assert sum(one.packs.get("ZE-10", 0) for one in page.counters) == ten.left


def test_goods_that_are_not_sold_have_no_page(seeded: Session) -> None:
    with pytest.raises(NotFound):
        product_page(seeded, "moon-cheese")


@pytest.mark.parametrize(
    "path",
    [
        "/products?page=0", "/products?page=-1", "/products?page=x", "/products?page=" + "9" * 5000,
        "/products?page=٣", "/products?sort=DROP&storage=warm&cooperative=none", "/products?category=none",
        "/search?q=" + "%27" * 300, "/search", "/products?here=1",
    ],
)  # fmt: skip
def test_strange_addresses_still_show_a_shelf(visitor: FlaskClient, path: str) -> None:
    assert visitor.get(path).status_code == 200


@pytest.mark.parametrize("language", ["zh", "en", "bo"])
@pytest.mark.parametrize("path", ["/", "/products", "/p/zang-chicken", "/counters", "/counters/WH-CD-01"])
def test_every_page_speaks_every_language(visitor: FlaskClient, path: str, language: str) -> None:
    answer = visitor.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert f'<html lang="{language}' in answer.text


@pytest.mark.parametrize(
    "path", ["/c/%00", "/c/none", "/p/%00", "/p/none", "/cooperatives/%00", "/cooperatives/none", "/counters/%00"]
)
def test_what_is_not_there_is_not_found(visitor: FlaskClient, path: str) -> None:
    assert visitor.get(path).status_code == 404


@pytest.mark.parametrize(
    "smuggled", ["_scheme=javascript&_external=1", "endpoint=x", "_method=PUT", "_anchor=x", "n=1"]
)
def test_paging_links_carry_only_what_the_shelf_knows(client: FlaskClient, build: Builder, smuggled: str) -> None:
    counter = build.counter()
    for _ in range(25):
        build.lot(build.sku(), at=counter, quantity=1)
    build.commit()
    answer = client.get(f"/products?storage=ambient&sort=price&{smuggled}")
    assert answer.status_code == 200
    assert 'href="/products?storage=ambient&amp;sort=price&amp;page=2"' in answer.text
