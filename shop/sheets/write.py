"""Write a table as CSV or XLSX; every export of the shop goes through here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from flask import Response, send_file, stream_with_context
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from shop.errors import NotFound
from shop.sheets.cells import flat, safe_cell

KINDS = ("csv", "xlsx")
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Without it Excel reads a CSV as the encoding of its country.
MARK = "\ufeff"
MOST_IN_MEMORY = 2 * 1024 * 1024
WIDEST = 40


@dataclass(frozen=True)
class Table:
    """A head and rows; numbers stay numbers, everything else becomes text."""

    head: Sequence[str]
    rows: Iterable[Sequence[Any]]


def csv_lines(table: Table) -> Iterator[str]:
    """The table as CSV, a line at a time, in UTF-8 with a mark so that Excel reads the Chinese."""
    yield MARK + csv_line(table.head)
    for row in table.rows:
        yield csv_line(row)


def csv_line(cells: Sequence[Any]) -> str:
    """One line."""
    out = io.StringIO()
    csv.writer(out).writerow([safe_cell(flat(cell)) for cell in cells])
    return out.getvalue()


def xlsx_file(table: Table) -> IO[bytes]:
    """The table as a workbook of one sheet, its head in bold, open at its start."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("1")
    for column, title in enumerate(table.head, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = min(WIDEST, max(14, 2 * len(title) + 4))
    sheet.freeze_panes = "A2"
    sheet.append([cell_of(sheet, title, bold=True) for title in table.head])
    for row in table.rows:
        sheet.append([cell_of(sheet, value) for value in row])
    out = cast("IO[bytes]", SpooledTemporaryFile(max_size=MOST_IN_MEMORY))  # noqa: SIM115  the answer closes it
    book.save(out)
    out.seek(0)
    return out


def cell_of(sheet: Any, value: Any, *, bold: bool = False) -> Any:
    """A number as a number; any text as text, whatever the library would take it for."""
    plain = flat(value)
    if isinstance(plain, int | float | Decimal):
        return WriteOnlyCell(sheet, plain)
    cell = WriteOnlyCell(sheet, safe_cell(ILLEGAL_CHARACTERS_RE.sub("", plain)))
    cell.data_type = "s"
    # Excel keeps what is typed into such a cell as it is typed: a phone or a code loses no leading zero.
    cell.number_format = "@"
    if bold:
        cell.font = Font(bold=True)
    return cell


def download(table: Table, name: str, kind: str) -> Response:
    """The table as a file `name.kind` to take along. Raises NotFound for a kind we do not write."""
    if kind not in KINDS:
        raise NotFound
    if kind == "xlsx":
        answer = send_file(xlsx_file(table), mimetype=XLSX_TYPE, as_attachment=True, download_name=f"{name}.xlsx")
    else:
        answer = Response(stream_with_context(csv_lines(table)), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
