"""Which workers are alive: each writes a row every few seconds; readiness and the office read it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.db import Base


class Heartbeat(Base):
    """One process by name ('worker-route@host'), its kind, and when it was last heard, by the database's clock."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())


def beat(session: Session, name: str, kind: str) -> None:
    """Say that this process is alive now."""
    statement = insert(Heartbeat).values(name=name, kind=kind)
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"seen_at": sa.func.now(), "kind": kind})
    )


def seconds_since(session: Session, kind: str) -> float | None:
    """How long ago any process of that kind was heard; None if never."""
    statement = sa.select(sa.func.extract("epoch", sa.func.now() - sa.func.max(Heartbeat.seen_at))).where(
        Heartbeat.kind == kind
    )
    age = session.scalar(statement)
    return None if age is None else float(age)
