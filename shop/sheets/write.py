"""Write a table as CSV or XLSX; every export of the shop goes through here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, send_file, stream_with_context

from shop.errors import NotFound
from shop.sheets.cells import flat, safe_cell

KINDS = ("csv", "xlsx")
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Without it Excel reads a CSV as the encoding of its country.
MARK = "\ufeff"


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


def download(table: Table, name: str, kind: str) -> Response:
    """The table as a file `name.kind` to take along. Raises NotFound for a kind we do not write."""
    if kind not in KINDS:
        raise NotFound
    if kind == "xlsx":
        from shop.sheets.workbook import xlsx_file  # its library is read by the first who asks

        answer = send_file(xlsx_file(table), mimetype=XLSX_TYPE, as_attachment=True, download_name=f"{name}.xlsx")
    else:
        answer = Response(stream_with_context(csv_lines(table)), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
