"""Addresses that want to hear of events, and what became of each message to them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.accounts.models import User
from shop.db import Base, HasId, HasTimes


class Webhook(HasId, HasTimes, Base):
    """An address of one cooperative or organisation.

    It is told nothing but pings until one of them was answered (`verified_at`). Its signing secret is not stored: it
    follows from the shop's own secret, the id and `secret_version`; after a change both sign until a day has passed.
    """

    __tablename__ = "webhook"

    cooperative_id: Mapped[int | None] = mapped_column(ForeignKey("cooperative.id"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    secret_version: Mapped[int] = mapped_column(sa.Integer, server_default="1")
    secret_changed_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]

    creator: Mapped[User | None] = relationship()

    __table_args__ = (
        CheckConstraint("num_nonnulls(cooperative_id, organisation_id) = 1", name="one_owner"),
        CheckConstraint("cardinality(events) > 0", name="some_events"),
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled_has_reason"),
    )


class WebhookDelivery(HasId, HasTimes, Base):
    """One message to one address, sent until it is answered or the schedule ends. `data` holds no personal data."""

    __tablename__ = "webhook_delivery"

    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    message_id: Mapped[uuid.UUID] = mapped_column(server_default=sa.func.gen_random_uuid(), unique=True)
    event: Mapped[str]
    dedupe_key: Mapped[str]
    data: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    last_status: Mapped[int | None] = mapped_column(sa.SmallInteger)
    last_error: Mapped[str | None]
    last_tried_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]

    webhook: Mapped[Webhook] = relationship()

    __table_args__ = (
        UniqueConstraint("webhook_id", "event", "dedupe_key"),
        Index("ix_webhook_delivery_log", "webhook_id", "id"),
        Index("ix_webhook_delivery_created_at", "created_at"),
    )
