"""Write a table as a workbook; loaded by the first who asks for one, for its library is a tenth of the shop's start."""

from __future__ import annotations

from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from shop.sheets.cells import flat, safe_cell
from shop.sheets.write import Table

MOST_IN_MEMORY = 2 * 1024 * 1024
WIDEST = 40


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
