"""The cooperative's spreadsheets: files of receipts and counts, looked at before they are applied."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from catalogue.models import Cooperative
from orders.coop_stock import skus_of, sold_lately, stock_by_lot
from orders.stock_batch import apply_rows, foresee_rows
from orders.stock_sheet import (
    Preview,
    empty_sheet,
    preview_of,
    refused_table,
    reports_in,
    sold_table,
    stock_table,
)
from orders.views.coop import mine
from shop.accounts.policy import allow, current_actor
from shop.clock import shanghai_day, utcnow
from shop.db import REPEATABLE, db, in_transaction, sqlstate
from shop.errors import Busy, DomainError, Invalid
from shop.sheets.keep import packed, unpacked
from shop.sheets.read import SheetRow, read_sheet
from shop.sheets.write import download

coop_sheets = Blueprint("coop_sheets", __name__, url_prefix="/coop")

UPLOAD = re.compile(r"[A-Za-z0-9_-]{12,32}")
# Names shown on the page; all refused rows are in the file to take along, and the page says so.
MOST_SHOWN = 200


@coop_sheets.get("/sheet")
@allow("cooperative")
def sheet() -> str:
    """Choose a file, or take one to fill in."""
    return render_template("coop/sheet.html", room="coop", cooperative=mine())


@coop_sheets.post("/sheet")
@allow("cooperative")
def send() -> Any:
    """Look at a file, apply it whole or its good rows, or take its refused rows along. Nothing is applied unseen."""
    cooperative = mine()
    try:
        rows = chosen_rows()
        upload = upload_id()
        preview = looked_at(cooperative, rows, upload)
    except DomainError as problem:
        return render_template("coop/sheet.html", room="coop", cooperative=cooperative, problem=problem), problem.status
    wanted = request.form.get("do", "look")
    if wanted == "refused" and preview.faults:
        return download(refused_table(rows[0], preview.faults), "refused", "xlsx")
    if wanted == "good" or (wanted == "all" and not preview.faults):
        return apply(cooperative, rows, upload, preview)
    return preview_page(cooperative, rows, upload, preview)


def chosen_rows() -> tuple[SheetRow, ...]:
    """The rows of the chosen file, or those of the page that showed them. Raises SheetRefused, Busy."""
    file = request.files.get("file")
    if file is not None and file.filename:
        return read_sheet(file.stream, file.filename)
    if request.form.get("kept"):
        return unpacked(request.form["kept"])
    raise Invalid(_("Please choose a file."), errors=[{"field": "file"}])


def upload_id() -> str:
    """What tells this look at a file from another: pressing twice applies once."""
    given = request.form.get("upload", "")
    return given if UPLOAD.fullmatch(given) else secrets.token_urlsafe(12)


def looked_at(cooperative: Cooperative, rows: tuple[SheetRow, ...], upload: str) -> Preview:
    """What would become of every row."""
    reading = reports_in(rows, upload)
    return preview_of(rows, reading, foresee_rows(db.session(), cooperative, reading.reports, utcnow()))


def preview_page(
    cooperative: Cooperative,
    rows: tuple[SheetRow, ...],
    upload: str,
    preview: Preview,
    problem: DomainError | None = None,
) -> tuple[str, int]:
    """The rows with what would become of them, and the choice."""
    page = render_template(
        "coop/sheet_preview.html", room="coop", cooperative=cooperative, preview=preview, kept=packed(rows),
        upload=upload, most=MOST_SHOWN, problem=problem,
    )  # fmt: skip
    return page, problem.status if problem else 422 if preview.faults else 200


def apply(cooperative: Cooperative, rows: tuple[SheetRow, ...], upload: str, preview: Preview) -> Any:
    """Write the good rows in one transaction; what has changed since they were shown is shown again."""
    reports, actor = [line.report for line in preview.lines], current_actor()
    try:
        done = in_transaction(db.session(), lambda: apply_rows(db.session(), cooperative, reports, actor, utcnow()))
    except DomainError as problem:
        return preview_page(cooperative, rows, upload, looked_at(cooperative, rows, upload), problem)
    except DBAPIError as error:
        if sqlstate(error) not in REPEATABLE:
            raise
        return preview_page(cooperative, rows, upload, preview, Busy())
    flash(_("%(n)s rows are written down.", n=done.applied), "good")
    if done.repeated:
        flash(_("%(n)s rows had been told before or changed nothing.", n=done.repeated), "info")
    if preview.faults:
        flash(_("%(n)s refused rows were left out.", n=len(preview.faults)), "warn")
    return redirect(url_for("coop.home"), 303)


@coop_sheets.get("/sheet/template.<kind>")
@allow("cooperative")
def template(kind: str) -> Response:
    """The file to fill in, with the cooperative's goods and lots."""
    cooperative = mine()
    table = empty_sheet(skus_of(db.session(), cooperative.id), stock_by_lot(db.session(), cooperative.id))
    return download(table, f"stock-report-{cooperative.code.lower()}", kind)


@coop_sheets.get("/stock.<kind>")
@allow("cooperative")
def stock(kind: str) -> Response:
    """Stock by lot, as a file."""
    cooperative = mine()
    return download(stock_table(stock_by_lot(db.session(), cooperative.id)), file_name("stock", cooperative), kind)


@coop_sheets.get("/sold.<kind>")
@allow("cooperative")
def sold(kind: str) -> AnyResponse:
    """What sold in the last thirty days, as a file."""
    cooperative = mine()
    table = sold_table(sold_lately(db.session(), cooperative.id, utcnow()))
    return download(table, file_name("sold", cooperative), kind)


def file_name(what: str, cooperative: Cooperative) -> str:
    """With the day, so that one file does not cover another."""
    return f"{what}-{cooperative.code.lower()}-{shanghai_day(utcnow()).isoformat()}"
