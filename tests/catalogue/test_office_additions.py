"""The office puts a new product on the shelf and plans days off, without SQL."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Category, CounterClosure, Product, Sku
from shop.audit import AuditEntry
from tests.accounts.people import person, post, sign_in
from tests.builders import Builder, today


@pytest.fixture
def office(app: Flask, client: FlaskClient, session: Session) -> FlaskClient:
    """A browser in which the office is signed in."""
    sign_in(client, person(app, session, "office").email)
    return client


PACK = {"code": "honey-250", "pack_names-zh": "250 克", "price_fen": "39.90", "pack_g": "250", "storage": "ambient",
        "shelf_life_days": "360", "min_life_days": "60", "case_pack": "12"}  # fmt: skip


def test_a_new_product_is_on_the_shelf_once_it_has_a_pack(
    office: FlaskClient, session: Session, build: Builder
) -> None:
    coop, counter = build.cooperative(), build.counter()
    build.sku("EGGS")
    category = session.scalars(select(Category)).one()
    build.commit()
    form = {"slug": "yarlung-honey", "names-zh": "雅砻蜂蜜", "names-en": "Yarlung honey", "story-zh": "山花蜜。",
            "storage_advice-zh": "阴凉处", "category_id": str(category.id),
            "cooperative_id": str(coop.id)}  # fmt: skip
    answer = post(office, "/office/products/new", **form)
    assert answer.status_code == 303
    product = session.scalars(select(Product).where(Product.slug == "yarlung-honey")).one()
    assert office.get("/p/yarlung-honey").status_code == 404, "nobody sees it before it has a pack"
    assert post(office, f"/office/products/{product.id}/skus/new", **PACK).status_code == 303
    sku = session.scalars(select(Sku).where(Sku.code == "HONEY-250")).one()
    build.lot(sku, at=counter, quantity=5)
    build.commit()
    assert "¥39.90" in office.get("/p/yarlung-honey").text
    assert "yarlung-honey" in office.get("/search?q=fengmi").text
    added = session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("%.added"))).all()
    assert added == ["product.added", "sku.added"]
    again = post(office, "/office/products/new", **form)
    assert again.status_code == 422 and "雅砻蜂蜜" in again.text


@pytest.mark.parametrize(
    "wrong", [{"code": "EGGS"}, {"code": "no spaces"}, {"min_life_days": "360"}, {"price_fen": "0"},
              {"pack_names-zh": ""}, {"pack_g": "x"}]
)  # fmt: skip
def test_a_pack_that_cannot_be_sold_is_refused_with_what_was_typed(
    office: FlaskClient, session: Session, build: Builder, wrong: dict[str, str]
) -> None:
    product_id = build.sku("EGGS").product_id
    build.commit()
    answer = post(office, f"/office/products/{product_id}/skus/new", **{**PACK, **wrong})
    assert answer.status_code == 422
    assert 'value="360"' in answer.text
    assert session.scalars(select(Sku.code)).all() == ["EGGS"]


def test_a_pack_sold_by_weight_costs_at_most_what_its_heaviest_costs(
    office: FlaskClient, session: Session, build: Builder
) -> None:
    product_id = build.sku("EGGS").product_id
    build.commit()
    terms = {"price_fen": "", "pack_g": "1", "per_kg_fen": "108", "weight_from_g": "1000", "weight_to_g": "1400"}
    path = f"/office/products/{product_id}/skus/new"
    for wrong in ({"weight_to_g": ""}, {"weight_to_g": "999"}, {"per_kg_fen": "0"}, {"per_kg_fen": ""}):
        assert post(office, path, **{**PACK, **terms, **wrong}).status_code == 422
    assert post(office, path, **{**PACK, **terms}).status_code == 303
    bird = session.scalars(select(Sku).where(Sku.code == "HONEY-250")).one()
    assert (bird.price_fen, bird.pack_g, bird.by_weight) == (15_120, 1_200, ByWeight(10_800, 1_000, 1_400))
    page = office.get("/p/eggs").text
    assert "¥108.00" in page and "¥54.00" in page and "1–1.4 kg" in page and "¥151.20" in page
    seen = re.search(r'name="seen"[^>]*value="([^"]+)"', office.get(f"/office/skus/{bird.id}").text)
    assert seen is not None
    form = {"seen": seen.group(1), "pack_names-zh": "整只", "case_pack": "8", "max_per_order": "9", "low_stock": "1",
            "active": "y", **terms, "price_fen": "1", "weight_to_g": "1600"}  # fmt: skip
    assert post(office, f"/office/skus/{bird.id}", **form).status_code == 303
    session.expire_all()
    assert (bird.price_fen, bird.pack_g) == (17_280, 1_300)


def test_days_off_are_planned_and_taken_back(office: FlaskClient, session: Session, build: Builder) -> None:
    counter = build.counter("WH-01")
    build.commit()
    first, last = today() + timedelta(days=3), today() + timedelta(days=5)
    path = f"/office/counters/{counter.id}/closures"
    days = {"from": first.isoformat(), "to": last.isoformat(), "reason": "春节"}
    assert post(office, path, **days).status_code == 303
    closure = session.scalars(select(CounterClosure)).one()
    assert (closure.from_day, closure.to_day) == (first, last)
    assert "春节" in office.get(f"/office/counters/{counter.id}").text
    post(office, path, **{**days, "to": today().isoformat()})
    post(office, path, **{**days, "from": "tomorrow"})
    assert len(session.scalars(select(CounterClosure)).all()) == 1
    assert post(office, f"{path}/{closure.id}/remove").status_code == 303
    assert session.scalars(select(CounterClosure)).all() == []
    assert post(office, f"{path}/{closure.id}/remove").status_code == 404
