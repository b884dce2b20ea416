"""Large catalogues for benchmarks: township × noun × pack size, copied in as fast as PostgreSQL takes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from rich.progress import track
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Category, Cooperative, Sku
from catalogue.search import index_words
from catalogue.stock.models import Location
from shop.clock import shanghai_day, utcnow

TOWNSHIPS = ("泽当", "昌珠", "亚堆", "索珠", "多颇章", "结巴", "颇章", "乃东", "结莎")
MAKES = ("高山", "河谷", "石磨", "手作", "古法", "林下", "雪域", "向阳", "老窖", "春收", "秋收", "有机")
NOUNS = (
    "青稞", "荞麦", "豌豆", "油菜籽", "核桃", "苹果", "梨", "桃干", "萝卜", "白菜", "圆白菜", "胡萝卜", "蚕豆", "蘑菇",
    "虫草花", "牦牛肉", "羊肉", "奶渣", "酥油", "酸奶", "奶酪", "蜂蜜", "辣椒", "花椒", "面粉", "挂面", "甜茶", "砖茶",
    "毛线", "毡帽", "围巾", "铜壶", "陶罐", "香囊", "藏刀鞘", "手链", "木勺", "竹筐", "麻绳", "皮囊",
)  # fmt: skip
GRAMS = (
    100,
    200,
    250,
    300,
    400,
    500,
    750,
    800,
    1000,
    1200,
    1500,
    2000,
    2500,
    3000,
    4000,
    5000,
    6000,
    8000,
    9000,
    10000,
)
PACKS_PER_PRODUCT = 2
BATCH = 5_000


def grow_catalogue(session: Session, wanted: int) -> int:
    """Add SKUs until there are `wanted`; how many were added. Each has one lot of 100 packs at one counter."""
    there = session.scalar(select(func.count()).select_from(Sku)) or 0
    first = session.scalar(select(func.count()).select_from(Sku).where(Sku.code.like("S-%"))) or 0
    missing = max(0, wanted - there)
    for start in track(range(first, first + missing, BATCH), description="SKUs", disable=not missing):
        add_batch(session, start, min(BATCH, first + missing - start))
        session.commit()
    for table in ("product", "sku", "lot", "stock_level", "availability"):
        session.execute(sa.text(f"ANALYZE {table}"))
    session.commit()
    return missing


def add_batch(session: Session, start: int, count: int) -> None:
    """Products, SKUs, lots, levels and receipts of one batch."""
    cooperatives = session.execute(select(Cooperative.id).order_by(Cooperative.id)).scalars().all()
    categories = session.execute(select(Category.id).order_by(Category.id)).scalars().all()
    locations = session.execute(select(Location.id).where(Location.channel == "counters")).scalars().all()
    today = shanghai_day(utcnow())
    numbers = range(start, start + count)
    slugs = sorted({number // PACKS_PER_PRODUCT for number in numbers})
    cursor: Any = session.connection().connection.cursor()
    copy_rows(
        cursor, "product",
        "slug, category_id, cooperative_id, names, story, storage_advice, aliases, search_words",
        ((f"s-{n}", categories[n % len(categories)], cooperatives[n % len(cooperatives)],
          Jsonb({"zh": name_of(n)}), Jsonb({"zh": name_of(n)}), Jsonb({}), [],
          index_words([name_of(n)], [])) for n in slugs if n * PACKS_PER_PRODUCT >= start),
    )  # fmt: skip
    ids: dict[str, int] = dict(
        session.execute(
            sa.text("SELECT slug, id FROM product WHERE slug = ANY(:slugs)"), {"slugs": [f"s-{n}" for n in slugs]}
        ).all()
    )
    copy_rows(
        cursor, "sku", "code, product_id, pack_names, price_fen, pack_g, storage, shelf_life_days, min_life_days",
        ((f"S-{n}", ids[f"s-{n // PACKS_PER_PRODUCT}"], Jsonb({"zh": f"{grams(n)} 克"}), 500 + n * 37 % 9000, grams(n),
          ("ambient", "ambient", "chilled", "frozen")[n % 4], 120, 7) for n in numbers),
    )  # fmt: skip
    codes = {"codes": [f"S-{n}" for n in numbers]}
    days = {"made": today - timedelta(days=5), "until": today + timedelta(days=115), "places": list(locations)}
    for statement in (
        (
            "INSERT INTO lot (code, sku_id, cooperative_id, produced_on, best_before)"
            " SELECT 'L-' || sku.code, sku.id, product.cooperative_id, :made, :until"
            " FROM sku JOIN product ON product.id = sku.product_id WHERE sku.code = ANY(:codes)"
        ),
        (
            "INSERT INTO stock_level (lot_id, location_id, sku_id)"
            " SELECT lot.id, (CAST(:places AS bigint[]))[1 + lot.id % cardinality(CAST(:places AS bigint[]))], sku.id"
            " FROM lot JOIN sku ON sku.id = lot.sku_id WHERE sku.code = ANY(:codes)"
        ),
        (
            "INSERT INTO stock_movement (level_id, kind, d_on_hand, d_reserved, source_type, source_id, actor)"
            " SELECT level.id, 'receive', 100, 0, 'receipt', 'scale-' || level.id, 'seed' FROM stock_level level"
            " JOIN sku ON sku.id = level.sku_id WHERE sku.code = ANY(:codes)"
        ),
    ):
        session.execute(sa.text(statement), codes | days)


def copy_rows(cursor: Any, table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
    """COPY rows into a table of ours."""
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def name_of(number: int) -> str:
    """A plausible Chinese name, different for each number until the words run out, then numbered."""
    rest, noun = divmod(number, len(NOUNS))
    rest, make = divmod(rest, len(MAKES))
    rest, township = divmod(rest, len(TOWNSHIPS))
    return f"{TOWNSHIPS[township]}{MAKES[make]}{NOUNS[noun]}" + (f"{rest + 1}号" if rest else "")


def grams(number: int) -> int:
    """The pack size of a SKU."""
    return GRAMS[number * 7 % len(GRAMS)]
