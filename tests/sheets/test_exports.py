"""H15: whatever people call themselves and their lots, no file of ours holds a formula; numbers stay numbers."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy.orm import Session

from catalogue.models import Cooperative
from orders.checkout import place_order
from orders.fulfilment import steps
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Fulfilment
from shop.accounts.models import Address, Organisation
from shop.audit import Actor
from shop.clock import utcnow
from shop.sheets.cells import FORMULA
from shop.sheets.read import read_sheet
from tests.accounts.people import PASSWORD, person, post, sign_in
from tests.builders import Builder, draft_of
from tests.figures import Figures
from tests.sheets.test_cells import FORMULAS, PHONES

BAD = '=HYPERLINK("http://evil.example","藏鸡蛋")'
TAKEN = {
    "cooperative": ("/coop/stock", "/coop/sold", "/coop/sheet/template"),
    "buyer": ("/buyer/sheet",),
    "office": ("/office/money/ledger",),
}


def hostile_shop(app: Flask, session: Session, build: Builder) -> None:
    """A shop where every name, lot, address and clerk begins with a formula."""
    coop: Cooperative = build.cooperative("COOP")
    counter = build.counter("WH-01")
    goods = build.sku("GOODS", cooperative=coop)
    goods.pack_names = {"zh": BAD}
    goods.product.names = {"zh": BAD, "en": BAD}
    for number, text in enumerate(text.replace("\r", " ").replace("\t", " ")[:40] for text in FORMULAS):
        build.lot(goods, at=coop, quantity=30 + number, code=text)
    build.lot(goods, at=counter, quantity=50)
    organisation = Organisation(code="ORG", name=BAD, credit_limit_fen=500_000)
    session.add(organisation)
    session.commit()
    works = {"cooperative": {"cooperative_id": coop.id}, "buyer": {"organisation_id": organisation.id}, "office": {}}
    for role, employer in works.items():
        person(app, session, role, email=f"{role}@people.example", **employer)
    user = person(app, session, email="consumer@people.example")
    user.name = BAD
    for phone in PHONES:
        session.add(Address(user_id=user.id, name=BAD, phone=phone, district="江汉区", street="@SUM(1)"))
    placed = place_order(session, draft_of({goods: 2}, at=counter, user_id=user.id, note=BAD), placement_key="h15",
                         actor=Actor(BAD, user.id), now=utcnow())  # fmt: skip
    session.commit()
    route_order(session, placed.id, utcnow() + timedelta(seconds=1))
    part = session.query(Fulfilment).one()
    clerk = Actor("=clerk", user.id)
    steps.make_ready(session, part.id, clerk, utcnow())
    steps.hand_over(session, part.id, placed.pickup_code or "", clerk, utcnow())
    session.commit()


def files(app: Flask) -> Iterator[tuple[str, bytes]]:
    """Every file the rooms hand out, and the personal copy's tables."""
    for role, paths in TAKEN.items():
        client = app.test_client()
        sign_in(client, f"{role}@people.example")
        for path in paths:
            for kind in ("csv", "xlsx"):
                answer = client.get(f"{path}.{kind}")
                assert answer.status_code == 200, path
                yield f"{path}.{kind}", answer.data
    client = app.test_client()
    sign_in(client, "consumer@people.example")
    with zipfile.ZipFile(io.BytesIO(post(client, "/account/data/copy", **{"copy-password": PASSWORD}).data)) as archive:
        for name in archive.namelist():
            if name.endswith(".csv"):
                yield f"copy/{name}", archive.read(name)


def cells_of(name: str, content: bytes) -> Iterator[tuple[object, bool]]:
    """Every cell, and whether a spreadsheet would take it for a formula."""
    if name.endswith(".xlsx"):
        for row in load_workbook(io.BytesIO(content)).active.iter_rows():
            yield from ((cell.value, cell.data_type == "f" or str(cell.value).startswith(FORMULA)) for cell in row)
    else:
        for cells in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
            yield from ((cell, cell.startswith(FORMULA) and not is_number(cell)) for cell in cells)


def is_number(cell: str) -> bool:
    """Whether it is a number, which may be below zero."""
    try:
        return float(cell) is not None
    except ValueError:
        return False


def test_h15_no_file_of_ours_holds_a_formula(
    app: Flask, client: FlaskClient, session: Session, build: Builder, figures: Callable[[str], Figures]
) -> None:
    hostile_shop(app, session, build)
    formulas, hostile, numbers, phones, kinds = [], 0, 0, set[str](), set[str]()
    for name, content in files(app):
        kinds.add(name)
        for value, is_formula in cells_of(name, content):
            hostile += str(value).startswith("'") and str(value)[1:].startswith(FORMULA)
            numbers += isinstance(value, int | float)
            formulas += [(name, value)] if is_formula else []
        if name == "copy/addresses.csv":
            head, *rows = read_sheet(io.BytesIO(content), name)
            phones = {row.cells[head.cells.index("phone")] for row in rows}
    assert formulas == []
    h15 = figures("H15")
    h15.at_least("files handed out", len(kinds), 12)
    h15.at_least("cells of theirs that begin like a formula", hostile, 100)
    h15.exactly("cells a spreadsheet takes for a formula", len(formulas), 0)
    h15.at_least("numbers of workbooks that are numbers", numbers, 40)
    h15.exactly(f"phones of {len(PHONES)} changed by our own export and import", len(set(PHONES) - phones), 0)
