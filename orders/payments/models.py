"""What is asked of customers, given back to them and told by the payment provider; and the ledger of what moved.

Fen everywhere. A row is written and committed before the provider is called, so that nothing is known only there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orders.models import Order
from orders.payments.states import LIVE_PAYMENTS, PaymentState, RefundState
from orders.states import values
from shop.db import Base, HasId, HasTimes

INCOME = ("counter_payment", "charge", "refund_reversal", "dispute_won", "bank_in")
OUTGO = ("counter_refund", "refund", "dispute", "fee", "bank_out")
# Automatic refunds happen once for a payment, whatever reports the money.
AUTOMATIC = ("late", "duplicate", "mismatch")
REASONS = ("cancelled", "short", "weight", "goodwill", "external", *AUTOMATIC)


def one_of(names: tuple[str, ...]) -> str:
    """The names as the right side of an SQL `IN`."""
    return "(" + ", ".join(f"'{name}'" for name in names) + ")"


class Payment(HasId, HasTimes, Base):
    """What a customer was asked to pay for an order. `intent_ref` is the provider's id of it, unknown at first.

    `means` is card, alipay or wechat_pay: the wish at first, then what was used. `looks` counts how often the
    provider was asked without a word from it; `next_look_at` is when it is asked again.
    """

    __tablename__ = "payment"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), index=True)
    amount_fen: Mapped[int]
    currency: Mapped[str] = mapped_column(server_default="cny")
    state: Mapped[str] = mapped_column(server_default="creating")
    means: Mapped[str | None]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    intent_ref: Mapped[str | None] = mapped_column(unique=True)
    livemode: Mapped[bool | None]
    received_fen: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str] = mapped_column(server_default="")
    looks: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    next_look_at: Mapped[datetime | None]

    order: Mapped[Order] = relationship()

    __table_args__ = (
        CheckConstraint(f"state IN {values(PaymentState)}", name="state"),
        CheckConstraint("amount_fen > 0 AND amount_fen <= 99999999", name="amount"),
        CheckConstraint("received_fen >= 0", name="received"),
        CheckConstraint("currency = 'cny'", name="currency"),
        CheckConstraint("means IN ('card', 'alipay', 'wechat_pay')", name="means"),
        CheckConstraint("state IN ('creating', 'canceled') OR intent_ref IS NOT NULL", name="known_to_provider"),
        # One live attempt an order: a second press of a button finds the first.
        Index(
            "uq_payment_live",
            "order_id",
            unique=True,
            postgresql_where=sa.text(f"state IN {one_of(tuple(sorted(one.value for one in LIVE_PAYMENTS)))}"),
        ),
        Index(
            "ix_payment_next_look",
            "next_look_at",
            postgresql_where=sa.text(f"state IN {one_of(tuple(sorted(one.value for one in LIVE_PAYMENTS)))}"),
        ),
    )


class Refund(HasId, HasTimes, Base):
    """Money that goes back to the customer of a payment, decided under the order's and the payment's lock.

    `manual_reference` says how it was paid back when the provider could not (a bank transfer's number).
    """

    __tablename__ = "refund"

    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), index=True)
    amount_fen: Mapped[int]
    why: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="requested")
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    refund_ref: Mapped[str | None] = mapped_column(unique=True)
    failure: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")
    requested_by: Mapped[str]
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    approved_by: Mapped[str | None]
    manual_reference: Mapped[str | None]
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"))
    settled_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    next_look_at: Mapped[datetime | None]

    payment: Mapped[Payment] = relationship()
    lines: Mapped[list[RefundLine]] = relationship(order_by="RefundLine.order_line_id")

    __table_args__ = (
        CheckConstraint(f"state IN {values(RefundState)}", name="state"),
        CheckConstraint(f"why IN {one_of(REASONS)}", name="why"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("(state = 'manual') = (manual_reference IS NOT NULL)", name="manual"),
        CheckConstraint("(state = 'replaced') = (replaced_by_id IS NOT NULL)", name="replaced"),
        Index("uq_refund_automatic", "payment_id", unique=True,
              postgresql_where=sa.text(f"why IN {one_of(AUTOMATIC)} AND state NOT IN ('failed', 'replaced')")),
        Index("ix_refund_next_look", "next_look_at", postgresql_where=sa.text("state IN ('requested', 'pending')")),
        Index("ix_refund_state", "state", "id"),
    )  # fmt: skip


class RefundLine(Base):
    """The part of a refund that is for one line of the order: `packs` of it, or `grams` that were short."""

    __tablename__ = "refund_line"

    refund_id: Mapped[int] = mapped_column(ForeignKey("refund.id"), primary_key=True)
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"), primary_key=True)
    amount_fen: Mapped[int]
    packs: Mapped[int | None] = mapped_column(sa.Integer)
    grams: Mapped[int | None] = mapped_column(sa.Integer)

    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("packs > 0", name="packs"),
        CheckConstraint("grams IS NULL OR grams > 0 AND packs IS NULL", name="grams"),
    )


class Dispute(HasId, HasTimes, Base):
    """A customer's bank asks for its money back; evidence is due by `due_at`. While open, nothing is refunded."""

    __tablename__ = "dispute"

    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), index=True)
    dispute_ref: Mapped[str] = mapped_column(unique=True)
    amount_fen: Mapped[int]
    status: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    due_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("amount_fen > 0", name="amount"),)


