"""Cooperatives and the goods they make; the counters that sell them."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalogue.by_weight import PricedByWeight, terms_hold
from shop.db import Base, HasId, HasTimes


class Storage(StrEnum):
    """How goods must be kept on the road and at the counter."""

    AMBIENT = "ambient"
    CHILLED = "chilled"
    FROZEN = "frozen"


STORAGE_VALUES = "('ambient', 'chilled', 'frozen')"


class Cooperative(HasId, HasTimes, Base):
    """A cooperative of herders and farmers in Nedong. `township_code` is the official one; altitude in metres."""

    __tablename__ = "cooperative"

    code: Mapped[str] = mapped_column(unique=True)
    names: Mapped[dict[str, str]]
    township: Mapped[dict[str, str]]
    township_code: Mapped[str]
    altitude_m: Mapped[int] = mapped_column(sa.Integer)
    lat: Mapped[float | None]
    lng: Mapped[float | None]
    story: Mapped[dict[str, str]]
    email: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")
    locale: Mapped[str] = mapped_column(server_default="zh")
    active: Mapped[bool] = mapped_column(server_default=sa.true())

    households: Mapped[list[Household]] = relationship(back_populates="cooperative")

    __table_args__ = (
        CheckConstraint("names ? 'zh'", name="has_chinese_name"),
        CheckConstraint("locale IN ('zh', 'bo', 'en')", name="locale"),
    )


class Household(HasId, HasTimes, Base):
    """A herding or farming household (农牧户) with its share of the cooperative's income, in basis points."""

    __tablename__ = "household"

    cooperative_id: Mapped[int] = mapped_column(ForeignKey("cooperative.id"))
    code: Mapped[str]
    share_bp: Mapped[int] = mapped_column(sa.Integer)
    active: Mapped[bool] = mapped_column(server_default=sa.true())

    cooperative: Mapped[Cooperative] = relationship(back_populates="households")

    __table_args__ = (
        UniqueConstraint("cooperative_id", "code"),
        CheckConstraint("share_bp BETWEEN 0 AND 10000", name="share"),
    )


class Category(HasId, Base):
    """A shelf of the shop: oil, vegetables, poultry, meat, eggs, water, handicrafts."""

    __tablename__ = "category"

    slug: Mapped[str] = mapped_column(unique=True)
    names: Mapped[dict[str, str]]
    position: Mapped[int] = mapped_column(sa.Integer, server_default="0")


class Product(HasId, HasTimes, Base):
    """What a page shows. `search` holds what the product is found by (catalogue/search.py fills it)."""

    __tablename__ = "product"

    slug: Mapped[str] = mapped_column(unique=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"), index=True)
    cooperative_id: Mapped[int] = mapped_column(ForeignKey("cooperative.id"), index=True)
    names: Mapped[dict[str, str]]
    story: Mapped[dict[str, str]]
    storage_advice: Mapped[dict[str, str]]
    aliases: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), server_default="{}")
    art: Mapped[str] = mapped_column(server_default="goods")
    position: Mapped[int] = mapped_column(sa.Integer, server_default="1000")
    active: Mapped[bool] = mapped_column(server_default=sa.true())
    search_words: Mapped[str] = mapped_column(server_default="")
    search: Mapped[Any] = mapped_column(
        TSVECTOR, sa.Computed("to_tsvector('simple'::regconfig, search_words)", persisted=True)
    )

    category: Mapped[Category] = relationship()
    cooperative: Mapped[Cooperative] = relationship()
    skus: Mapped[list[Sku]] = relationship(back_populates="product", order_by="Sku.pack_g, Sku.id")

    __table_args__ = (
        CheckConstraint("names ? 'zh'", name="has_chinese_name"),
        Index("ix_product_search", "search", postgresql_using="gin"),
        Index("ix_product_listing", "category_id", "position", "id", postgresql_where=sa.text("active")),
        Index("ix_product_position", "position", "id", postgresql_where=sa.text("active")),
    )


