"""What the shelves and a product's page show, read in a handful of queries and handed over as plain data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Executable,
    Row,
    and_,
    func,
    select,
)
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.by_weight import ByWeight, terms_of
from catalogue.models import Category, Cooperative, Counter, Product, Sku, Storage
from catalogue.search import tsquery_of
from catalogue.shelf_statements import CHOICES, Sort, cards_statement, counting, page_statement
from catalogue.stock.availability import available
from catalogue.stock.models import Location, Lot, StockLevel
from shop.errors import NotFound
from shop.money import price_per_500_g

PER_PAGE = 24
LAST_PAGE = 500


@dataclass(frozen=True)
class Wish:
    """What a visitor wants to see; unknown words in an address are the view's to drop."""

    text: str = ""
    category: str = ""
    storage: str = ""
    cooperative: str = ""
    counter_id: int | None = None
    sort: Sort = Sort.RECOMMENDED
    page: int = 1


@dataclass(frozen=True)
class ProductCard:
    """A product on a shelf: its cheapest pack (fen), how many packs are left, and where it comes from.

    `left` counts all counters, or one when the wish named one. A card can be a key: equal ones look the same.
    `terms` are those of the cheapest pack if that is sold by weight.
    """

    slug: str
    names: dict[str, str] = field(hash=False)
    art: str
    township: dict[str, str] = field(hash=False)
    altitude_m: int
    storage: str
    from_fen: int
    packs: int
    left: int
    terms: ByWeight | None = None