class ProviderEvent(Base):
    """What the provider told us, as it told it. A hint only: its object is read anew. `seen` counts repetitions."""

    __tablename__ = "provider_event"

    event_ref: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    object_ref: Mapped[str]
    api_version: Mapped[str]
    livemode: Mapped[bool]
    payload: Mapped[dict[str, Any]]
    via: Mapped[str]
    created_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    seen: Mapped[int] = mapped_column(sa.Integer, server_default="1")
    done_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("via IN ('webhook', 'poll')", name="via"),
        Index("ix_provider_event_object", "object_ref"),
        Index("ix_provider_event_received_at", "received_at"),
    )


class MoneyEntry(Base):
    """`ref` is the provider's or the bank's id of the movement, at a counter the number of the order and of its part.
    Insert only.
    """

    __tablename__ = "money_entry"

    kind: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"), index=True)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payment.id"), index=True)
    amount_fen: Mapped[int]
    actor: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=sa.func.now(), index=True)

    __table_args__ = (
        CheckConstraint(f"kind IN {one_of((*INCOME, *OUTGO))}", name="kind"),
        CheckConstraint(f"(kind IN {one_of(OUTGO)}) = (amount_fen < 0) AND amount_fen <> 0", name="sign"),
    )


class ReconciliationRun(HasId, Base):
    """One comparison of our books with the provider's. `cursor` is the last event read by a run that reads events."""

    __tablename__ = "reconciliation_run"

    kind: Mapped[str]
    from_at: Mapped[datetime | None]
    to_at: Mapped[datetime | None]
    cursor: Mapped[str | None]
    seen: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    differences: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    started_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("kind IN ('events', 'daily', 'monthly', 'by_hand')", name="kind"),
        Index("ix_reconciliation_run_kind", "kind", "id"),
    )


class Finding(HasId, Base):
    """Something about money that no rule explains, for a person; the same thing is found once."""

    __tablename__ = "finding"

    kind: Mapped[str]
    ref: Mapped[str]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("reconciliation_run.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"), index=True)
    ours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    theirs: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    found_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    note: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        Index("uq_finding", "kind", "ref", unique=True),
        Index("ix_finding_open", "id", postgresql_where=sa.text("resolved_at IS NULL")),
        CheckConstraint("(resolved_at IS NULL) = (resolved_by IS NULL)", name="resolved"),
    )
