"""What an organisation may still buy on account, decided while its row is locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orders.models import Order
from orders.payments.models import MoneyEntry
from orders.states import OrderStatus
from shop.accounts.models import Organisation
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


def lock_organisation(session: Session, organisation_id: int) -> Organisation:
    """The organisation, locked and read anew: the first lock of every order on account. Raises Forbidden if closed."""
    statement = (
        select(Organisation)
        .where(Organisation.id == organisation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    organisation = session.execute(statement).scalar_one_or_none()
    if organisation is None or not organisation.active:
        raise Forbidden(_l("This organisation does not buy at present, please ask the office"))
    return organisation


def used_fen(session: Session, organisation_id: int) -> int:
    """What its bulk orders still owe: their totals less what was received for them."""
    received = (
        select(func.coalesce(func.sum(MoneyEntry.amount_fen), 0))
        .where(MoneyEntry.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    owed = func.greatest(Order.total_fen - received, 0)
    statement = select(func.coalesce(func.sum(owed), 0)).where(
        Order.organisation_id == organisation_id, Order.kind == "bulk", Order.status.not_in(OWES_NOTHING)
    )
    return int(session.execute(statement).scalar_one())


def credit_of(session: Session, organisation: Organisation) -> Credit:
    """Where the organisation's account stands."""
    return Credit(organisation.credit_limit_fen, used_fen(session, organisation.id))


def check_credit(session: Session, organisation: Organisation, wanted_fen: int) -> None:
    """Raise CreditExceeded when `wanted_fen` more would pass the limit; the organisation's row is locked."""
    credit = credit_of(session, organisation)
    if credit.used_fen + wanted_fen > credit.limit_fen:
        raise CreditExceeded(credit, wanted_fen)
