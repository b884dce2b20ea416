"""A cooperative's file of receipts and counts: the sheet to fill in, and what its rows say."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from catalogue.models import Sku
from catalogue.stock.receipts import refusal
from orders.coop_stock import LotRow, SoldRow
from orders.stock_batch import MOST_PACKS, MOST_ROWS, Foreseen, Row
from shop.errors import Invalid
from shop.i18n import localised
from shop.sheets.cells import day_written, whole_number
from shop.sheets.columns import cell, columns_of, in_every_language, spoken
from shop.sheets.read import SheetRefused, SheetRow
from shop.sheets.write import Table

COLUMNS: dict[str, Any] = {
    "kind": _l("What happened"),
    "sku": _l("SKU"),
    "goods": _l("Goods"),
    "lot": _l("Lot number"),
    "quantity": _l("Packs"),
    "produced_on": _l("Produced on"),
    "best_before": _l("Best before"),
    "id": _l("Row id (may be left empty)"),
}
NEEDED = ("kind", "sku", "lot", "quantity")
KINDS: dict[str, Any] = {"receipt": _l("Received"), "count": _l("Counted")}
LONGEST = {"sku": 60, "lot": 40, "id": 64}


@dataclass(frozen=True)
class Reading:
    """What a file says: reports, rows that say nothing one could apply, and how many were left without a quantity."""

    reports: tuple[Row, ...]
    faults: tuple[dict[str, Any], ...]
    left_empty: int


@dataclass(frozen=True)
class Line:
    """A report that would be applied; `before` packs are there now of what is counted, `told` ones change nothing."""

    report: Row
    before: int | None
    told: bool


@dataclass(frozen=True)
class Fault:
    """A row that is refused: where in the file, which column, why, and its cells."""

    number: int
    column: str
    why: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What would become of a whole file."""

    lines: tuple[Line, ...]
    faults: tuple[Fault, ...]
    left_empty: int

    @property
    def received(self) -> int:
        """Packs that would come in."""
        return sum(one.report.quantity for one in self.lines if one.report.kind == "receipt" and not one.told)

    @property
    def counted(self) -> int:
        """Lots whose number of packs would change."""
        return sum(one.before not in (None, one.report.quantity) for one in self.lines)


def empty_sheet(skus: Sequence[tuple[Sku, Mapping[str, str]]], lots: Sequence[LotRow]) -> Table:
    """The sheet to fill in: a row to count each lot in the store, a row to receive each of the goods."""
    counts = [
        (KINDS["count"], one.sku, f"{localised(one.names)} · {localised(one.pack_names)}", one.lot, "", one.produced_on,
         one.best_before, "")
        for one in lots
    ]  # fmt: skip
    receipts = [
        (KINDS["receipt"], sku.code, f"{localised(names)} · {localised(sku.pack_names)}", "", "", "", "", "")
        for sku, names in skus
    ]
    return Table([str(title) for title in COLUMNS.values()], [*receipts, *counts])


def stock_table(lots: Sequence[LotRow]) -> Table:
    """The store by lot."""
    head = (_("SKU"), _("Goods"), _("Lot number"), _("Produced on"), _("Best before"), _("For sale"), _("Packs here"),
            _("Promised"), _("In Wuhan"))  # fmt: skip
    rows = [
        (one.sku, f"{localised(one.names)} · {localised(one.pack_names)}", one.lot, one.produced_on, one.best_before,
         _("yes") if one.sellable else _("no"), one.on_hand, one.reserved, one.in_wuhan)
        for one in lots
    ]  # fmt: skip
    return Table(head, rows)


def sold_table(rows: Sequence[SoldRow]) -> Table:
    """What customers took, in yuan."""
    head = (_("SKU"), _("Goods"), _("Packs"), _("Paid by customers (yuan)"))
    return Table(head, [
        (one.sku, f"{localised(one.names)} · {localised(one.pack_names)}", one.packs, one.yuan) for one in rows
    ])  # fmt: skip


