"""What a shelf asks the database, put together once for each way to ask: that costs as much as to send it.

What is asked for comes as parameters: `typed` (a tsquery), `category`, `cooperative`, `storage`, `counter`, and how
many products are `skipped` and shown at `most`.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    ScalarSelect,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from catalogue.models import Category, Cooperative, Product, Sku
from catalogue.search import matching, rank
from catalogue.stock.models import Availability, Channel, Location, Lot, StockLevel

WAYS_TO_ASK = 256


class Sort(StrEnum):
    """The orders a shelf can be put in."""

    RECOMMENDED = "recommended"
    CHEAPEST = "price"
    DEAREST = "-price"
    NEWEST = "newest"


# Put together once: every shelf asks for it. `kind` 0 are categories, 1 cooperatives.
CHOICES: Executable = union_all(
    select(literal_column("0").label("kind"), Category.position.label("place"), Category.slug, Category.names),
    select(literal_column("1"), literal_column("0"), Cooperative.code, Cooperative.names).where(Cooperative.active),
).order_by("kind", "place", "slug")


@lru_cache(maxsize=WAYS_TO_ASK)
def page_statement(filters: frozenset[str], sort: Sort, length: int | None = None) -> Select[int, int]:
    """One page of the products that pass the filters: `id`, and the `total` of those that do.

    A `length` stands there as a number, and the database's one plan for all pages is one for short pages.
    """
    total = counting(filters).scalar_subquery().label("total")
    most = bindparam("most", type_=BigInteger) if length is None else literal_column(str(length), BigInteger)
    one_page = sorted_by(narrowed(filters), filters, sort).add_columns(total).limit(most)
    return one_page.offset(bindparam("skipped", type_=BigInteger))


@lru_cache(maxsize=WAYS_TO_ASK)
def counting(filters: frozenset[str]) -> Select[int]:
    """How many products pass the filters."""
    return select(func.count()).select_from(narrowed(filters).subquery())


def narrowed(filters: frozenset[str]) -> Select[int]:
    """Ids of the products that pass the filters."""
    statement = select(Product.id).where(Product.active)
    if "category" in filters:
        category = select(Category.id).where(Category.slug == bindparam("category")).scalar_subquery()
        statement = statement.where(Product.category_id == category)
    if "cooperative" in filters:
        code = select(Cooperative.id).where(Cooperative.code == bindparam("cooperative")).scalar_subquery()
        statement = statement.where(Product.cooperative_id == code)
    if "storage" in filters:
        kept_so = select(Sku.id).where(Sku.product_id == Product.id, Sku.active, Sku.storage == bindparam("storage"))
        statement = statement.where(kept_so.exists())
    if "counter" in filters:
        standing = (
            select(StockLevel.id)
            .join(Sku, Sku.id == StockLevel.sku_id)
            .join(Location, Location.id == StockLevel.location_id)
            .join(Lot, Lot.id == StockLevel.lot_id)
            .where(
                Sku.product_id == Product.id,
                Location.counter_id == bindparam("counter"),
                StockLevel.on_hand > StockLevel.reserved,
                Lot.sellable,
            )
        )
        statement = statement.where(standing.exists())
    return statement.where(matching(bindparam("typed"))) if "typed" in filters else statement


def sorted_by(statement: Select[int], filters: frozenset[str], sort: Sort) -> Select[int]:
    """The wished order; a search keeps its own, best first."""
    cheapest = select(func.min(Sku.price_fen)).where(Sku.product_id == Product.id, Sku.active).scalar_subquery()
    match sort:
        case Sort.CHEAPEST:
            return statement.order_by(cheapest.asc().nulls_last(), Product.id)
        case Sort.DEAREST:
            return statement.order_by(cheapest.desc().nulls_last(), Product.id)
        case Sort.NEWEST:
            return statement.order_by(Product.id.desc())
    best_first = (rank(bindparam("typed")).desc(),) if "typed" in filters else ()
    return statement.order_by(*best_first, Product.position, Product.id)


@lru_cache(maxsize=WAYS_TO_ASK)
def cards_statement(filters: frozenset[str], sort: Sort, per_page: int) -> Executable:
    """The cards of one page in its order, products without a SKU on sale left out; `left` is that of the counter if one
    is asked for."""
    ids = page_statement(filters, sort, per_page).subquery()
    page = select(ids, func.row_number().over().label("place")).subquery()
    left: ColumnElement[int] = func.coalesce(Availability.available, 0)
    if "counter" in filters:
        # Of what stands there, some may be promised already to orders that have no counter yet.
        left = func.least(left, func.coalesce(free_at(bindparam("counter", type_=BigInteger)), 0))
    by_price = (Sku.price_fen, Sku.id)
    return (
        select(
            Product.slug,
            Product.names,
            Product.art,
            Cooperative.township,
            Cooperative.altitude_m,
            func.array_agg(aggregate_order_by(Sku.storage, Sku.pack_g, Sku.id)).label("storages"),
            func.min(Sku.price_fen).label("from_fen"),
            func.count().label("packs"),
            func.sum(left).label("left"),
            func.array_agg(aggregate_order_by(Sku.per_kg_fen, *by_price)).label("per_kg_fen"),
            func.array_agg(aggregate_order_by(Sku.weight_from_g, *by_price)).label("from_g"),
            func.array_agg(aggregate_order_by(Sku.weight_to_g, *by_price)).label("to_g"),
            page.c.total,
        )
        .join_from(page, Product, Product.id == page.c.id)
        .join(Cooperative, Cooperative.id == Product.cooperative_id)
        .join(Sku, (Sku.product_id == Product.id) & Sku.active)
        .outerjoin(Availability, (Availability.sku_id == Sku.id) & (Availability.channel == Channel.COUNTERS.value))
        .group_by(page.c.place, page.c.total, Product.id, Cooperative.id)
        .order_by(page.c.place)
    )


def free_at(counter_id: ColumnElement[int]) -> ScalarSelect[int]:
    """Free sellable packs of the SKU at hand that stand at a counter, inside a query over SKUs."""
    return (
        select(func.sum(StockLevel.on_hand - StockLevel.reserved))
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(
            StockLevel.sku_id == Sku.id,
            Location.counter_id == counter_id,
            StockLevel.on_hand > StockLevel.reserved,
            Lot.sellable,
        )
        .correlate(Sku)
        .scalar_subquery()
    )
