"""The catalogue for machines: goods and counters."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields
from marshmallow.validate import Length, OneOf, Regexp
from sqlalchemy import select

from catalogue.counters import CounterCard, counter_named, nearest
from catalogue.listing import Wish
from catalogue.models import Counter, Storage
from catalogue.records import ProductRecord, product_record, product_records
from catalogue.shelf_statements import Sort
from shop.api.blueprint import ApiBlueprint, door
from shop.api.schemas import ByWeightOut, Names, Paging, Strict, Text, page_of
from shop.clock import utcnow
from shop.db import db, read_without_transaction
from shop.errors import Invalid

api = ApiBlueprint("catalogue", __name__, description="Goods and counters; open to everybody.")
api.before_request(read_without_transaction)

PLACE = r"-?\d{1,2}(\.\d+)?,-?\d{1,3}(\.\d+)?"


class SkuOut(Strict):
    """A product in one pack size: what is priced and ordered.

    With `by_weight`, `price_fen` is the most a pack can cost: that is charged, the counter weighs the pack, and the
    difference comes back.
    """

    sku = fields.String(required=True)
    names = fields.Nested(Names, required=True)
    price_fen = fields.Integer(required=True)
    pack_g = fields.Integer(required=True)
    by_weight = fields.Nested(ByWeightOut, required=True, allow_none=True)
    case_pack = fields.Integer(required=True, metadata={"description": "Packs in a case"})
    max_per_order = fields.Integer(required=True)
    storage = fields.String(required=True, validate=OneOf([one.value for one in Storage]))
    shelf_life_days = fields.Integer(required=True)
    min_life_days = fields.Integer(required=True, metadata={"description": "Days left when the customer gets it"})
    available = fields.Integer(required=True, metadata={"description": "Packs that may still be ordered"})
    at_counter = fields.Integer(metadata={"description": "Of these, packs standing at the counter asked about"})


class CooperativeOut(Strict):
    """Who makes it, and where."""

    code = fields.String(required=True)
    names = fields.Nested(Names, required=True)
    township = fields.Nested(Names, required=True)
    altitude_m = fields.Integer(required=True)


class ProductOut(Strict):
    """What a page shows: a product with its SKUs."""

    slug = fields.String(required=True, attribute="product.slug")
    names = fields.Nested(Names, required=True, attribute="product.names")
    category = fields.String(required=True, attribute="product.category.slug")
    story = fields.Nested(Names, attribute="product.story")
    storage_advice = fields.Nested(Names, attribute="product.storage_advice")
    cooperative = fields.Nested(CooperativeOut, required=True, attribute="product.cooperative")
    skus = fields.List(fields.Nested(SkuOut), required=True)

    @ma.post_dump(pass_original=True)
    def without_counter(self, data: dict[str, Any], record: ProductRecord, **_: Any) -> dict[str, Any]:
        """`at_counter` only stands where a counter was asked about."""
        for sku in data["skus"]:
            if sku["at_counter"] is None:
                del sku["at_counter"]
        return data


class ProductQuery(Paging):
    """What is looked for."""

    q = Text(load_default="", validate=Length(max=100), metadata={"description": "Words, pinyin or initials"})
    category = Text(load_default="", validate=Length(max=100))
    cooperative = Text(load_default="", validate=Length(max=100))
    storage = fields.String(validate=OneOf([one.value for one in Storage]))
    counter = Text(load_default="", metadata={"description": "Only what stands at this counter, by its code"})
    sort = fields.String(load_default=Sort.RECOMMENDED.value, validate=OneOf([one.value for one in Sort]))


class HoursOut(Strict):
    """Open from `opens` to `closes` on a weekday (0 is Monday), by the clocks of Wuhan."""

    weekday = fields.Integer(required=True)
    opens = fields.Time(required=True, format="%H:%M")
    closes = fields.Time(required=True, format="%H:%M")


class CounterOut(Strict):
    """A counter (专柜) in a supermarket of Wuhan."""

    code = fields.String(required=True)
    names = fields.Nested(Names, required=True)
    district = fields.String(required=True)
    street = fields.Nested(Names, required=True)
    phone = fields.String(required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    storage = fields.List(fields.String(), required=True)
    delivers = fields.Boolean(required=True)
    cut_off = fields.Time(required=True, format="%H:%M", metadata={"description": "Orders for today until then"})
    hours = fields.List(fields.Nested(HoursOut), required=True)
    open_now = fields.Boolean(required=True)
    changes_at = fields.DateTime(allow_none=True, metadata={"description": "When it next opens or closes"})
    distance_m = fields.Integer(metadata={"description": "From the place asked about"})


class CounterQuery(Paging):
    """From where distances are measured."""

    near = fields.String(
        validate=Regexp(f"^{PLACE}$", error="Write latitude,longitude like 30.59,114.30"),
        metadata={"description": "LAT,LNG: nearest first, with distances", "example": "30.59,114.30"},
    )


ProductPage = page_of(ProductOut, "ProductPage")
CounterPage = page_of(CounterOut, "CounterPage")


@api.route("/products")
@door("anyone", refuses=(422,))
@api.arguments(ProductQuery, location="query", unknown=ma.RAISE)
@api.response(200, ProductPage)
def products(query: dict[str, Any]) -> dict[str, Any]:
    """Goods on the shelves

    Found by Chinese words, by pinyin (`zangxiangji`), by its initials (`zxj`), in Tibetan or English.
    """
    counter_id = None
    if query["counter"]:
        statement = select(Counter.id).where(Counter.code == query["counter"], Counter.active)
        counter_id = db.session().scalar(statement)
        if counter_id is None:
            raise Invalid(errors=[{"field": "counter", "message": "There is no such counter."}])
    wish = Wish(
        text=query["q"],
        category=query["category"],
        storage=query.get("storage", ""),
        cooperative=query["cooperative"],
        counter_id=counter_id,
        sort=Sort(query["sort"]),
        page=query["page"],
    )
    found, total = product_records(db.session(), wish, query["per_page"])
    return {"items": found, "page": query["page"], "per_page": query["per_page"], "total": total}


@api.route("/products/<slug>")
@door("anyone", refuses=(404,))
@api.response(200, ProductOut)
def product(slug: str) -> ProductRecord:
    """One product"""
    return product_record(db.session(), slug)


@api.route("/counters")
@door("anyone", refuses=(422,))
@api.arguments(CounterQuery, location="query", unknown=ma.RAISE)
@api.response(200, CounterPage)
def counters(query: dict[str, Any]) -> dict[str, Any]:
    """Counters in Wuhan

    By code, or nearest first when a place is given.
    """
    lat, lng = (float(part) for part in query["near"].split(",")) if "near" in query else (None, None)
    found = nearest(db.session(), utcnow(), lat, lng)
    first = (query["page"] - 1) * query["per_page"]
    page = [counter_shape(one) for one in found[first : first + query["per_page"]]]
    return {"items": page, "page": query["page"], "per_page": query["per_page"], "total": len(found)}


@api.route("/counters/<code>")
@door("anyone", refuses=(404,))
@api.response(200, CounterOut)
def counter(code: str) -> dict[str, Any]:
    """One counter"""
    return counter_shape(counter_named(db.session(), code, utcnow()))


def counter_shape(card: CounterCard) -> dict[str, Any]:
    """A counter's card as the API shows it."""
    shape = {name: getattr(card, name) for name in CounterOut._declared_fields if hasattr(card, name)}
    hours = [{"weekday": day, "opens": opens, "closes": closes} for day, (opens, closes) in sorted(card.hours.items())]
    shape |= {"hours": hours, "open_now": card.opening.is_open, "changes_at": card.opening.changes_at}
    if card.distance_m is None:
        del shape["distance_m"]
    return shape
