"""A bank's statement as a file: a movement a row, each taken or refused by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from orders.invoices.receipts import Movement, enter_receipt
from shop.audit import Actor
from shop.db import in_transaction
from shop.errors import DomainError, Invalid
from shop.sheets.cells import day_written
from shop.sheets.columns import cell, columns_of
from shop.sheets.read import SheetRow

COLUMNS: dict[str, Any] = {
    "bank_ref": _l("Bank reference"), "received_on": _l("Day"), "payer": _l("Paid by"), "amount": _l("Amount"),
}  # fmt: skip
MOST_ROWS = 2_000
OUTCOMES = ("entered", "known", "refused")


@dataclass(frozen=True)
class RowResult:
    """What became of a row: `entered`, `known`, or `refused` with words."""

    row: int
    bank_ref: str
    outcome: str
    words: str = ""


def enter_rows(session: Session, rows: Sequence[SheetRow], actor: Actor) -> list[RowResult]:
    """Enter every row that can be, each in a transaction of its own, and say what became of each.

    Raises Invalid for a file without those columns, or with too many rows.
    """
    head, *body = rows
    places = columns_of(head, COLUMNS)
    if set(places) != set(COLUMNS):
        names = ", ".join(str(title) for title in COLUMNS.values())
        raise Invalid(_("The file needs the columns %(columns)s in its first row", columns=names))
    if len(body) > MOST_ROWS:
        raise Invalid(_("At most %(n)s rows at once, please", n=MOST_ROWS))
    return [
        enter_row(session, one.number, {name: cell(one.cells, place) for name, place in places.items()}, actor)
        for one in body
    ]  # fmt: skip


def enter_row(session: Session, number: int, row: Mapping[str, str], actor: Actor) -> RowResult:
    """One row."""
    try:
        movement = movement_of(row)
        _receipt, is_new = in_transaction(session, lambda: enter_receipt(session, movement, actor))
    except DomainError as refusal:
        return RowResult(number, row["bank_ref"][:60], "refused", str(refusal.detail))
    return RowResult(number, row["bank_ref"], "entered" if is_new else "known")


def movement_of(row: Mapping[str, str]) -> Movement:
    """A row, or what was typed, as a movement. Raises Invalid."""
    day = day_written(row["received_on"])
    if day is None:
        raise Invalid(_("Please write the day as 2026-11-30"), errors=[{"field": "received_on"}])
    return Movement(row["bank_ref"], row["payer"], fen_of(row["amount"]), day)


def fen_of(text: str) -> int:
    """Yuan with at most two decimals as fen. Raises Invalid."""
    try:
        fen = Decimal(text.replace(",", "").strip().lstrip("¥")) * 100
    except InvalidOperation:
        fen = Decimal("NaN")
    if not fen.is_finite() or fen != int(fen):
        raise Invalid(_("Please enter an amount in yuan, as in 69.80"), errors=[{"field": "amount"}])
    return int(fen)
