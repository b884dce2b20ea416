"""The buyer's room: order by the case on account, see the organisation's orders, order again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response

from catalogue.models import Counter
from orders.bulk import history
from orders.bulk.credit import Credit, credit_of
from orders.bulk.order_sheet import order_sheet, rows_in
from orders.bulk.place import earliest_day, place_bulk_order
from orders.bulk.quick_order import QuickLine, SentRows, WantedRow, offered, quick_lines, rows_of_order
from orders.history import order_page
from orders.invoices.overdue import stopped_by
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.payments.standing import payment_standing
from orders.views.buyer_form import BLANK_ROWS, QuickOrderForm
from shop.accounts.models import Organisation, User
from shop.accounts.policy import allow, current_actor, current_person, own_organisation_ids
from shop.clock import shanghai_day, utcnow
from shop.db import REPEATABLE, db, in_transaction, sqlstate
from shop.errors import Busy, DomainError, NotSignedIn
from shop.i18n import localised
from shop.list_pages import show_list
from shop.sheets.read import read_sheet
from shop.sheets.write import download


class NoOrganisation(DomainError):
    """A buyer whom nobody has added to an organisation yet."""

    code: ClassVar[str] = "no_organisation"
    title = _l("Your account belongs to no organisation yet. Please ask the office to add you to yours.")


buyer = Blueprint("buyer", __name__, url_prefix="/buyer")


@buyer.after_request
def keep_private(response: Response) -> Response:
    """Orders and credit are stored nowhere on the way."""
    response.headers["Cache-Control"] = "no-store"
    return response


def me() -> User:
    """The signed-in person; @allow let nobody else in."""
    person = current_person()
    if person is None:
        raise NotSignedIn
    return person


def organisations() -> Sequence[Organisation]:
    """The organisations this person may look at: one's own, for the office all. Raises NoOrganisation."""
    ids = own_organisation_ids()
    statement = select(Organisation).where(Organisation.active).order_by(Organisation.name, Organisation.id)
    if ids is not None:
        statement = statement.where(Organisation.id.in_(ids))
    found = db.session.execute(statement).scalars().all()
    if not found:
        raise NoOrganisation
    return found


def quick_form() -> tuple[QuickOrderForm, Sequence[Organisation]]:
    """The form with today's choices."""
    mine = organisations()
    counters = db.session.execute(select(Counter.code, Counter.names).where(Counter.active).order_by(Counter.code))
    form = QuickOrderForm()
    form.offer([(one.id, one.name) for one in mine], [(code, localised(names)) for code, names in counters],
               earliest_day(utcnow()))  # fmt: skip
    return form, mine


def quick_page(
    form: QuickOrderForm,
    mine: Sequence[Organisation],
    lines: Sequence[QuickLine],
    problem: DomainError | None = None,
    status: int = 200,
) -> tuple[str, int]:
    """The quick order with its rows priced, the credit beside it, and whatever was refused on top."""
    chosen = next((one for one in mine if one.id == form.organisation.data), mine[0])
    credit = credit_of(db.session(), chosen)
    total = sum(line.total_fen for line in lines)
    form.expected_total_fen.data = str(total) if lines else ""
    page = render_template(
        "buyer/quick_order.html",
        form=form, organisation=chosen, lines=lines, total_fen=total, credit=credit, left_fen=left_of(credit, total),
        can_place=bool(lines) and not any(line.fault for line in lines),
        blank=range(BLANK_ROWS), goods=offered(db.session()), first_day=earliest_day(utcnow()), problem=problem,
        several=len(mine) > 1, stopped=stopped_by(db.session(), chosen.id, shanghai_day(utcnow())),
    )  # fmt: skip
    return page, status


def left_of(credit: Credit, total_fen: int) -> int:
    """What the order leaves of the limit; below zero it is refused."""
    return credit.limit_fen - credit.used_fen - total_fen


