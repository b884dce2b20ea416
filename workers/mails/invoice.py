"""The mails about an invoice: issued, due soon, overdue, paid, something taken off, void."""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template
from flask_babel import force_locale, format_date
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from orders.invoices.models import CreditNote, Invoice
from orders.invoices.reading import billed_orders
from orders.invoices.states import PAYABLE
from shop.accounts.models import User
from shop.config import Settings
from shop.mail import OutgoingMail
from shop.money import yuan
from workers.topics import GiveUp

# Subject and first sentence by kind; those in REMINDERS are only true while the invoice is open.
KINDS: dict[str, tuple[Any, Any]] = {
    "issued": (
        _l("Invoice %(number)s: %(owed)s due on %(day)s"),
        _l("This is your invoice for the goods you received. Please pay it by bank transfer with its number."),
    ),
    "due_soon": (
        _l("Invoice %(number)s is due on %(day)s"),
        _l("The invoice is due soon. If you have paid it already, thank you: there is nothing to do."),
    ),
    "overdue": (
        _l("Invoice %(number)s is overdue since %(day)s"),
        _l("We have not received your payment yet. Until it arrives, no new orders on account are possible."),
    ),
    "overdue_week": (
        _l("Second reminder: invoice %(number)s is overdue since %(day)s"),
        _l("A week has passed and the payment is still missing. Please pay, or call the office so that we find a way."),
    ),
    "paid": (
        _l("Invoice %(number)s is paid"),
        _l("Your payment has arrived, thank you. Nothing is owed for it any more."),
    ),
    "void": (
        _l("Invoice %(number)s is void"),
        _l("Please do not pay this invoice: it was wrong. You will get another one for the same orders."),
    ),
    "credit": (
        _l("Something was taken off invoice %(number)s"),
        _l("We have written a credit note for this invoice. Please pay only what is left."),
    ),
}
REMINDERS = {"due_soon", "overdue", "overdue_week"}


def compose_invoice_mail(session: Session, invoice_id: int, kind: str, user_id: int) -> OutgoingMail | None:
    """The mail, in the reader's language; None when it is no longer true, or its reader is gone."""
    words = KINDS.get(kind.partition("-")[0])
    invoice = session.get(Invoice, invoice_id)
    if words is None or invoice is None:
        raise GiveUp(f"no invoice mail is called {kind!r}, or there is no invoice {invoice_id}")
    user = session.get(User, user_id)
    if user is None or not user.active or (kind in REMINDERS and invoice.state not in PAYABLE):
        return None
    settings: Settings = current_app.extensions["settings"]
    with force_locale(user.locale):
        day = str(format_date(invoice.due_on, "medium")) if invoice.due_on else ""
        told = {"number": invoice.number, "day": day, "owed": yuan(invoice.owed_fen)}
        subject = str(words[0]) % told
        page = {
            "subject": subject, "lead": str(words[1]), "invoice": invoice, "orders": billed_orders(session, invoice.id),
            "credit": credit_of(session, kind), "name": user.name or invoice.organisation.name, "locale": user.locale,
            "link": f"{settings.base_url}/buyer/invoices/{invoice.number}", "base_url": settings.base_url,
        }  # fmt: skip
        return OutgoingMail(
            to=user.email, subject=subject,
            text=render_template("mail/invoice.txt", **page), html=render_template("mail/invoice.html", **page),
        )  # fmt: skip


def credit_of(session: Session, kind: str) -> CreditNote | None:
    """The credit note a mail of kind `credit-17` speaks of."""
    _kind, _dash, number = kind.partition("-")
    return session.get(CreditNote, int(number)) if number.isdecimal() else None
