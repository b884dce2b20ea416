"""A cooperative sends files of receipts and counts: seen before they are written, each row written once."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Sku
from catalogue.stock.models import StockLevel
from orders.check import faults
from shop.sheets.read import read_sheet
from shop.sheets.workbook import xlsx_file
from shop.sheets.write import Table, csv_lines
from tests.accounts.people import csrf_token, person, sign_in
from tests.builders import Builder, today


class Farm:
    """A cooperative with eggs and barley, and somebody of theirs at a browser without scripts."""

    def __init__(self, app: Flask, client: FlaskClient, session: Session, build: Builder) -> None:
        self.client, self.session = client, session
        self.cooperative: Cooperative = build.cooperative("CHANGZHU")
        self.eggs: Sku = build.sku("EGG-30", cooperative=self.cooperative)
        build.lot(self.eggs, at=self.cooperative, quantity=40, code="OLD-1")
        build.sku("FOREIGN")
        user = person(app, session, "cooperative", cooperative_id=self.cooperative.id)
        sign_in(client, user.email)

    def send(
        self,
        rows: list[tuple[Any, ...]],
        kind: str = "csv",
        head: tuple[str, ...] = ("kind", "sku", "lot", "quantity", "produced_on"),
    ) -> Any:
        table = Table(head, rows)
        content = xlsx_file(table).read() if kind == "xlsx" else "".join(csv_lines(table)).encode()
        return self.send_file(content, f"report.{kind}")

    def send_file(self, content: bytes, name: str) -> Any:
        form = {"csrf_token": csrf_token(self.client), "do": "look", "file": (io.BytesIO(content), name)}
        return self.client.post("/coop/sheet", data=form, content_type="multipart/form-data")

    def press(self, page: Any, do: str) -> Any:
        """A button of the page that shows what will happen."""
        hidden = dict(re.findall(r'name="(kept|upload)" value="([^"]+)"', page.text))
        return self.client.post("/coop/sheet", data={**hidden, "csrf_token": csrf_token(self.client), "do": do})

    def packs(self) -> list[int]:
        self.session.rollback()
        return list(self.session.scalars(select(StockLevel.on_hand).order_by(StockLevel.id)))


@pytest.fixture
def farm(app: Flask, client: FlaskClient, session: Session, build: Builder) -> Farm:
    return Farm(app, client, session, build)


def yesterday() -> str:
    return str(today() - timedelta(days=1))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_is_seen_first_and_then_written_once(farm: Farm, kind: str) -> None:
    rows = [
        ("receipt", "egg-30", "NEW-1", 30, yesterday()),
        ("count", "EGG-30", "OLD-1", 38, ""),
        ("count", "EGG-30", "OLD-1", "", ""),
    ]
    seen = farm.send(rows, kind)
    assert seen.status_code == 200 and "NEW-1" in seen.text and farm.packs() == [40]
    assert farm.press(seen, "all").status_code == 303
    assert farm.packs() == [38, 30]
    assert farm.press(seen, "all").status_code == 303
    again = farm.send(rows, kind)
    farm.press(again, "all")
    assert farm.packs() == [38, 30], "neither the same press nor the same file twice receives twice"
    assert faults(farm.session) == []


def test_refused_rows_are_named_and_the_good_ones_wait_for_a_clear_word(farm: Farm) -> None:
    rows = [
        ("receipt", "EGG-30", "NEW-1", 30, yesterday()),
        ("receipt", "FOREIGN", "NEW-2", 30, yesterday()),
        ("receipt", "EGG-30", "NEW-3", "many", yesterday()),
        ("receipt", "EGG-30", "OLD-1", 5, yesterday()),
        ("receipt", "EGG-30", "NEW-4", 5, "2026-02-30"),
        ("eaten", "EGG-30", "NEW-5", 5, yesterday()),
        ("count", "EGG-30", "NEVER", 5, ""),
        ("receipt", "EGG-30", "NEW-6", 5, str(today() + timedelta(days=1))),
    ]
    seen = farm.send(rows)
    assert seen.status_code == 422
    refused = re.search(r'id="refused".*?</section>', seen.text, re.S)
    assert refused is not None
    assert re.findall(r'<th scope="row">\D*(\d+)\D*</th>', refused[0]) == ["3", "4", "5", "6", "7", "8", "9"]
    assert farm.press(seen, "all").status_code == 422 and farm.packs() == [40], "all means all"
    taken = farm.press(seen, "refused")
    back = read_sheet(io.BytesIO(taken.data), "refused.xlsx")
    assert [row.cells[2] for row in back[1:]] == ["NEW-2", "NEW-3", "OLD-1", "NEW-4", "NEW-5", "NEVER", "NEW-6"]
    assert farm.press(seen, "good").status_code == 303
    assert farm.packs() == [40, 30]


def test_a_count_of_next_week_is_a_count_of_its_own(farm: Farm) -> None:
    rows = [("count", "EGG-30", "OLD-1", 38, "")]
    farm.press(farm.send(rows), "all")
    farm.press(farm.send([("count", "EGG-30", "OLD-1", 25, "")]), "all")
    farm.press(farm.send(rows), "all")
    assert farm.packs() == [38]


def test_a_row_with_an_id_of_its_own_is_written_once(farm: Farm) -> None:
    head = ("kind", "sku", "lot", "quantity", "produced_on", "id")
    twin = ("receipt", "EGG-30", "NEW-1", 30, yesterday())
    seen = farm.send([(*twin, "a-1"), (*twin, "a-2"), (*twin, "a-1")], head=head)
    assert seen.status_code == 422 and len(re.findall(r'id="refused"', seen.text)) == 1
    farm.press(seen, "good")
    assert farm.packs() == [40, 60]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_sheet_to_fill_in_is_understood_in_the_readers_language(farm: Farm, kind: str) -> None:
    for language in ("zh", "en"):
        farm.client.post("/language", data={"locale": language, "csrf_token": csrf_token(farm.client)})
        answer = farm.client.get(f"/coop/sheet/template.{kind}")
        head, *rows = read_sheet(io.BytesIO(answer.data), f"t.{kind}")
        cells = [[*row.cells, *[""] * (len(head.cells) - len(row.cells))] for row in rows]
        filled = [(*row[:3], row[3] or "NEW-9", 12, row[5] or yesterday(), *row[6:]) for row in cells]
        seen = farm.send(filled, kind, head=head.cells)
        assert seen.status_code == 200, seen.text
        assert re.findall(r'<th scope="row">\D*(\d+)\D*</th>', seen.text) == ["2", "3"]


def test_stock_and_sales_are_taken_along(farm: Farm) -> None:
    for name in ("stock", "sold"):
        for kind in ("csv", "xlsx"):
            answer = farm.client.get(f"/coop/{name}.{kind}")
            assert answer.status_code == 200
            rows = read_sheet(io.BytesIO(answer.data), f"{name}.{kind}")
            assert name == "sold" or rows[1].cells[0::6] == ("EGG-30", "40")
    assert farm.client.get("/coop/stock.exe").status_code == 404


def test_what_is_no_sheet_is_refused_in_words_and_nothing_is_lost(farm: Farm) -> None:
    for content, name in (
        (b"", "a.csv"),
        (b"PK\3\4", "a.xlsx"),
        (b"a,b\n1,2\n", "a.csv"),
        (b"x", "a.pdf"),
        (b"\xff\xfe\xfa", "a.csv"),
    ):
        answer = farm.send_file(content, name)
        assert answer.status_code == 422 and 'id="problem"' in answer.text, name
    none = farm.client.post("/coop/sheet", data={"csrf_token": csrf_token(farm.client), "do": "look"})
    assert none.status_code == 422
    for kept in ("x", "eJw", "eJyLVorNVdJRMlQw0VFSKkosS1SKjQUAJzMEgg=="):
        torn = farm.client.post("/coop/sheet", data={"csrf_token": csrf_token(farm.client), "do": "all", "kept": kept})
        assert torn.status_code == 422, kept


def test_ten_thousand_rows_are_one_file(farm: Farm) -> None:
    rows = [("receipt", "EGG-30", f"LOT-{n}", 1, yesterday()) for n in range(10_000)]
    seen = farm.send(rows)
    assert seen.status_code == 200 and len(seen.data) < 600_000
    assert farm.press(seen, "all").status_code == 303
    assert len(farm.packs()) == 10_001
