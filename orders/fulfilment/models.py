"""The parts counters do, and which lot each pack comes from."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalogue.by_weight import HEAVIEST_G
from catalogue.models import Counter, Sku
from catalogue.stock.models import StockLevel
from orders.models import Order, OrderLine
from orders.states import FulfilmentRole, FulfilmentStatus, SubstitutionState, values
from shop.db import Base, HasId, HasTimes


class Fulfilment(HasId, HasTimes, Base):
    """The part of an order that one counter does. `due_at` is when it should be ready (UTC)."""

    __tablename__ = "fulfilment"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), index=True)
    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id"))
    role: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="assigned")
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("routing_plan.id"))
    due_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    rejected_reason: Mapped[str | None]

    order: Mapped[Order] = relationship()
    counter: Mapped[Counter] = relationship()
    allocations: Mapped[list[Allocation]] = relationship(
        back_populates="fulfilment", order_by="Allocation.id", foreign_keys="Allocation.fulfilment_id"
    )

    __table_args__ = (
        CheckConstraint(f"role IN {values(FulfilmentRole)}", name="role"),
        CheckConstraint(f"status IN {values(FulfilmentStatus)}", name="status"),
        CheckConstraint("(status = 'rejected') = (rejected_reason IS NOT NULL)", name="rejected_has_reason"),
        Index(
            "uq_fulfilment_part_at_counter",  # while one is on its way, the counter may prepare another
            "order_id",
            "counter_id",
            "role",
            unique=True,
            postgresql_where=sa.text("status IN ('assigned', 'accepted', 'ready')"),
        ),
        Index("ix_fulfilment_queue", "counter_id", "status", "due_at", "id"),
    )


class Allocation(HasId, HasTimes, Base):
    """Packs of one lot at one location, set aside for an order line.

    `picked` of them are ticked off the pick list. States: reserved (at `level`) → in_transit (left the sending
    counter) → reserved (at the pickup counter) → shipped; or released.
    """

    __tablename__ = "allocation"

    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"), index=True)
    fulfilment_id: Mapped[int] = mapped_column(ForeignKey("fulfilment.id"), index=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("stock_level.id"))
    quantity: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[str] = mapped_column(server_default="reserved")
    picked: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    picked_at: Mapped[datetime | None]

    fulfilment: Mapped[Fulfilment] = relationship(back_populates="allocations")
    line: Mapped[OrderLine] = relationship()
    level: Mapped[StockLevel] = relationship()
    weights: Mapped[list[WeighedPack]] = relationship(order_by="WeighedPack.number", viewonly=True)

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("picked BETWEEN 0 AND quantity", name="picked"),
        CheckConstraint("state IN ('reserved', 'in_transit', 'shipped', 'released')", name="state"),
        Index("ix_allocation_level", "level_id", postgresql_where=sa.text("state = 'reserved'")),
    )


class WeighedPack(Base):
    """What the scale showed for one pack of an allocation, and what that pack costs (fen). Gone with the allocation."""

    __tablename__ = "weighed_pack"

    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), primary_key=True)
    number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"), index=True)
    grams: Mapped[int] = mapped_column(sa.Integer)
    price_fen: Mapped[int]

    __table_args__ = (
        CheckConstraint(f"grams BETWEEN 1 AND {HEAVIEST_G}", name="grams"),
        CheckConstraint("number >= 1", name="number"),
    )


class Rejection(HasId, HasTimes, Base):
    """A counter said it cannot give this SKU for this order; routing does not ask it again for that order."""

    __tablename__ = "rejection"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    counter_id: Mapped[int] = mapped_column(ForeignKey("counter.id"))
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"))
    quantity: Mapped[int] = mapped_column(sa.Integer)
    reason: Mapped[str]
    actor: Mapped[str]

    __table_args__ = (UniqueConstraint("order_id", "counter_id", "sku_id"),)


class Substitution(HasId, HasTimes, Base):
    """A counter asks whether `packs` of another SKU will do for packs it misses of a line.

    `price_fen` is what the customer would pay for a pack; without an answer until `answer_by` (UTC) it is no.
    """

    __tablename__ = "substitution"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"))
    fulfilment_id: Mapped[int] = mapped_column(ForeignKey("fulfilment.id"), index=True)
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"))
    packs: Mapped[int] = mapped_column(sa.Integer)
    price_fen: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="proposed")
    answer_by: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    proposed_by: Mapped[str]

    sku: Mapped[Sku] = relationship()
    line: Mapped[OrderLine] = relationship()

    __table_args__ = (
        CheckConstraint(f"state IN {values(SubstitutionState)}", name="state"),
        CheckConstraint("(state = 'proposed') = (answered_at IS NULL)", name="answered"),
        CheckConstraint("packs > 0", name="packs"),
        CheckConstraint("price_fen >= 0", name="price"),
        # One question at a time: people answer the last one they were asked.
        Index("uq_substitution_open", "order_id", unique=True, postgresql_where=sa.text("state = 'proposed'")),
        Index("ix_substitution_answer_by", "answer_by", postgresql_where=sa.text("state = 'proposed'")),
    )
