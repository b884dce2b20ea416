"""Goods as the office keeps them: lists of products and SKUs, and what follows from an edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.orm import Session

from catalogue.models import Category, Cooperative, PriceChange, Product, Sku
from catalogue.search import index_words, matching, tsquery_of
from catalogue.stock.models import Availability
from shop.audit import Actor
from shop.edits import Values
from shop.i18n import localised
from shop.lists import Cell, Column, Filter, ListSpec, like

Link = Callable[[int], str]


def found_by(text: str) -> ColumnElement[bool]:
    """Products found by what was typed: their words in any language, or the beginning of a SKU's code."""
    query = tsquery_of(text)
    by_code = Product.id.in_(select(Sku.product_id).where(Sku.code.like(like(text.upper()))))
    if not query:
        return by_code
    return or_(matching(literal(query)), by_code)


def products_list(session: Session, link: Link) -> ListSpec:
    """All products, also those not sold."""
    shelves = session.execute(select(Category.slug, Category.names).order_by(Category.position)).all()
    packs = (
        select(func.count(Sku.id)).where(Sku.product_id == Product.id, Sku.active).correlate(Product).scalar_subquery()
    )
    cheapest = (
        select(func.min(Sku.price_fen)).where(Sku.product_id == Product.id, Sku.active).correlate(Product)
        .scalar_subquery()
    )  # fmt: skip
    statement = (
        select(Product, Category.names, Cooperative.names, packs, cheapest)
        .join(Category, Category.id == Product.category_id)
        .join(Cooperative, Cooperative.id == Product.cooperative_id)
    )
    return ListSpec(
        statement=statement,
        key=Product.id,
        columns=(
            Column("name", _("Product")),
            Column("position", _("Place on the shelf"), Product.position, numbers=True),
            Column("category", _("Shelf")),
            Column("cooperative", _("Cooperative")),
            Column("packs", _("Pack sizes"), numbers=True),
            Column("from", _("Price from"), numbers=True),
            Column("sold", _("Sold")),
        ),
        row=lambda row: product_row(row, link),
        sort="position",
        filters=(
            Filter("category", _("Shelf"), tuple((slug, localised(names)) for slug, names in shelves),
                   lambda value: Category.slug == value),
            sold_filter(Product.active),
        ),
        search=found_by,
        hint=_("Name in any language, pinyin, or SKU"),
    )  # fmt: skip


def product_row(row: Any, link: Link) -> tuple[Cell, ...]:
    """One product."""
    product, category, cooperative, packs, cheapest = row
    return (
        Cell(localised(product.names), href=link(product.id)),
        Cell(product.position, kind="number"),
        Cell(localised(category)),
        Cell(localised(cooperative)),
        Cell(packs, kind="number"),
        Cell(cheapest, kind="yuan"),
        sold_cell(product.active),
    )


def skus_list(link: Link) -> ListSpec:
    """All SKUs with price and what may still be promised in both channels."""
    here, origin = (
        select(Availability.available)
        .where(Availability.sku_id == Sku.id, Availability.channel == channel)
        .correlate(Sku)
        .scalar_subquery()
        for channel in ("counters", "origin")
    )
    return ListSpec(
        statement=select(Sku, Product.names, here, origin).join(Product, Product.id == Sku.product_id),
        key=Sku.id,
        columns=(
            Column("code", _("SKU"), Sku.code),
            Column("name", _("Product")),
            Column("price", _("Price"), Sku.price_fen, numbers=True),
            Column("case", _("Packs in a case"), numbers=True),
            Column("here", _("Free in Wuhan"), numbers=True),
            Column("origin", _("Free at origin"), numbers=True),
            Column("sold", _("Sold")),
        ),
        row=lambda row: sku_row(row, link),
        sort="code",
        filters=(
            Filter("storage", _("Storage"), (("ambient", _("Keep in a cool dry place")), ("chilled", _("Keep chilled")),
                   ("frozen", _("Keep frozen"))), lambda value: Sku.storage == value),
            sold_filter(Sku.active),
        ),
        search=found_by,
        hint=_("Name in any language, pinyin, or SKU"),
    )  # fmt: skip


def sku_row(row: Any, link: Link) -> tuple[Cell, ...]:
    """One SKU."""
    sku, names, here, origin = row
    return (
        Cell(sku.code, href=link(sku.id)),
        Cell(f"{localised(names)} · {localised(sku.pack_names)}"),
        Cell(sku.price_fen, kind="yuan"),
        Cell(sku.case_pack, kind="number"),
        Cell(here, kind="number"),
        Cell(origin, kind="number"),
        sold_cell(sku.active),
    )


def sold_filter(column: Any) -> Filter:
    """Sold or not."""
    return Filter(
        "sold", _("Sold"), (("yes", _("Sold")), ("no", _("Not sold"))), lambda value: column.is_(value == "yes")
    )


def sold_cell(active: bool) -> Cell:
    """Sold or not, as a badge."""
    return Cell(_("Sold") if active else _("Not sold"), kind="badge", tone="good" if active else "warn")


def note_price(session: Session, actor: Actor) -> Callable[[Sku, Values, Values], None]:
    """After a SKU was edited: a new price is kept beside the old one, so that an old order can be explained."""

    def then(sku: Sku, before: Values, after: Values) -> None:
        if before["price_fen"] != after["price_fen"]:
            change = PriceChange(
                sku_id=sku.id, old_fen=before["price_fen"], new_fen=after["price_fen"], actor=actor.name
            )
            session.add(change)

    return then


def find_again(product: Product, _before: Values, _after: Values) -> None:
    """After a product was edited: it is found by its new names."""
    product.search_words = index_words(product.names.values(), product.aliases)


def prices_of(session: Session, sku_id: int) -> list[PriceChange]:
    """The latest prices of a SKU, newest first."""
    statement = select(PriceChange).where(PriceChange.sku_id == sku_id).order_by(PriceChange.id.desc()).limit(20)
    return list(session.execute(statement).scalars())


def skus_of_product(session: Session, product_id: int) -> list[Sku]:
    """A product's SKUs, small packs first."""
    statement = select(Sku).where(Sku.product_id == product_id).order_by(Sku.pack_g, Sku.id)
    return list(session.execute(statement).scalars())
