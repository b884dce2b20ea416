"""What follows when an invoice is not paid in time: reminders, and no new orders on account until it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orders.invoices.models import CreditStopLift, Invoice
from orders.invoices.states import REMINDERS, InvoiceState, reminder_on
from shop import audit
from shop.accounts.models import Organisation
from shop.audit import Actor
from shop.clock import shanghai_day
from shop.errors import DomainError, Invalid, NotFound
from shop.money import yuan
from shop.outbox import emit

LONGEST_LIFT = timedelta(days=60)


class CreditStopped(DomainError):
    """The organisation has an invoice that should have been paid; `errors` names them."""

    code: ClassVar[str] = "credit_stopped"
    title = _l("Ordering on account is stopped")

    def __init__(self, invoices: Sequence[Invoice]) -> None:
        owed = sum(one.owed_fen for one in invoices)
        detail = _l(
            "Invoice %(number)s is overdue since %(day)s, and %(owed)s is owed. Please pay it by bank transfer with its"
            " number; you can order again when the money has arrived. If it is on its way, please call the office.",
            number=invoices[0].number, day=str(invoices[0].due_on), owed=yuan(owed),
        )  # fmt: skip
        super().__init__(detail, errors=[{"invoice": one.number, "owed_fen": one.owed_fen} for one in invoices])


def stopped_by(session: Session, organisation_id: int, today: date) -> Sequence[Invoice]:
    """The invoices that stop an organisation from ordering, the oldest first; none while the office lifts the stop."""
    lifted = select(CreditStopLift.id).where(
        CreditStopLift.organisation_id == organisation_id, CreditStopLift.until_on >= today
    )
    stops = ((Invoice.state == InvoiceState.OPEN.value) & (Invoice.due_on < today)) | (
        Invoice.state == InvoiceState.UNCOLLECTIBLE.value
    )
    statement = select(Invoice).where(Invoice.organisation_id == organisation_id, stops, ~lifted.exists())
    return session.scalars(statement.order_by(Invoice.due_on, Invoice.id)).all()


def check_not_stopped(session: Session, organisation_id: int, now: datetime) -> None:
    """Raise CreditStopped; the organisation's row is locked."""
    stopping = stopped_by(session, organisation_id, shanghai_day(now))
    if stopping:
        raise CreditStopped(stopping)


def lift_stop(session: Session, organisation_id: int, until: date, reason: str, actor: Actor, now: datetime) -> None:
    """Let the organisation order until that day all the same. Raises Invalid, NotFound."""
    today = shanghai_day(now)
    if session.get(Organisation, organisation_id) is None:
        raise NotFound
    if not today <= until <= today + LONGEST_LIFT:
        raise Invalid(_l("Please choose a day within the next 60 days"), errors=[{"field": "until"}])
    if not reason.strip():
        raise Invalid(_l("Please say why"), errors=[{"field": "reason"}])
    words = reason.strip()[:200]
    session.add(
        CreditStopLift(organisation_id=organisation_id, until_on=until, reason=words, lifted_by=actor.name)
    )  # fmt: skip
    audit.record(session, actor, "credit_stop.lifted", "organisation", organisation_id,
                 after={"until": until.isoformat(), "reason": words})  # fmt: skip
    session.flush()


def remind(session: Session, now: datetime) -> int:
    """Write the reminders that are due today; each goes out once, whoever asks how often. How many were due."""
    today = shanghai_day(now)
    latest = max(last for _kind, _first, last in REMINDERS)
    earliest = min(first for _kind, first, _last in REMINDERS)
    statement = select(Invoice).where(
        Invoice.state == InvoiceState.OPEN.value,
        Invoice.due_on.between(today - timedelta(days=latest), today - timedelta(days=earliest)),
    )
    due = 0
    for invoice in session.scalars(statement.order_by(Invoice.id)).all():
        kind = reminder_on(invoice.issued_on, invoice.due_on, today) if invoice.issued_on and invoice.due_on else None
        if kind is not None:
            emit(session, "invoice.mails", f"{invoice.id}:{kind}", {"invoice_id": invoice.id, "kind": kind})
            due += 1
    session.commit()
    return due


def overdue_count(session: Session, today: date) -> int:
    """How many invoices should have been paid before today."""
    late = (Invoice.state == InvoiceState.OPEN.value) & (Invoice.due_on < today)
    return session.scalar(select(func.count()).select_from(Invoice).where(late)) or 0
