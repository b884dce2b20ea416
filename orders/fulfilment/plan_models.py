"""What routing decides by and what it decided: weights in versions, plans, what they were made from, open cases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orders.models import Order
from shop.db import Base, HasId, HasTimes


class RoutingCosts(HasId, HasTimes, Base):
    """One version of the weights, in fen; never changed. In force is the one that begins last before a moment."""

    __tablename__ = "routing_costs"

    parcel_fen: Mapped[int]
    per_km_fen: Mapped[int]
    cold_parcel_fen: Mapped[int]
    transfer_fen: Mapped[int]
    load_fen: Mapped[int]
    ageing_fen: Mapped[int]
    horizon_days: Mapped[int] = mapped_column(sa.Integer)
    unfilled_fen: Mapped[int]
    in_force_from: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    actor: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        CheckConstraint(
            "parcel_fen >= 0 AND per_km_fen >= 0 AND cold_parcel_fen >= 0 AND transfer_fen >= 0 AND load_fen >= 0"
            " AND ageing_fen >= 0 AND horizon_days BETWEEN 0 AND 3650 AND unfilled_fen >= 0",
            name="weights",
        ),
        Index("ix_routing_costs_in_force", "in_force_from", "id"),
    )


class RoutingPlan(HasId, HasTimes, Base):
    """A plan as it was decided, with its cost by component, its reasons and why it was made; never changed."""

    __tablename__ = "routing_plan"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), index=True)
    version: Mapped[int] = mapped_column(sa.Integer)
    costs_id: Mapped[int] = mapped_column(ForeignKey("routing_costs.id"))
    cost_fen: Mapped[int]
    bound_fen: Mapped[int]
    proved: Mapped[bool]
    solver: Mapped[str]
    seconds: Mapped[float]
    plan: Mapped[dict[str, Any]]
    why: Mapped[str] = mapped_column(server_default="placed")

    __table_args__ = (UniqueConstraint("order_id", "version"),)


class RoutingInstance(HasTimes, Base):
    """What a plan was made from, so that other weights can be tried on it; thrown away after some weeks."""

    __tablename__ = "routing_instance"

    plan_id: Mapped[int] = mapped_column(ForeignKey("routing_plan.id"), primary_key=True, autoincrement=False)
    instance: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_routing_instance_created_at", "created_at"),)


class RoutingCase(HasId, HasTimes, Base):
    """An order the router gave up on: it was planned too often. A person decides, and closes the case.

    `at_version` is the number of plans the order had then: after the case is closed they are counted from there.
    """

    __tablename__ = "routing_case"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), index=True)
    why: Mapped[str]
    at_version: Mapped[int] = mapped_column(sa.Integer)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]

    order: Mapped[Order] = relationship()

    __table_args__ = (
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by_somebody"),
        Index("uq_routing_case_open", "order_id", unique=True, postgresql_where=sa.text("closed_at IS NULL")),
    )


class RoutingTrial(HasId, HasTimes, Base):
    """Other weights tried on stored plans: `done` of `plan_ids` are planned anew; `result` sums up both ways."""

    __tablename__ = "routing_trial"

    costs: Mapped[dict[str, Any]]
    base_id: Mapped[int] = mapped_column(ForeignKey("routing_costs.id"))
    plan_ids: Mapped[dict[str, Any]]
    done: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    result: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    actor: Mapped[str]
