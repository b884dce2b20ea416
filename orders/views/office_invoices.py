"""The office's invoices: what waits to be billed, each invoice and what may be done with it, credit stops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from orders.bulk.credit import credit_of
from orders.invoices import billing, paper, reading
from orders.invoices.billing import Credit
from orders.invoices.models import CREDIT_REASONS
from orders.invoices.overdue import lift_stop, overdue_count, stopped_by
from orders.invoices.statement_file import fen_of
from orders.views.office_money import attempt
from orders.views.on_paper import on_paper, shop_address
from shop.accounts.models import Organisation
from shop.accounts.policy import allow, current_actor
from shop.audit import Actor
from shop.clock import shanghai_day, utcnow
from shop.db import db
from shop.edits import history_of
from shop.errors import Invalid, NotFound
from shop.list_pages import show_list

office_invoices = Blueprint("office_invoices", __name__, url_prefix="/office/invoices")


def today() -> date:
    """The day in Wuhan."""
    return shanghai_day(utcnow())


def link(number: str) -> str:
    """The address of an invoice in the office."""
    return url_for("office_invoices.invoice", number=number)


@office_invoices.get("")
@allow("office")
def invoices() -> str:
    """Every invoice, and what waits to be billed."""
    return show_list(
        reading.invoices_list(None, link, today()), _("Invoices"), template="office/invoices.html",
        waiting=reading.waiting_to_be_billed(db.session()), overdue=overdue_count(db.session(), today()),
    )  # fmt: skip


@office_invoices.get("/<number>")
@allow("office")
def invoice(number: str) -> str:
    """One invoice: its orders, credit notes, payments, and what was done with it."""
    found = reading.invoice_named(db.session(), number, None)
    return render_template(
        "office/invoice.html", page=reading.invoice_page(db.session(), found, today()), invoice=found,
        history=history_of(db.session(), "invoice", found.id), reasons=CREDIT_REASONS,
    )  # fmt: skip


@office_invoices.get("/<number>.pdf")
@allow("office")
def invoice_pdf(number: str) -> Response:
    """The invoice as its buyers have it on paper."""
    found = reading.invoice_named(db.session(), number, None)

    def draw() -> bytes:
        return paper.draw(reading.invoice_page(db.session(), found, today()), shop_address())

    return on_paper(draw, f"invoice-{found.number}")


@office_invoices.post("/<number>/<step>")
@allow("office")
def step(number: str, step: str) -> Response:
    """Void, write off, take something off, note the fapiao, or try the provider again."""
    invoice_id = reading.invoice_named(db.session(), number, None).id
    if step not in STEPS:
        raise NotFound
    work, actor = STEPS[step], current_actor()
    return attempt(lambda: work(invoice_id, actor), _("Done."), link(number.upper()))


def void(invoice_id: int, actor: Actor) -> Any:
    """It was wrong."""
    return billing.void_invoice(db.session(), invoice_id, request.form.get("reason", "")[:200], actor, utcnow())


def write_off(invoice_id: int, actor: Actor) -> Any:
    """Nobody expects its money any more."""
    return billing.write_off(db.session(), invoice_id, request.form.get("reason", "")[:200], actor, utcnow())


def fapiao(invoice_id: int, actor: Actor) -> Any:
    """The number of its fapiao."""
    return billing.note_fapiao(db.session(), invoice_id, request.form.get("fapiao_no", ""), actor)


def credit(invoice_id: int, actor: Actor) -> Any:
    """Goods came short, or were not as they should be."""
    form = request.form
    wish = Credit(fen_of(form.get("amount", "")), form.get("reason", ""), form.get("note", "")[:200],
                  form.get("order", ""))  # fmt: skip
    return billing.credit_invoice(db.session(), invoice_id, wish, actor, utcnow())


def again(invoice_id: int, _actor: Actor) -> Any:
    """Have the provider told once more."""
    invoice = billing.lock_invoice(db.session(), invoice_id)
    billing.push(db.session(), invoice, f"again-{int(utcnow().timestamp())}")


STEPS: dict[str, Callable[[int, Actor], Any]] = {
    "void": void, "write-off": write_off, "fapiao": fapiao, "credit": credit, "again": again,
}  # fmt: skip


def organisation_named(organisation_id: int) -> Organisation:
    """Raises NotFound."""
    found = db.session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound
    return found


@office_invoices.get("/organisations/<int:organisation_id>")
@allow("office")
def account(organisation_id: int) -> str:
    """Where an organisation's account stands, what stops it, and who let it order all the same."""
    found, session = organisation_named(organisation_id), db.session()
    return render_template(
        "office/account.html", organisation=found, credit=credit_of(session, found),
        orders=billing.to_bill(session, found.id), invoices=reading.payable(session, found.id),
        stopped=stopped_by(session, found.id, today()), lifts=reading.lifts_of(session, found.id), today=today(),
    )  # fmt: skip


@office_invoices.post("/organisations/<int:organisation_id>/bill")
@allow("office")
def bill(organisation_id: int) -> Response:
    """Bill now what was handed over so far."""
    actor, back = current_actor(), url_for("office_invoices.account", organisation_id=organisation_id)
    organisation_named(organisation_id)
    work = lambda: billing.bill(db.session(), organisation_id, actor, utcnow())  # noqa: E731
    return attempt(work, _("The invoice is drawn up and will be issued in a moment."), back)


@office_invoices.post("/organisations/<int:organisation_id>/lift")
@allow("office")
def lift(organisation_id: int) -> Response:
    """Let the organisation order although an invoice is overdue."""
    actor, form = current_actor(), request.form
    organisation_named(organisation_id)

    def work() -> None:
        lift_stop(db.session(), organisation_id, day_of(form.get("until", "")), form.get("reason", ""), actor, utcnow())

    back = url_for("office_invoices.account", organisation_id=organisation_id)
    return attempt(work, _("The organisation may order again until then."), back)


def day_of(text: str) -> date:
    """A day as typed. Raises Invalid."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(_("Please choose a day"), errors=[{"field": "until"}]) from None
