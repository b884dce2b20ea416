"""The buyer's invoices: what is open and due, each to look at and to print, and the account month by month."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from orders.bulk.credit import credit_of
from orders.invoices import paper, reading
from orders.invoices.overdue import stopped_by
from orders.invoices.statement import next_month, statement_of
from orders.views.buyer import keep_private, organisations
from orders.views.on_paper import on_paper, shop_address
from shop.accounts.policy import allow
from shop.clock import shanghai_day, utcnow
from shop.db import db
from shop.list_pages import show_list

buyer_invoices = Blueprint("buyer_invoices", __name__, url_prefix="/buyer")


@buyer_invoices.after_request
def private(response: Response) -> Response:
    """What is owed is stored nowhere on the way."""
    return keep_private(response)


def today() -> date:
    """The day in Wuhan."""
    return shanghai_day(utcnow())


@buyer_invoices.get("/invoices")
@allow("buyer")
def invoices() -> str:
    """The organisation's invoices, newest first, with where its account stands."""
    mine = organisations()
    link = lambda number: url_for("buyer_invoices.invoice", number=number)  # noqa: E731
    spec = reading.invoices_list([one.id for one in mine], link, today())
    chosen = mine[0]
    return show_list(
        spec, _("Invoices"), template="buyer/invoices.html", organisation=chosen,
        credit=credit_of(db.session(), chosen), stopped=stopped_by(db.session(), chosen.id, today()),
    )  # fmt: skip


@buyer_invoices.get("/invoices/<number>")
@allow("buyer")
def invoice(number: str) -> str:
    """One invoice, as it is printed."""
    found = reading.invoice_named(db.session(), number, [one.id for one in organisations()])
    page = reading.invoice_page(db.session(), found, today())
    return render_template("buyer/invoice.html", page=page, invoice=found)


@buyer_invoices.get("/invoices/<number>.pdf")
@allow("buyer")
def invoice_pdf(number: str) -> Response:
    """The same as a file to keep and to send on."""
    found = reading.invoice_named(db.session(), number, [one.id for one in organisations()])

    def draw() -> bytes:
        return paper.draw(reading.invoice_page(db.session(), found, today()), shop_address())

    return on_paper(draw, f"invoice-{found.number}")


@buyer_invoices.get("/statement")
@allow("buyer")
def statement() -> str:
    """An organisation's account in a month (`?month=2026-11`, this month without)."""
    mine = organisations()
    wanted = request.args.get("organisation", type=int)
    chosen = next((one for one in mine if one.id == wanted), mine[0])
    month = month_of(request.args.get("month", ""))
    return render_template(
        "buyer/statement.html", statement=statement_of(db.session(), chosen.id, month), organisation=chosen,
        organisations=mine, months=latest_months(today()), end=next_month(month),
    )  # fmt: skip


def month_of(text: str) -> date:
    """The first day of the month asked for; of this month when it is none."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return today().replace(day=1)


def latest_months(day: date) -> list[date]:
    """The first days of the last twelve months, newest first."""
    last = day.year * 12 + day.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(last, last - 12, -1)]
