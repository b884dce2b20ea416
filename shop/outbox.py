"""Jobs that others must do: written in the same transaction as the fact, open until somebody did them.

A message in the broker is only a wake-up. The truth about pending work is the `job` row; a relay re-sends what
is due, so a killed worker, a flushed broker or a crash between commit and publish lose nothing
(docs/decisions/0001-jobs-are-rows.md).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.db import Base, HasId
from shop.observability import current_request_id


class Job(HasId, Base):
    """One piece of work for a worker. Payload holds ids only, never personal data."""

    __tablename__ = "job"

    event_id: Mapped[uuid.UUID] = mapped_column(server_default=sa.func.gen_random_uuid(), unique=True)
    topic: Mapped[str]
    dedupe_key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    request_id: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    next_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    lease_token: Mapped[uuid.UUID | None]
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("topic", "dedupe_key"),
        CheckConstraint("done_at IS NULL OR dead_at IS NULL", name="done_or_dead"),
        Index("ix_job_due", "next_at", "id", postgresql_where=sa.text("done_at IS NULL AND dead_at IS NULL")),
        Index("ix_job_dead", "dead_at", postgresql_where=sa.text("dead_at IS NOT NULL")),
        Index("ix_job_done", "done_at", postgresql_where=sa.text("done_at IS NOT NULL")),
    )


def emit(session: Session, topic: str, key: str, payload: dict[str, Any], *, at: datetime | None = None) -> None:
    """Record that `topic` must be worked on, once per `key`; a second call with the same key changes nothing.

    `at` (UTC) delays the work; left out, it is due when the transaction commits.
    """
    emit_all(session, topic, {key: payload}, at=at)


def emit_all(
    session: Session, topic: str, payloads: Mapping[str, dict[str, Any]], *, at: datetime | None = None
) -> None:
    """Record that `topic` must be worked on for every key, once per key; `payloads` by key. One round trip."""
    emit_jobs(session, [NewJob(topic, key, payload) for key, payload in payloads.items()], at=at)


@dataclass(frozen=True)
class NewJob:
    """Work to be recorded: what is done, under which key once, and with what (ids only)."""

    topic: str
    key: str
    payload: dict[str, Any]


def emit_jobs(session: Session, jobs: Sequence[NewJob], *, at: datetime | None = None) -> None:
    """Record work of several topics, once per topic and key. One round trip."""
    if not jobs:
        return
    request_id = current_request_id()
    session.execute(
        EMIT,
        {
            "topics": [job.topic for job in jobs],
            "keys": [job.key for job in jobs],
            "payloads": [json.dumps(job.payload) for job in jobs],
            "request_id": request_id,
            "at": at,
        },
    )
    session.info["jobs_emitted"] = True


EMIT = sa.text(
    "INSERT INTO job (topic, dedupe_key, payload, request_id, next_at)"
    " SELECT topic, dedupe_key, payload, :request_id, coalesce(CAST(:at AS timestamptz), now())"
    "   FROM unnest(CAST(:topics AS text[]), CAST(:keys AS text[]), CAST(:payloads AS jsonb[]))"
    "        AS wanted (topic, dedupe_key, payload)"
    " ON CONFLICT (topic, dedupe_key) DO NOTHING"
)
