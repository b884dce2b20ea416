"""Who changed what, when: one append-only row per change that a person may ask about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.db import Base, HasId, table_of
from shop.observability import current_request_id


class AuditEntry(HasId, Base):
    """`subject` is the kind and id of what changed ('order', '17'); `actor` is words that outlive the account."""

    __tablename__ = "audit_entry"

    at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    actor: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    request_id: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        Index("ix_audit_entry_subject", "subject_type", "subject_id", "id"),
        Index("ix_audit_entry_at", "at"),
    )


class Actor:
    """Who acts: a person, or one of the shop's own clerks ('router', 'expiry', 'guest')."""

    __slots__ = ("name", "user_id")

    def __init__(self, name: str, user_id: int | None = None) -> None:
        self.name = name
        self.user_id = user_id


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject_type: str,
    subject_id: int | str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add one audit row to the running transaction."""
    record_all(session, actor, action, subject_type, {str(subject_id): after}, before=before)


def record_all(
    session: Session,
    actor: Actor,
    action: str,
    subject_type: str,
    after: Mapping[str, dict[str, Any] | None],
    *,
    before: dict[str, Any] | None = None,
) -> None:
    """Add one audit row for every subject (what holds of it afterwards, by its id). One round trip."""
    request_id = current_request_id()
    rows = [
        {
            "actor_id": actor.user_id, "actor": actor.name, "action": action, "subject_type": subject_type,
            "subject_id": subject_id, "before": before, "after": now, "request_id": request_id,
        }
        for subject_id, now in after.items()
    ]  # fmt: skip
    if rows:
        session.execute(sa.insert(table_of(AuditEntry)), rows)
