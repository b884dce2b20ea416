"""The office's bank receipts: entered or uploaded, given to an organisation, matched to invoices."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from orders.invoices import reading, receipts
from orders.invoices.models import BankReceipt
from orders.invoices.statement_file import OUTCOMES, enter_rows, fen_of, movement_of
from orders.views.office_money import attempt
from shop.accounts.models import Organisation
from shop.accounts.policy import allow, current_actor
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, Invalid, NotFound
from shop.list_pages import show_list
from shop.sheets.read import read_sheet

office_bank = Blueprint("office_bank", __name__, url_prefix="/office/bank")


def today() -> date:
    """The day in Wuhan."""
    return shanghai_day(utcnow())


def link(receipt_id: int) -> str:
    """The address of a receipt."""
    return url_for("office_bank.receipt", receipt_id=receipt_id)


def list_page(problem: DomainError | None = None) -> str:
    """Every receipt, and the two ways to enter more; what was typed and refused stays."""
    return show_list(
        reading.receipts_list(link), _("Bank receipts"), template="office/bank.html", problem=problem,
        typed=request.form if problem else {}, today=today(),
    )  # fmt: skip


@office_bank.get("")
@allow("office")
def bank() -> str:
    """Every receipt."""
    return list_page()


@office_bank.post("")
@allow("office")
def enter() -> Any:
    """One receipt as typed."""
    names = ("bank_ref", "received_on", "payer", "amount")
    typed, actor = {name: request.form.get(name, "").strip() for name in names}, current_actor()
    try:
        movement = movement_of(typed)
        found, is_new = in_transaction(
            db.session(), lambda: receipt_id_of(receipts.enter_receipt(db.session(), movement, actor))
        )  # fmt: skip
    except DomainError as refusal:
        return list_page(problem=refusal), refusal.status
    if is_new:
        flash(_("Entered. Now match it to invoices."), "good")
    else:
        flash(_("This receipt was entered before; nothing has changed."), "warn")
    return redirect(link(found), 303)


def receipt_id_of(entered: tuple[BankReceipt, bool]) -> tuple[int, bool]:
    """What outlives the transaction."""
    receipt, is_new = entered
    return receipt.id, is_new


@office_bank.post("/upload")
@allow("office")
def upload() -> Any:
    """A bank's statement: every row taken or refused by itself."""
    sent, actor = request.files.get("file"), current_actor()
    try:
        if sent is None or not sent.filename:
            raise Invalid(_("Please choose a file."), errors=[{"field": "file"}])
        results = enter_rows(db.session(), read_sheet(sent.stream, sent.filename), actor)
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
        return redirect(url_for("office_bank.bank"), 303)
    counts = Counter(one.outcome for one in results)
    page = render_template(
        "office/bank_upload.html", results=results, counts={name: counts[name] for name in OUTCOMES}
    )  # fmt: skip
    return page, 422 if counts["refused"] else 200


@office_bank.get("/<int:receipt_id>")
@allow("office")
def receipt(receipt_id: int) -> str:
    """One receipt: whose it is, what it pays, and the invoices it could pay."""
    session = db.session()
    found = session.get(BankReceipt, receipt_id)
    if found is None:
        raise NotFound
    owner = found.organisation_id
    open_invoices = reading.payable(session, owner) if owner is not None else ()
    organisations = session.execute(
        select(Organisation.id, Organisation.name).order_by(Organisation.name, Organisation.id)
    ).all()  # fmt: skip
    shares = receipts.oldest_first(found.left_fen, {one.id: one.owed_fen for one in open_invoices})
    return render_template(
        "office/bank_receipt.html", receipt=found, matches=reading.matches_of(session, receipt_id),
        invoices=open_invoices, shares=shares, organisations=organisations, today=today(),
    )  # fmt: skip


@office_bank.post("/<int:receipt_id>/assign")
@allow("office")
def assign(receipt_id: int) -> Response:
    """Say whose money it is."""
    actor, form = current_actor(), request.form
    owner = form.get("organisation", "")
    if not owner.isdecimal():
        flash(_("Please choose an organisation"), "bad")
        return redirect(link(receipt_id), 303)
    organisation_id, reason = int(owner[:18]), form.get("reason", "")
    return attempt(
        lambda: receipts.assign_receipt(db.session(), receipt_id, organisation_id, reason, actor),
        _("Saved"), link(receipt_id),
    )  # fmt: skip


@office_bank.post("/<int:receipt_id>/match")
@allow("office")
def match(receipt_id: int) -> Response:
    """Let it pay invoices, in part or whole."""
    actor, form = current_actor(), request.form

    def work() -> None:
        amounts = {
            int(name.removeprefix("invoice-")): fen_of(text)
            for name, text in form.items()
            if name.startswith("invoice-") and name.removeprefix("invoice-").isdecimal() and text.strip()
        }
        receipts.match_receipt(db.session(), receipt_id, amounts, actor, utcnow())

    return attempt(work, _("Matched."), link(receipt_id))


@office_bank.post("/<int:receipt_id>/unmatch/<int:invoice_id>")
@allow("office")
def unmatch(receipt_id: int, invoice_id: int) -> Response:
    """It was the wrong invoice."""
    actor = current_actor()
    return attempt(
        lambda: receipts.unmatch(db.session(), receipt_id, invoice_id, actor), _("Taken back."), link(receipt_id)
    )  # fmt: skip


@office_bank.post("/<int:receipt_id>/return")
@allow("office")
def give_back(receipt_id: int) -> Response:
    """What is left of it was sent back."""
    actor, reason = current_actor(), request.form.get("reason", "")
    return attempt(
        lambda: receipts.return_receipt(db.session(), receipt_id, reason, actor), _("Noted."), link(receipt_id)
    )  # fmt: skip