def reports_in(rows: Sequence[SheetRow], upload: str) -> Reading:
    """The rows below the head as reports. Raises Invalid when columns are missing, SheetRefused for too many rows.

    `upload` is this look at the file: counts of another one count anew, for stock moves in between.
    """
    head, *body = rows
    places = columns_of(head, COLUMNS)
    missing = [str(COLUMNS[name]) for name in NEEDED if name not in places]
    if missing:
        raise Invalid(_("The first row must name the columns; missing: %(names)s.", names=", ".join(missing)),
                      errors=[{"field": "file"}])  # fmt: skip
    if len(body) > MOST_ROWS:
        raise SheetRefused("many", f"{MOST_ROWS:,}")
    kinds, seen = in_every_language(KINDS), Counter[tuple[str, ...]]()
    reports, faults, left_empty = [], [], 0
    for row in body:
        said = {name: cell(row.cells, place) for name, place in places.items()}
        if not said["quantity"]:
            left_empty += 1
            continue
        kind = kinds.get(spoken(said["kind"]), "")
        fault = wrong_cell(said, kind)
        if fault is not None:
            faults.append(refusal(row.number, said.get("id", ""), *fault))
            continue
        content = tuple(said.get(name, "") for name in COLUMNS if name not in ("goods", "id"))
        key = said.get("id") or key_of(kind, content, seen[content], f"{upload}:{row.number}")
        seen[content] += 1
        reports.append(report_of(row.number, key, kind, said))
    return Reading(tuple(reports), tuple(faults), left_empty)


def wrong_cell(said: Mapping[str, str], kind: str) -> tuple[str, Any] | None:
    """The first cell of a row that cannot be read, and why; None when all can. Pure."""
    if not kind:
        return "kind", _l("Please write %(received)s or %(counted)s", received=KINDS["receipt"], counted=KINDS["count"])
    for name, most in LONGEST.items():
        text = said.get(name, "")
        if name != "id" and not text:
            return name, _l("This cell is empty")
        if len(text) > most or any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
            return name, _l("This cannot be more than %(n)s plain letters", n=most)
    packs = whole_number(said["quantity"])
    if packs is None or packs > MOST_PACKS:
        return "quantity", _l("Please write a whole number of packs, at most 1,000,000")
    for name in ("produced_on", "best_before"):
        if said.get(name) and day_written(said[name]) is None:
            return name, _l("Please write the day like 2026-11-20")
    return None


def report_of(number: int, key: str, kind: str, said: Mapping[str, str]) -> Row:
    """A row whose cells can all be read."""
    return Row(number, key, kind, said["sku"].upper(), said["lot"], whole_number(said["quantity"]) or 0,
               day_of(said, "produced_on"), day_of(said, "best_before"))  # fmt: skip


def day_of(said: Mapping[str, str], name: str) -> date | None:
    """A day; None where nothing is written."""
    return day_written(said.get(name, ""))


def key_of(kind: str, content: tuple[str, ...], earlier: int, place: str) -> str:
    """What makes a row without an id count once. Pure.

    A receipt is known by what it says, whichever file says it: the same file sent twice receives once. A count is
    known by its place in this look at the file: the same number counted next week is a count of its own.
    """
    if kind == "count":
        return f"sheet:{place}"
    return "sheet:" + hashlib.sha256("\x1f".join([*content, str(earlier)]).encode()).hexdigest()[:40]


def preview_of(rows: Sequence[SheetRow], reading: Reading, foreseen: Foreseen) -> Preview:
    """Reading and outlook side by side, every row of the file on one side."""
    cells = {row.number: row.cells for row in rows}
    faults = {
        fault["row"]: Fault(fault["row"], str(COLUMNS.get(fault["field"], "")), fault["message"], cells[fault["row"]])
        for fault in (*foreseen.faults, *reading.faults)
    }
    lines = tuple(
        Line(one, foreseen.on_hand.get((one.sku, one.lot)) if one.kind == "count" else None, one.key in foreseen.told)
        for one in reading.reports
        if one.number not in faults
    )
    return Preview(lines, tuple(faults[number] for number in sorted(faults)), reading.left_empty)


def refused_table(head: SheetRow, faults: Sequence[Fault]) -> Table:
    """The refused rows as they were, to be mended and sent again, each with the reason behind it."""
    width = max(len(head.cells), *(len(one.cells) for one in faults), 1)
    rows = [(*one.cells, *[""] * (width - len(one.cells)), f"{one.column}: {one.why}") for one in faults]
    return Table((*head.cells, *[""] * (width - len(head.cells)), _("Why not")), rows)