@dataclass(frozen=True)
class Shelf:
    """One page of a list."""

    cards: tuple[ProductCard, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Pack:
    """A SKU as its page shows it: fen, grams, fen per 500 g, packs left to order."""

    sku: str
    names: dict[str, str]
    price_fen: int
    pack_g: int
    per_500_g_fen: int
    terms: ByWeight | None
    storage: str
    shelf_life_days: int
    min_life_days: int
    left: int
    most: int


@dataclass(frozen=True)
class CounterStock:
    """A counter that has some packs of a product standing there today."""

    code: str
    names: dict[str, str]
    packs: dict[str, int]


@dataclass(frozen=True)
class ProductPage:
    """Everything a product's page tells."""

    product: Product
    packs: tuple[Pack, ...]
    counters: tuple[CounterStock, ...]


@dataclass(frozen=True)
class Choice:
    """A category or a cooperative a shelf can be narrowed to."""

    code: str
    names: dict[str, str]


@dataclass(frozen=True)
class Choices:
    """What every shelf offers to narrow it: the categories in their order, the active cooperatives by code."""

    categories: tuple[Choice, ...]
    cooperatives: tuple[Choice, ...]


def choices(session: Session) -> Choices:
    """What a shelf can be narrowed to, in one query."""
    found: tuple[list[Choice], list[Choice]] = ([], [])
    for kind, _place, code, names in session.connection().execute(CHOICES):
        found[kind].append(Choice(code, names))
    return Choices(tuple(found[0]), tuple(found[1]))


def categories(session: Session) -> Sequence[Row[int, str, dict[str, str]]]:
    """The shelves (`id`, `slug`, `names`), in their order."""
    return session.execute(
        select(Category.id, Category.slug, Category.names).order_by(Category.position, Category.slug)
    ).all()


def cooperatives(session: Session) -> Sequence[Cooperative]:
    """The active cooperatives, by code."""
    return session.scalars(select(Cooperative).where(Cooperative.active).order_by(Cooperative.code)).all()


def shelf(session: Session, wish: Wish, per_page: int = PER_PAGE) -> Shelf:
    """One page of what fits the wish. A text that holds nothing searchable finds nothing."""
    rows, total = turned_to(session, wish, per_page, cards_statement)
    pages = last_page(total, per_page)
    return Shelf(tuple(card_of(row) for row in rows), total, min(max(1, wish.page), pages), pages)


def last_page(total: int, per_page: int) -> int:
    """How many pages there are to turn."""
    return max(1, min(LAST_PAGE, -(-total // per_page)))


def fitting(session: Session, wish: Wish, per_page: int) -> tuple[Sequence[int], int]:
    """Ids of the products on the wished page (the last one, beyond it), and how many fit the wish."""
    rows, total = turned_to(session, wish, per_page, lambda filters, sort, _length: page_statement(filters, sort))
    return [row.id for row in rows], total


def turned_to(
    session: Session, wish: Wish, per_page: int, reading: Callable[[frozenset[str], Sort, int], Executable]
) -> tuple[Sequence[Row[Any]], int]:
    """Rows of the wished page (of the last one, beyond it), and how many products fit the wish.

    Page and number are asked for together: one round trip where there is anything to show.
    """
    values = {
        "typed": tsquery_of(wish.text),
        "category": wish.category,
        "cooperative": wish.cooperative,
        "storage": wish.storage,
        "counter": wish.counter_id,
    }
    if wish.text and not values["typed"]:
        return (), 0
    filters = frozenset(name for name, value in values.items() if value)
    connection, statement = session.connection(), reading(filters, wish.sort, per_page)
    page = max(1, wish.page)
    rows = connection.execute(statement, values | {"skipped": (page - 1) * per_page, "most": per_page}).all()
    if rows:
        return rows, rows[0].total
    total = connection.scalar(counting(filters), values) or 0
    last = last_page(total, per_page)
    if page <= last:
        return (), total
    return connection.execute(statement, values | {"skipped": (last - 1) * per_page, "most": per_page}).all(), total


def card_of(row: Row[Any]) -> ProductCard:
    """A row of cards_statement()."""
    return ProductCard(
        row.slug, row.names, row.art, row.township, row.altitude_m, row.storages[0], row.from_fen, row.packs,
        int(row.left), terms_of(row.per_kg_fen[0], row.from_g[0], row.to_g[0]),
    )  # fmt: skip


def product_page(session: Session, slug: str) -> ProductPage:
    """A product's page. Raises NotFound when it is not sold."""
    statement = (
        select(Product)
        .where(Product.slug == slug, Product.active)
        .options(
            joinedload(Product.cooperative), joinedload(Product.category), selectinload(Product.skus.and_(Sku.active))
        )
    )
    product = session.execute(statement).unique().scalar_one_or_none()
    if product is None or not product.skus:
        raise NotFound()
    left = available(session, [sku.id for sku in product.skus])
    return ProductPage(
        product,
        tuple(pack(sku, left.get(sku.id, 0)) for sku in product.skus),
        counters_with(session, {sku.id: sku.code for sku in product.skus}),
    )


def pack(sku: Sku, left: int) -> Pack:
    """A SKU as its page shows it."""
    terms = sku.by_weight
    return Pack(
        sku=sku.code,
        names=sku.pack_names,
        price_fen=sku.price_fen,
        pack_g=sku.pack_g,
        per_500_g_fen=terms.per_500_g_fen if terms else price_per_500_g(sku.price_fen, sku.pack_g),
        terms=terms,
        storage=sku.storage,
        shelf_life_days=sku.shelf_life_days,
        min_life_days=sku.min_life_days,
        left=left,
        most=min(left, sku.max_per_order),
    )


def counters_with(session: Session, codes: dict[int, str]) -> tuple[CounterStock, ...]:
    """Counters where these SKUs stand free today, with how many packs of each (by SKU code)."""
    statement = (
        select(
            Counter.code,
            Counter.names,
            func.array_agg(StockLevel.sku_id).label("skus"),
            func.array_agg(StockLevel.on_hand - StockLevel.reserved).label("free"),
        )
        .join(Location, Location.counter_id == Counter.id)
        .join(StockLevel, StockLevel.location_id == Location.id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(
            StockLevel.sku_id.in_(codes),
            Counter.active,
            and_(StockLevel.on_hand > StockLevel.reserved, Lot.sellable),
        )
        .group_by(Counter.id)
        .order_by(Counter.code)
    )
    return tuple(
        CounterStock(row.code, row.names, packs_by_code(codes, row.skus, row.free))
        for row in session.connection().execute(statement)
    )


def packs_by_code(codes: Mapping[int, str], skus: Iterable[int], free: Iterable[int]) -> dict[str, int]:
    """The packs of a counter's lots together, by SKU code."""
    packs: dict[str, int] = defaultdict(int)
    for sku_id, count in zip(skus, free, strict=True):
        packs[codes[sku_id]] += count
    return dict(packs)


STORAGES = tuple(one.value for one in Storage)
