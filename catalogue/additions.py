"""New things on the shelf: a product, a pack size of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Category, Cooperative, Product, Sku, Storage
from catalogue.search import index_words
from shop import audit
from shop.audit import Actor
from shop.errors import Invalid, NotFound

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])")
CODE = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{0,38}[A-Z0-9])")


@dataclass(frozen=True)
class NewProduct:
    """A product as the office enters it; its words in up to three languages."""

    slug: str
    category_id: int
    cooperative_id: int
    names: Mapping[str, str]
    story: Mapping[str, str]
    storage_advice: Mapping[str, str]


@dataclass(frozen=True)
class NewSku:
    """A pack size as the office enters it; fen, grams, days. With `terms`, price and grams follow from them."""

    code: str
    pack_names: Mapping[str, str]
    price_fen: int
    pack_g: int
    storage: str
    shelf_life_days: int
    min_life_days: int
    case_pack: int
    terms: ByWeight | None = None


def add_product(session: Session, new: NewProduct, actor: Actor) -> Product:
    """A product without pack sizes: nobody sees it before it has one. Raises Invalid."""
    if not SLUG.fullmatch(new.slug):
        raise Invalid(_l("The address has 2 to 60 small letters, digits and dashes"), errors=[{"field": "slug"}])
    if session.scalar(select(Product.id).where(Product.slug == new.slug)):
        raise Invalid(_l("Another product has this address"), errors=[{"field": "slug"}])
    known = session.get(Category, new.category_id), session.get(Cooperative, new.cooperative_id)
    if None in known:
        raise Invalid(_l("Please choose a shelf and a cooperative"), errors=[{"field": "category_id"}])
    product = Product(
        slug=new.slug,
        category_id=new.category_id,
        cooperative_id=new.cooperative_id,
        names=dict(new.names),
        story=dict(new.story),
        storage_advice=dict(new.storage_advice),
        search_words=index_words(new.names.values(), ()),
    )
    session.add(product)
    session.flush()
    audit.record(session, actor, "product.added", "product", product.id, after={"slug": new.slug})
    return product


def add_sku(session: Session, product_id: int, new: NewSku, actor: Actor) -> Sku:
    """A pack size of a product, on sale from now on, with nothing in stock. Raises NotFound, Invalid."""
    if session.get(Product, product_id) is None:
        raise NotFound()
    if not CODE.fullmatch(new.code):
        raise Invalid(_l("A SKU has 2 to 40 capital letters, digits and dashes"), errors=[{"field": "code"}])
    if session.scalar(select(Sku.id).where(Sku.code == new.code)):
        raise Invalid(_l("Another pack has this SKU"), errors=[{"field": "code"}])
    if new.min_life_days >= new.shelf_life_days or new.storage not in set(Storage):
        raise Invalid(
            _l("The days left for the customer are fewer than the days it keeps"), errors=[{"field": "min_life_days"}]
        )
    sku = Sku(
        product_id=product_id, code=new.code, pack_names=dict(new.pack_names), price_fen=new.price_fen,
        pack_g=new.pack_g, storage=new.storage, shelf_life_days=new.shelf_life_days,
        min_life_days=new.min_life_days, case_pack=new.case_pack,
        per_kg_fen=new.terms.per_kg_fen if new.terms else None,
        weight_from_g=new.terms.from_g if new.terms else None, weight_to_g=new.terms.to_g if new.terms else None,
    )  # fmt: skip
    session.add(sku)
    session.flush()
    audit.record(session, actor, "sku.added", "sku", sku.id, after={"code": new.code, "price_fen": new.price_fen})
    return sku