class Sku(HasId, HasTimes, PricedByWeight, Base):
    """A product in one pack size: what is priced, stocked and ordered.

    `price_fen` per pack; `pack_g` net grams; `case_pack` packs in a case; `shelf_life_days` from production;
    `min_life_days` that must be left when the customer gets it (the sell-by margin); `max_per_order` packs.
    Sold by weight: `price_fen` is the most a pack can cost, `pack_g` what it weighs by and large.
    """

    __tablename__ = "sku"

    code: Mapped[str] = mapped_column(unique=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    pack_names: Mapped[dict[str, str]]
    price_fen: Mapped[int]
    pack_g: Mapped[int]
    storage: Mapped[str]
    shelf_life_days: Mapped[int] = mapped_column(sa.Integer)
    min_life_days: Mapped[int] = mapped_column(sa.Integer)
    case_pack: Mapped[int] = mapped_column(sa.Integer, server_default="1")
    max_per_order: Mapped[int] = mapped_column(sa.Integer, server_default="99")
    low_stock: Mapped[int] = mapped_column(sa.Integer, server_default="10")
    active: Mapped[bool] = mapped_column(server_default=sa.true())

    product: Mapped[Product] = relationship(back_populates="skus")

    __table_args__ = (
        CheckConstraint("price_fen > 0 AND price_fen <= 99999999", name="price"),
        CheckConstraint("pack_g > 0", name="pack"),
        CheckConstraint(f"storage IN {STORAGE_VALUES}", name="storage"),
        CheckConstraint("shelf_life_days > 0", name="shelf_life"),
        CheckConstraint("min_life_days >= 0 AND min_life_days < shelf_life_days", name="min_life"),
        CheckConstraint("case_pack >= 1", name="case_pack"),
        CheckConstraint("max_per_order >= 1", name="max_per_order"),
        *terms_hold(),
        CheckConstraint("pack_g BETWEEN weight_from_g AND weight_to_g", name="pack_within_weight"),
        Index("ix_sku_price", "price_fen", "id"),
        Index("ix_sku_storage", "storage", "product_id", postgresql_where=sa.text("active")),
    )


class Counter(HasId, HasTimes, Base):
    """A 专柜 in a Wuhan supermarket. Capacity is parcels a day; `radius_m` how far it delivers; cut-off local time;
    `hold_hours` how long a packed order waits for whoever collects it."""

    __tablename__ = "counter"

    code: Mapped[str] = mapped_column(unique=True)
    names: Mapped[dict[str, str]]
    district: Mapped[str]
    street: Mapped[dict[str, str]]
    lat: Mapped[float]
    lng: Mapped[float]
    storage: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    capacity: Mapped[int] = mapped_column(sa.Integer)
    radius_m: Mapped[int] = mapped_column(sa.Integer)
    cut_off: Mapped[time]
    hold_hours: Mapped[int] = mapped_column(sa.Integer, server_default="72")
    delivers: Mapped[bool] = mapped_column(server_default=sa.true())
    active: Mapped[bool] = mapped_column(server_default=sa.true())
    email: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")

    hours: Mapped[list[CounterHours]] = relationship(
        back_populates="counter", order_by="CounterHours.weekday", lazy="selectin", cascade="all, delete-orphan"
    )

    __table_args__ = (
        CheckConstraint("storage <@ ARRAY['ambient', 'chilled', 'frozen']", name="storage"),
        CheckConstraint("lat BETWEEN -90 AND 90 AND lng BETWEEN -180 AND 180", name="place"),
        CheckConstraint("capacity >= 0", name="capacity"),
        CheckConstraint("radius_m >= 0", name="radius"),
        CheckConstraint("hold_hours BETWEEN 2 AND 720", name="hold_hours"),
        Index("ix_counter_district", "district"),
    )


class CounterHours(Base):
    """When a counter is open on a weekday (0 Monday … 6 Sunday), local time; no row means closed."""

    __tablename__ = "counter_hours"

    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id", ondelete="CASCADE"), primary_key=True)
    weekday: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    opens: Mapped[time]
    closes: Mapped[time]

    counter: Mapped[Counter] = relationship(back_populates="hours")

    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("opens < closes", name="opens_before_closes"),
    )


class CounterClosure(HasId, HasTimes, Base):
    """Days on which a counter does nothing (holiday, broken freezer); both ends included."""

    __tablename__ = "counter_closure"

    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id", ondelete="CASCADE"), index=True)
    from_day: Mapped[date]
    to_day: Mapped[date]
    reason: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (CheckConstraint("from_day <= to_day", name="days"),)


class CounterDay(Base):
    """What differs at a counter on one day: it closes earlier (local time), or has room for more or fewer parcels."""

    __tablename__ = "counter_day"

    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    closes: Mapped[time | None]
    capacity: Mapped[int | None] = mapped_column(sa.Integer)
    reason: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        CheckConstraint("num_nonnulls(closes, capacity) >= 1", name="differs"),
        CheckConstraint("capacity >= 0", name="capacity"),
    )


class CounterOutage(HasId, Base):
    """A storage class a counter cannot keep since a moment (its freezer broke), until it ended."""

    __tablename__ = "counter_outage"

    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id", ondelete="CASCADE"))
    storage: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    ended_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        CheckConstraint(f"storage IN {STORAGE_VALUES}", name="storage"),
        CheckConstraint("since <= ended_at", name="ends_later"),
        Index(
            "uq_counter_outage_open",
            "counter_id",
            "storage",
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )


class PriceChange(HasId, Base):
    """What a SKU cost before and after, so that an old order can be explained. Fen."""

    __tablename__ = "price_change"

    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    old_fen: Mapped[int]
    new_fen: Mapped[int]
    actor: Mapped[str]
