"""Throw away what nobody needs any more, in small batches so that nobody waits."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

BATCH = 5_000

# What -> which rows are too old (docs/operations.md). Signed-in sessions end after 90 days without a visit.
OLD: dict[str, str] = {
    "job": "done_at < now() - interval '30 days'",
    "api_idempotency": "created_at < now() - interval '24 hours'",
    "webhook_delivery": "created_at < now() - interval '30 days'",
    "routing_instance": "created_at < now() - interval '60 days'",
    "cart": "updated_at < now() - interval '60 days'",
    "login_attempt": "at < now() - interval '30 days'",
    "login_session": "seen_at < now() - interval '90 days'",
    "heartbeat": "seen_at < now() - interval '1 day'",
}


def sweep(session: Session) -> int:
    """Delete all of it, each batch in a transaction of its own; how many rows went."""
    gone = 0
    for table, too_old in OLD.items():
        # Names and conditions stand above; nothing here comes from outside.
        statement = text(
            f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("  # noqa: S608
            f"SELECT ctid FROM {table} WHERE {too_old} LIMIT {BATCH} FOR UPDATE SKIP LOCKED))"
        )
        while True:
            deleted = session.execute(statement).rowcount  # type: ignore[attr-defined]
            session.commit()
            gone += deleted
            if deleted < BATCH:
                break
    return gone
