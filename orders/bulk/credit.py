"""What an organisation may still buy on account, decided while its row is locked: the first lock of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from orders.invoices.models import BankReceipt, Invoice, InvoiceOrder
from orders.invoices.overdue import check_not_stopped
from orders.invoices.states import OWED
from orders.models import Order
from orders.payments.models import MoneyEntry
from orders.states import OrderStatus
from shop.accounts.models import Organisation
from shop.clock import utcnow
from shop.errors import DomainError, Forbidden
from shop.money import yuan

# Orders that are over without anything being owed for them.
OWES_NOTHING = (OrderStatus.CANCELLED.value, OrderStatus.EXPIRED.value)


@dataclass(frozen=True)
class Credit:
    """An organisation's account: its limit, what is unpaid, what is left (fen)."""

    limit_fen: int
    used_fen: int

    @property
    def free_fen(self) -> int:
        return max(self.limit_fen - self.used_fen, 0)


class CreditExceeded(DomainError):
    """The order would pass the organisation's limit; `errors` has the figures."""

    code: ClassVar[str] = "credit_exceeded"
    title = _l("This order passes your credit limit")

    def __init__(self, credit: Credit, wanted_fen: int) -> None:
        over = credit.used_fen + wanted_fen - credit.limit_fen
        detail = _l(
            "This order comes to %(wanted)s, and %(free)s of your limit of %(limit)s is left: it is %(over)s too much. "
            "Take something off, pay an open order, or ask the office for a higher limit.",
            wanted=yuan(wanted_fen), free=yuan(credit.free_fen), limit=yuan(credit.limit_fen), over=yuan(over),
        )  # fmt: skip
        figures = {"limit_fen": credit.limit_fen, "used_fen": credit.used_fen, "wanted_fen": wanted_fen}
        super().__init__(detail, errors=[{**figures, "over_fen": over}])
        self.over_fen = over


def locked_organisation(session: Session, organisation_id: int) -> Organisation | None:
    """The organisation, locked and read anew: the first lock of everything that changes what it owes."""
    statement = (
        select(Organisation)
        .where(Organisation.id == organisation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalar_one_or_none()


def lock_organisation(session: Session, organisation_id: int) -> Organisation:
    """The organisation, locked, for an order on account. Raises Forbidden if it does not buy."""
    organisation = locked_organisation(session, organisation_id)
    if organisation is None or not organisation.active:
        raise Forbidden(_l("This organisation does not buy at present, please ask the office"))
    return organisation


def used_fen(session: Session, organisation_id: int) -> int:
    """What it owes: orders not billed yet and unpaid invoices, less money of it that is matched to nothing."""
    unbilled, unpaid, free = session.execute(
        select(unbilled_fen(organisation_id), unpaid_fen(organisation_id), free_fen(organisation_id))
    ).one()
    return max(int(unbilled) + int(unpaid) - int(free), 0)


def unbilled_fen(organisation_id: int) -> ScalarSelect[int]:
    """The totals of its bulk orders that are in no invoice, less what was received for them."""
    received = (
        select(func.coalesce(func.sum(MoneyEntry.amount_fen), 0))
        .where(MoneyEntry.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    billed = select(InvoiceOrder.order_id).where(InvoiceOrder.order_id == Order.id, ~InvoiceOrder.voided)
    owed = func.greatest(Order.total_fen - received, 0)
    return (
        select(func.coalesce(func.sum(owed), 0))
        .where(Order.organisation_id == organisation_id, Order.kind == "bulk", Order.status.not_in(OWES_NOTHING))
        .where(~billed.exists())
        .scalar_subquery()
    )


def unpaid_fen(organisation_id: int) -> ScalarSelect[int]:
    """What of its invoices is neither paid nor credited, written off or not."""
    owed = Invoice.total_fen - Invoice.settled_fen - Invoice.credited_fen
    return (
        select(func.coalesce(func.sum(owed), 0))
        .where(Invoice.organisation_id == organisation_id, Invoice.state.in_([state.value for state in OWED]))
        .scalar_subquery()
    )


def free_fen(organisation_id: int) -> ScalarSelect[int]:
    """What it transferred and is matched to no invoice: its credit."""
    left = BankReceipt.amount_fen - BankReceipt.matched_fen - BankReceipt.returned_fen
    return (
        select(func.coalesce(func.sum(left), 0)).where(BankReceipt.organisation_id == organisation_id).scalar_subquery()
    )


def credit_of(session: Session, organisation: Organisation) -> Credit:
    """Where the organisation's account stands."""
    return Credit(organisation.credit_limit_fen, used_fen(session, organisation.id))


def check_credit(session: Session, organisation: Organisation, wanted_fen: int) -> None:
    """Raise CreditStopped while an invoice is overdue, CreditExceeded when `wanted_fen` more would pass the limit.

    The organisation's row is locked.
    """
    check_not_stopped(session, organisation.id, utcnow())
    credit = credit_of(session, organisation)
    if credit.used_fen + wanted_fen > credit.limit_fen:
        raise CreditExceeded(credit, wanted_fen)