@buyer.get("/")
@allow("buyer")
def home() -> tuple[str, int]:
    """An empty order, or the rows of an earlier one (`?repeat=NUMBER`)."""
    form, mine = quick_form()
    rows: Sequence[WantedRow] = ()
    if request.args.get("repeat"):
        again = history.order_of(db.session(), request.args["repeat"], [one.id for one in mine])
        rows = rows_of_order(db.session(), again)
        form.organisation.data = again.organisation_id
        form.counter.data = again.pickup_counter.code if again.pickup_counter else ""
    return quick_page(form, mine, quick_lines(db.session(), rows))


@buyer.post("/")
@allow("buyer")
def place() -> Any:
    """Look the rows up, or place the order. A second press of the same form shows the same order."""
    form, mine = quick_form()
    try:
        sent, refused = file_sent(), None
    except DomainError as problem:
        sent, refused = SentRows(), problem
    lines = quick_lines(db.session(), form.read_rows(sent))
    expected = form.expected_total_fen.data or ""
    left = form.unread or form.too_many
    # What a file says is shown with its prices before it can be ordered.
    if request.form.get("do") != "place" or not expected.isdecimal() or sent.rows or refused:
        return quick_page(form, mine, lines, refused, status=422 if left or refused else 200)
    # A row no longer to be had is refused by the checkout, which also knows an order that was placed before.
    if not form.validate() or left:
        return quick_page(form, mine, lines, status=422)
    person, actor, wish, key = me(), current_actor(), form.wish(int(expected)), form.placement_key()

    def order() -> Order:
        return place_bulk_order(
            db.session(), person, wish, lines, placement_key=key, actor=actor, now=utcnow()
        )  # fmt: skip

    try:
        number = in_transaction(db.session(), order).number
    except DomainError as problem:
        rows = [WantedRow(line.code, line.cases) for line in lines]
        return quick_page(form, organisations(), quick_lines(db.session(), rows), problem, problem.status)
    except DBAPIError as error:
        if sqlstate(error) not in REPEATABLE:
            raise
        return quick_page(form, organisations(), lines, Busy(), 409)
    flash(_("Order %(number)s is placed; the cooperatives are told.", number=number), "good")
    return redirect(url_for("buyer.order", number=number), 303)


def file_sent() -> SentRows:
    """The rows of the file that came with the form, if one did. Raises SheetRefused, Busy."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return SentRows()
    return rows_in(read_sheet(file.stream, file.filename))


@buyer.get("/sheet.<kind>")
@allow("buyer")
def sheet(kind: str) -> Response:
    """The file to fill in."""
    return download(order_sheet(offered(db.session())), "order", kind)


@buyer.get("/orders")
@allow("buyer")
def orders() -> str:
    """The organisation's orders, newest first."""
    ids = [one.id for one in organisations()]
    return show_list(history.orders_list(ids, link_of), _("Orders of your organisation"))


def link_of(number: str) -> str:
    """The address of an order in this room."""
    return url_for("buyer.order", number=number)


def own_order(number: str) -> Order:
    """An order of one's own organisation."""
    return history.order_of(db.session(), number, [one.id for one in organisations()])


@buyer.get("/orders/<number>")
@allow("buyer")
def order(number: str) -> str:
    """One order: its goods, where it stands, what is owed."""
    found = own_order(number)
    return render_template(
        "buyer/order.html", order=order_page(db.session(), found), found=found,
        money=payment_standing(db.session(), found),
    )  # fmt: skip


@buyer.get("/orders/<number>/cancel")
@allow("buyer")
def ask_cancel(number: str) -> Any:
    """Ask once more before an order is cancelled."""
    found = own_order(number)
    shown = order_page(db.session(), found)
    if not shown.can_cancel:
        return redirect(link_of(found.number), 303)
    return render_template("buyer/cancel.html", order=shown)


@buyer.post("/orders/<number>/cancel")
@allow("buyer")
def cancel(number: str) -> Response:
    """Cancel the order: its goods and its part of the limit are free again."""
    order_id, shown, actor = own_order(number).id, number.upper(), current_actor()
    try:
        in_transaction(db.session(), lambda: cancel_order(db.session(), order_id, actor, utcnow()))
    except DomainError as problem:
        flash(str(problem.detail), "warn")
    else:
        flash(_("Order %(number)s is cancelled, and its part of your limit is free again.", number=shown), "good")
    return redirect(link_of(shown), 303)
