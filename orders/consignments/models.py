"""What counters should hold, and the consignments that bring it: tables and their constraints."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalogue.models import Cooperative, Counter, Sku
from catalogue.stock.models import StockLevel
from orders.consignments.states import BackorderState, ConsignmentStatus, LotState
from orders.states import values
from shop.db import Base, HasId, HasTimes


class ReorderPoint(HasTimes, Base):
    """A counter's shelf of one SKU: below `point` packs more is asked for, up to `up_to` packs."""

    __tablename__ = "reorder_point"

    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id"), primary_key=True)
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"), primary_key=True, index=True)
    point: Mapped[int] = mapped_column(sa.Integer)
    up_to: Mapped[int] = mapped_column(sa.Integer)

    counter: Mapped[Counter] = relationship()
    sku: Mapped[Sku] = relationship()

    __table_args__ = (CheckConstraint("point >= 0 AND up_to >= point AND up_to > 0", name="packs"),)


class Consignment(HasId, HasTimes, Base):
    """Goods that travel from one cooperative to one counter. Days are those of Shanghai; times UTC."""

    __tablename__ = "consignment"

    number: Mapped[str] = mapped_column(unique=True)
    cooperative_id: Mapped[int] = mapped_column(ForeignKey("cooperative.id"))
    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id"))
    status: Mapped[str] = mapped_column(server_default="proposed")
    arrives_on: Mapped[date]
    confirmed_at: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    vehicle: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")

    cooperative: Mapped[Cooperative] = relationship()
    counter: Mapped[Counter] = relationship()
    lines: Mapped[list[ConsignmentLine]] = relationship(back_populates="consignment", order_by="ConsignmentLine.sku_id")
    readings: Mapped[list[TemperatureReading]] = relationship(order_by="TemperatureReading.at")

    __table_args__ = (
        CheckConstraint(f"status IN {values(ConsignmentStatus)}", name="status"),
        CheckConstraint("(status IN ('received', 'declined', 'withdrawn')) = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("status NOT IN ('dispatched', 'received') OR dispatched_at IS NOT NULL", name="dispatched"),
        # One open question to a cooperative about a counter: the next night's proposal replaces its figures.
        Index(
            "uq_consignment_open_proposal", "cooperative_id", "counter_id", unique=True,
            postgresql_where=sa.text("status = 'proposed'"),
        ),
        Index("ix_consignment_cooperative", "cooperative_id", "status", "id"),
        Index("ix_consignment_counter", "counter_id", "status", "arrives_on", "id"),
    )  # fmt: skip


class ConsignmentLine(HasId, Base):
    """Packs of one SKU: asked for by the proposal (`why` holds its figures), confirmed by the cooperative.

    `promised` of the confirmed packs are awaited by customers; a trigger on their backorders writes it.
    """

    __tablename__ = "consignment_line"

    consignment_id: Mapped[int] = mapped_column(ForeignKey("consignment.id"))
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"), index=True)
    proposed: Mapped[int] = mapped_column(sa.Integer)
    confirmed: Mapped[int | None] = mapped_column(sa.Integer)
    promised: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    why: Mapped[dict[str, Any]] = mapped_column(server_default="{}")

    consignment: Mapped[Consignment] = relationship(back_populates="lines")
    sku: Mapped[Sku] = relationship()
    lots: Mapped[list[ConsignmentLot]] = relationship(back_populates="line", order_by="ConsignmentLot.id")

    __table_args__ = (
        UniqueConstraint("consignment_id", "sku_id"),
        CheckConstraint("proposed >= 0 AND (confirmed IS NULL OR confirmed >= 0)", name="packs"),
        CheckConstraint("promised BETWEEN 0 AND coalesce(confirmed, 0)", name="never_promised_twice"),
        Index("ix_consignment_line_promised", "consignment_id", postgresql_where=sa.text("promised > 0")),
    )


class ConsignmentLot(HasId, HasTimes, Base):
    """Packs of one lot of the store, set aside for a line, and what became of them on the road."""

    __tablename__ = "consignment_lot"

    line_id: Mapped[int] = mapped_column(ForeignKey("consignment_line.id"), index=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("stock_level.id"))
    quantity: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[str] = mapped_column(server_default="set_aside")
    received: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    damaged: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    missing: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    too_warm: Mapped[int] = mapped_column(sa.Integer, server_default="0")

    line: Mapped[ConsignmentLine] = relationship(back_populates="lots")
    level: Mapped[StockLevel] = relationship()

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint(f"state IN {values(LotState)}", name="state"),
        CheckConstraint("least(received, damaged, missing, too_warm) >= 0", name="outcome_not_negative"),
        CheckConstraint(
            "received + damaged + missing + too_warm = CASE WHEN state = 'arrived' THEN quantity ELSE 0 END",
            name="every_pack_accounted_for",
        ),
        Index("ix_consignment_lot_level", "level_id", postgresql_where=sa.text("state = 'set_aside'")),
    )


class TemperatureReading(HasId, Base):
    """What the thermometer in the vehicle said, in tenths of a degree Celsius. Rows are only added."""

    __tablename__ = "temperature_reading"

    consignment_id: Mapped[int] = mapped_column(ForeignKey("consignment.id"))
    at: Mapped[datetime]
    tenths: Mapped[int] = mapped_column(sa.Integer)
    actor: Mapped[str]

    __table_args__ = (
        UniqueConstraint("consignment_id", "at"),
        CheckConstraint("tenths BETWEEN -600 AND 600", name="on_earth"),
    )


class Backorder(HasId, HasTimes, Base):
    """Packs of an order line that no shelf can give now. The reservation counts the open ones as awaited.

    States: awaited (promised against `consignment_line_id`, with the customer on `expected_on`) → arrived (set aside
    at `level_id`, the counter's shelf) → fulfilled (the router plans them); adrift (nothing brings them at the moment,
    the router looks again); released (given up, or promised anew by another row).
    """

    __tablename__ = "backorder"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"))
    consignment_line_id: Mapped[int | None] = mapped_column(ForeignKey("consignment_line.id"))
    level_id: Mapped[int | None] = mapped_column(ForeignKey("stock_level.id"))
    packs: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[str] = mapped_column(server_default="awaited")
    expected_on: Mapped[date | None]
    closed_at: Mapped[datetime | None]

    consignment_line: Mapped[ConsignmentLine | None] = relationship()

    __table_args__ = (
        CheckConstraint("packs > 0", name="packs"),
        CheckConstraint(f"state IN {values(BackorderState)}", name="state"),
        CheckConstraint("(state IN ('fulfilled', 'released')) = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("(consignment_line_id IS NULL) = (expected_on IS NULL)", name="expected"),
        CheckConstraint("state <> 'awaited' OR consignment_line_id IS NOT NULL", name="awaits_something"),
        CheckConstraint("state <> 'arrived' OR level_id IS NOT NULL", name="arrived_somewhere"),
        Index("ix_backorder_order", "order_id", "id"),
        Index(
            "uq_backorder_awaited", "consignment_line_id", "order_line_id", unique=True,
            postgresql_where=sa.text("state = 'awaited'"),
        ),
        Index("ix_backorder_level", "level_id", postgresql_where=sa.text("state = 'arrived'")),
    )  # fmt: skip
