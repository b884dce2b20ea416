"""Invoices, what they bill, what was paid for them by bank, and what of them the provider was told. Fen everywhere.

Our invoice asks for money; it is no 发票 (fapiao), which the tax system issues. Its number can be noted here.
"""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orders.invoices.states import InvoiceState
from orders.models import Order
from orders.states import values
from shop.accounts.models import Organisation
from shop.db import Base, HasId, HasTimes

CREDIT_REASONS = ("short", "goods", "price", "other")


class Invoice(HasId, HasTimes, Base):
    """What an organisation is asked to pay for orders it has received. Days are days in Shanghai.

    `total_fen` is what its orders came to, `settled_fen` what receipts were matched to it (a trigger counts them),
    `credited_fen` what was taken off by credit notes. It is paid when the three meet. `invoice_ref` is the provider's.
    """

    __tablename__ = "invoice"

    number: Mapped[str] = mapped_column(unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    state: Mapped[str] = mapped_column(server_default="draft")
    total_fen: Mapped[int]
    settled_fen: Mapped[int] = mapped_column(server_default="0")
    credited_fen: Mapped[int] = mapped_column(server_default="0")
    terms_days: Mapped[int] = mapped_column(sa.Integer)
    issued_on: Mapped[date | None]
    due_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    fapiao_no: Mapped[str | None]
    invoice_ref: Mapped[str | None] = mapped_column(unique=True)

    organisation: Mapped[Organisation] = relationship()

    __table_args__ = (
        CheckConstraint(f"state IN {values(InvoiceState)}", name="state"),
        CheckConstraint("total_fen > 0", name="total"),
        CheckConstraint("settled_fen >= 0 AND credited_fen >= 0 AND settled_fen + credited_fen <= total_fen",
                        name="never_beyond_total"),
        CheckConstraint("state <> 'void' OR settled_fen = 0", name="void_has_no_money"),
        CheckConstraint("state IN ('draft', 'void') OR (issued_on IS NOT NULL AND due_on IS NOT NULL)", name="issued"),
        Index("ix_invoice_organisation", "organisation_id", "id"),
        Index("ix_invoice_due", "due_on", postgresql_where=sa.text("state = 'open'")),
        Index("ix_invoice_state", "state", "id"),
    )  # fmt: skip

    @property
    def owed_fen(self) -> int:
        """What is still to be paid."""
        return 0 if self.state == InvoiceState.VOID else self.total_fen - self.settled_fen - self.credited_fen


class InvoiceOrder(Base):
    """An order an invoice bills, at what it came to that day. An order is in one invoice that is not void."""

    __tablename__ = "invoice_order"

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), primary_key=True)
    amount_fen: Mapped[int]
    voided: Mapped[bool] = mapped_column(server_default=sa.false())

    order: Mapped[Order] = relationship()

    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_invoice_order_billed", "order_id", unique=True, postgresql_where=sa.text("NOT voided")),
    )


class CreditNote(HasId, HasTimes, Base):
    """Something taken off an invoice after it was issued: goods came short, or were not as they should be."""

    __tablename__ = "credit_note"

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"))
    amount_fen: Mapped[int]
    reason: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    made_on: Mapped[date]
    made_by: Mapped[str]
    note_ref: Mapped[str | None] = mapped_column(unique=True)

    order: Mapped[Order | None] = relationship()

    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("reason IN ('short', 'goods', 'price', 'other')", name="reason"),
    )


class BankReceipt(HasId, HasTimes, Base):
    """Money that came to our bank account. `bank_ref` is the bank's number of the movement: it comes once.

    `organisation_id` is empty while nobody knows whose it is. `matched_fen` counts allocations (a trigger), what is
    left belongs to the organisation as credit, or was sent back (`returned_fen`).
    """

    __tablename__ = "bank_receipt"

    bank_ref: Mapped[str] = mapped_column(unique=True)
    payer: Mapped[str]
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    amount_fen: Mapped[int]
    matched_fen: Mapped[int] = mapped_column(server_default="0")
    returned_fen: Mapped[int] = mapped_column(server_default="0")
    received_on: Mapped[date]
    entered_by: Mapped[str]

    organisation: Mapped[Organisation | None] = relationship()

    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("matched_fen >= 0 AND returned_fen >= 0 AND matched_fen + returned_fen <= amount_fen",
                        name="never_beyond_amount"),
        CheckConstraint("matched_fen = 0 OR organisation_id IS NOT NULL", name="matched_has_owner"),
        Index("ix_bank_receipt_left", "id", postgresql_where=sa.text("matched_fen + returned_fen < amount_fen")),
        Index("ix_bank_receipt_payer", "payer"),
    )  # fmt: skip

    @property
    def left_fen(self) -> int:
        """What is neither matched nor sent back."""
        return self.amount_fen - self.matched_fen - self.returned_fen


class BankAllocation(Base):
    """So much of a receipt pays so much of an invoice; both sums follow by trigger, within their constraints."""

    __tablename__ = "bank_allocation"

    receipt_id: Mapped[int] = mapped_column(ForeignKey("bank_receipt.id"), primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), primary_key=True, index=True)
    amount_fen: Mapped[int]
    matched_by: Mapped[str]
    matched_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())

    receipt: Mapped[BankReceipt] = relationship()
    invoice: Mapped[Invoice] = relationship()

    __table_args__ = (CheckConstraint("amount_fen > 0", name="amount"),)


class CreditStopLift(HasId, HasTimes, Base):
    """The office lets an organisation order on account until that day although an invoice is overdue, and says why."""

    __tablename__ = "credit_stop_lift"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    until_on: Mapped[date]
    reason: Mapped[str]
    lifted_by: Mapped[str]

    __table_args__ = (
        CheckConstraint("reason <> ''", name="reason"),
        Index("ix_credit_stop_lift_organisation", "organisation_id", "until_on"),
    )


class ProviderCustomer(HasTimes, Base):
    """An organisation as the provider knows it; the key is kept before the provider is asked to make it."""

    __tablename__ = "provider_customer"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    customer_ref: Mapped[str | None] = mapped_column(unique=True)


class InvoiceCall(HasId, HasTimes, Base):
    """A call to the provider for an invoice: written with its key before it is made, `done_at` when answered."""

    __tablename__ = "invoice_call"

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"))
    name: Mapped[str]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    done_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("invoice_id", "name"),)
