"""The money ledger: what was received and given back, keyed by whoever moved it. Rows are never changed."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Base


class MoneyEntry(Base):
    """`ref` is the provider's id of the movement (for cash at a counter: the order number). Fen, refunds negative."""

    __tablename__ = "money_entry"

    kind: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"), index=True)
    amount_fen: Mapped[int]
    actor: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=sa.func.now())

    __table_args__ = (
        CheckConstraint("kind IN ('counter_payment', 'counter_refund')", name="kind"),
        CheckConstraint("(kind LIKE '%refund') = (amount_fen < 0) AND amount_fen <> 0", name="sign"),
    )
