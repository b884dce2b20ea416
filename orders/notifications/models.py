"""Notices as rows: an inbox for cooperatives and counters, a record of what customers were told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Base, HasId, HasTimes


class Notification(HasId, HasTimes, Base):
    """One thing told to one party, once per `dedupe_key`. `data` holds ids and figures, never personal data."""

    __tablename__ = "notification"

    kind: Mapped[str]
    dedupe_key: Mapped[str]
    cooperative_id: Mapped[int | None] = mapped_column(ForeignKey("cooperative.id"))
    counter_id: Mapped[int | None] = mapped_column(ForeignKey("counter.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    mailed_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("kind", "dedupe_key"),
        CheckConstraint("num_nonnulls(cooperative_id, counter_id, order_id) >= 1", name="has_audience"),
        Index(
            "ix_notification_cooperative",
            "cooperative_id",
            "id",
            postgresql_where=sa.text("cooperative_id IS NOT NULL"),
        ),
        Index("ix_notification_counter", "counter_id", "id", postgresql_where=sa.text("counter_id IS NOT NULL")),
    )
