"""Goods as machines read them: products with their SKUs, prices and what may still be ordered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.by_weight import ByWeight
from catalogue.counters import stock_at
from catalogue.listing import Wish, fitting
from catalogue.models import Product, Sku
from catalogue.stock.availability import available
from shop.errors import NotFound


@dataclass(frozen=True)
class SkuRecord:
    """A SKU: fen, grams, packs; sold by weight, `price_fen` is the most a pack can cost.

    `at_counter` are the free packs at the counter that was asked about.
    """

    sku: str
    names: Mapping[str, str]
    price_fen: int
    pack_g: int
    by_weight: ByWeight | None
    case_pack: int
    max_per_order: int
    storage: str
    shelf_life_days: int
    min_life_days: int
    available: int
    at_counter: int | None


@dataclass(frozen=True)
class ProductRecord:
    """A product with its SKUs that are sold."""

    product: Product
    skus: tuple[SkuRecord, ...]


def product_records(session: Session, wish: Wish, per_page: int) -> tuple[list[ProductRecord], int]:
    """One page of what fits the wish, and how many products do; a page beyond the last is empty."""
    ids, total = fitting(session, wish, per_page)
    if (wish.page - 1) * per_page >= total:
        return [], total
    return records(session, ids, wish.counter_id), total


def product_record(session: Session, slug: str) -> ProductRecord:
    """The product of that name in addresses. Raises NotFound when it is not sold."""
    product_id = session.scalar(select(Product.id).where(Product.slug == slug, Product.active))
    found = records(session, [product_id], None) if product_id is not None else []
    if not found:
        raise NotFound()
    return found[0]


def records(session: Session, ids: Sequence[int], counter_id: int | None) -> list[ProductRecord]:
    """These products in this order; those without a SKU on sale are left out."""
    statement = (
        select(Product)
        .where(Product.id.in_(ids))
        .options(
            joinedload(Product.cooperative), joinedload(Product.category), selectinload(Product.skus.and_(Sku.active))
        )
    )
    found = {product.id: product for product in session.execute(statement).scalars()}
    sku_ids = [sku.id for product in found.values() for sku in product.skus]
    left = available(session, sku_ids)
    here = stock_at(session, counter_id, sku_ids) if counter_id is not None else None
    return [
        ProductRecord(found[one], tuple(sku_record(found[one], sku, left, here) for sku in found[one].skus))
        for one in ids
        if found[one].skus
    ]


def sku_record(product: Product, sku: Sku, left: Mapping[int, int], here: Mapping[int, int] | None) -> SkuRecord:
    """One SKU."""
    return SkuRecord(
        sku=sku.code,
        names=full_names(product.names, sku.pack_names),
        price_fen=sku.price_fen,
        pack_g=sku.pack_g,
        by_weight=sku.by_weight,
        case_pack=sku.case_pack,
        max_per_order=sku.max_per_order,
        storage=sku.storage,
        shelf_life_days=sku.shelf_life_days,
        min_life_days=sku.min_life_days,
        available=left.get(sku.id, 0),
        at_counter=None if here is None else min(left.get(sku.id, 0), here.get(sku.id, 0)),
    )


def full_names(product: Mapping[str, str], pack: Mapping[str, str]) -> dict[str, str]:
    """Product and pack together, in every language the product has a name in."""
    return {language: f"{name} · {pack.get(language, pack['zh'])}" for language, name in product.items()}
