"""The tables of stock. Triggers (shop/migrations) move balances; nothing else may."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalogue.models import Cooperative, Counter, Sku
from shop.db import Base, HasId, HasTimes


class Channel(StrEnum):
    """`counters`: stock standing in Wuhan, for consumers. `origin`: stock at the cooperatives, for bulk orders."""

    COUNTERS = "counters"
    ORIGIN = "origin"


class MovementKind(StrEnum):
    """Why stock moved. receive/count/waste/return change what is there; the others only who it is for."""

    RECEIVE = "receive"
    COUNT = "count"
    WASTE = "waste"
    RETURN = "return"
    RESERVE = "reserve"
    RELEASE = "release"
    SHIP = "ship"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"


class Location(HasId, Base):
    """A place that holds stock: a cooperative's store (channel origin) or a counter (channel counters)."""

    __tablename__ = "location"

    code: Mapped[str] = mapped_column(unique=True)
    channel: Mapped[str]
    cooperative_id: Mapped[int | None] = mapped_column(ForeignKey("cooperative.id"), unique=True)
    counter_id: Mapped[int | None] = mapped_column(ForeignKey("counter.id"), unique=True)

    cooperative: Mapped[Cooperative | None] = relationship()
    counter: Mapped[Counter | None] = relationship()

    __table_args__ = (
        CheckConstraint(
            "(channel = 'origin' AND cooperative_id IS NOT NULL AND counter_id IS NULL)"
            " OR (channel = 'counters' AND counter_id IS NOT NULL AND cooperative_id IS NULL)",
            name="store_or_counter",
        ),
    )


class Lot(HasId, HasTimes, Base):
    """One SKU from one cooperative, produced on one day (批次).

    `sellable` is false once the lot is past its sell-by margin or recalled; a trigger takes it out of (or back
    into) availability, and refuses new reservations on it.
    """

    __tablename__ = "lot"

    code: Mapped[str]
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"))
    cooperative_id: Mapped[int] = mapped_column(ForeignKey("cooperative.id"), index=True)
    produced_on: Mapped[date]
    best_before: Mapped[date]
    sellable: Mapped[bool] = mapped_column(server_default=sa.true())
    withdrawn_reason: Mapped[str | None]

    sku: Mapped[Sku] = relationship()
    cooperative: Mapped[Cooperative] = relationship()

    __table_args__ = (
        UniqueConstraint("sku_id", "code"),
        CheckConstraint("produced_on < best_before", name="dates"),
        CheckConstraint("sellable = (withdrawn_reason IS NULL)", name="withdrawn_has_reason"),
        Index("ix_lot_best_before", "best_before", postgresql_where=sa.text("sellable")),
    )


class StockLevel(HasId, Base):
    """How much of a lot stands at a location: `on_hand` packs, of which `reserved` are allocated to orders."""

    __tablename__ = "stock_level"

    lot_id: Mapped[int] = mapped_column(ForeignKey("lot.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"))
    on_hand: Mapped[int] = mapped_column(server_default="0")
    reserved: Mapped[int] = mapped_column(server_default="0")
    last_seq: Mapped[int] = mapped_column(server_default="0")

    lot: Mapped[Lot] = relationship()
    location: Mapped[Location] = relationship()

    __table_args__ = (
        UniqueConstraint("lot_id", "location_id"),
        CheckConstraint("on_hand >= 0", name="on_hand_not_negative"),
        CheckConstraint("reserved >= 0", name="reserved_not_negative"),
        CheckConstraint("reserved <= on_hand", name="not_over_reserved"),
        Index("ix_stock_level_sku_location", "sku_id", "location_id", postgresql_where=sa.text("on_hand > 0")),
        Index("ix_stock_level_location", "location_id", "sku_id"),
    )


class StockMovement(Base):
    """One row of the ledger: append-only, numbered per level, applied to the level by a trigger.

    `source_type`/`source_id` name the cause ('receipt' 'a1b2…', 'allocation' '17'); the same cause moves a level
    once per kind.
    """

    __tablename__ = "stock_movement"

    level_id: Mapped[int] = mapped_column(ForeignKey("stock_level.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default="0")
    kind: Mapped[str]
    d_on_hand: Mapped[int]
    d_reserved: Mapped[int]
    on_hand_after: Mapped[int] = mapped_column(server_default="0")
    reserved_after: Mapped[int] = mapped_column(server_default="0")
    source_type: Mapped[str]
    source_id: Mapped[str]
    actor: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    occurred_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    recorded_at: Mapped[datetime] = mapped_column(server_default=sa.func.clock_timestamp())

    level: Mapped[StockLevel] = relationship()

    __table_args__ = (
        UniqueConstraint("level_id", "source_type", "source_id", "kind"),
        CheckConstraint("d_on_hand <> 0 OR d_reserved <> 0", name="moves_something"),
        CheckConstraint("reserved_after BETWEEN 0 AND on_hand_after", name="balance"),
        CheckConstraint(
            "CASE kind"
            " WHEN 'receive' THEN d_on_hand > 0 AND d_reserved = 0"
            " WHEN 'count' THEN d_reserved = 0"
            " WHEN 'waste' THEN d_on_hand < 0 AND d_reserved = 0"
            " WHEN 'return' THEN d_on_hand > 0 AND d_reserved = 0"
            " WHEN 'reserve' THEN d_on_hand = 0 AND d_reserved > 0"
            " WHEN 'release' THEN d_on_hand = 0 AND d_reserved < 0"
            " WHEN 'ship' THEN d_on_hand < 0 AND d_reserved = d_on_hand"
            " WHEN 'transfer_out' THEN d_on_hand < 0 AND d_reserved = d_on_hand"
            " WHEN 'transfer_in' THEN d_on_hand > 0 AND d_reserved = d_on_hand"
            " ELSE false END",
            name="kind_moves",
        ),
        Index("ix_stock_movement_recorded_at", "recorded_at"),
    )


class Availability(Base):
    """What may still be promised of a SKU in a channel: free sellable stock less promises not yet allocated."""

    __tablename__ = "availability"

    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    available: Mapped[int] = mapped_column(server_default="0")

    __table_args__ = (
        CheckConstraint("available >= 0", name="never_oversold"),
        CheckConstraint("channel IN ('counters', 'origin')", name="channel"),
        # Hot rows are updated thousands of times; room on the page keeps those updates heap-only.
        {"postgresql_with": {"fillfactor": "50"}},
    )
