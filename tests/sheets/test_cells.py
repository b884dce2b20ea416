"""What is written is never a formula, and what was written is read back as it was."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from shop.sheets.cells import day_written, own_text, safe_cell, whole_number
from shop.sheets.read import SheetRefused, read_sheet
from shop.sheets.workbook import xlsx_file
from shop.sheets.write import Table, csv_lines
from tests.builders import today

FORMULAS = [
    "=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x",
    '=HYPERLINK("http://evil.example","click")', "=cmd|' /C calc'!A0", '@SUM(1+1)*cmd|" /C calc"!A0',
    '=DDE("cmd";"/C calc";"x")', "-2+3+cmd|' /C calc'!D2", "=1\n=2", "#N/A", "#REF!",
]  # fmt: skip
PHONES = ["+8613800001234", "13800001234", "02788881234", "027-88881234转12", "-138"]


def test_text_that_could_be_a_formula_is_told_to_be_text() -> None:
    for text in ("=1+1", "+86138", "-2", "@SUM(A1)", "\tx", "\rx", "\0x", "＝1", "＋1", "－1", "＠x"):
        assert safe_cell(text) == "'" + text
        assert own_text(safe_cell(text)) == text
    assert [safe_cell(value) for value in ("eggs", 5, -5, None)] == ["eggs", 5, -5, None]
    assert own_text("'s-Gravenhage") == "'s-Gravenhage"


def test_a_workbook_has_no_formulas_of_others_and_its_numbers_are_numbers() -> None:
    table = Table(("text", "number"), [(text, number) for number, text in enumerate([*FORMULAS, *PHONES], start=-3)])
    sheet = load_workbook(xlsx_file(table)).active
    kinds = [(text.data_type, number.data_type) for text, number in sheet.iter_rows(min_row=2)]
    assert kinds == [("s", "n")] * len(kinds)
    assert [number.value for _, number in sheet.iter_rows(min_row=2)] == list(range(-3, len(kinds) - 3))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_our_own_sheets_are_read_back_as_they_were(kind: str) -> None:
    rows = [(text.strip(), n) for n, text in enumerate([*PHONES, *FORMULAS, "鸡蛋，30 枚", 'a "b"; c'])]
    table = Table(("电话", "n"), [*rows, (Decimal("12.50"), today())])
    written = xlsx_file(table).read() if kind == "xlsx" else "".join(csv_lines(table)).encode()
    head, *read = read_sheet(io.BytesIO(written), f"sheet.{kind}")
    assert head.cells == ("电话", "n")
    assert [row.cells for row in read[:-1]] == [(text, str(n)) for text, n in rows]
    assert read[-1].cells[1] == today().isoformat()
    assert [row.number for row in read] == list(range(2, len(read) + 2))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_text_file_is_read_however_a_spreadsheet_saved_it(encoding: str, delimiter: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["编号", "数量"], ["藏鸡蛋, 特级; 大", "40"], [], ["青稞", "7"]])
    rows = read_sheet(io.BytesIO(out.getvalue().encode(encoding)), "counts.CSV")
    assert [(row.number, row.cells) for row in rows] == [
        (1, ("编号", "数量")), (2, ("藏鸡蛋, 特级; 大", "40")), (4, ("青稞", "7")),
    ]  # fmt: skip


def test_what_people_write_into_cells_is_understood() -> None:
    assert [whole_number(text) for text in ("40", "40.0", "1,000", "４０", " 7 ")] == [40, 40, 1000, 40, 7]
    assert [whole_number(text) for text in ("", "-1", "4.5", "1e3", "forty", "9" * 30, "1,00")] == [None] * 7
    assert {day_written(text) for text in ("2026-11-02", "2026/11/2", "2026年11月2日", "2026.11.02")} == {
        day_written("2026-11-02 00:00:00")
    }
    assert [day_written(text) for text in ("", "2026-02-30", "02/11/2026", "46000")] == [None] * 4


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(SheetRefused) as refused:
        read_sheet(io.BytesIO(b"x" * 3_000 + b"\n"), "long.csv")
    assert refused.value.reason == "cell"
    assert "1" in str(refused.value.detail)
