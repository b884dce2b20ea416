"""A buyer's order as a file: the sheet to fill in, and the rows of one that was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from orders.bulk.quick_order import MOST_CASES, Offered, SentRows, UnreadRow, WantedRow
from shop.i18n import localised
from shop.sheets.cells import whole_number
from shop.sheets.columns import cell, columns_of
from shop.sheets.read import SheetRow
from shop.sheets.write import Table

COLUMNS: dict[str, Any] = {"sku": _l("SKU"), "cases": _l("Cases")}
# Without a head: SKU first, cases second, as people paste them.
PLAIN = {"sku": 0, "cases": 1}
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def order_sheet(goods: Sequence[Offered]) -> Table:
    """What the cooperatives have, with an empty column for the cases wanted."""
    head = (*(str(title) for title in COLUMNS.values()), _("Goods"), _("Packs in a case"), _("Per case (yuan)"),
            _("Cases to be had"))  # fmt: skip
    rows = [
        (one.code, "", f"{localised(one.names)} · {localised(one.pack_names)}", one.case_pack,
         Decimal(one.case_fen) / 100, one.cases)
        for one in goods
    ]  # fmt: skip
    return Table(head, rows)


def rows_in(rows: Sequence[SheetRow]) -> SentRows:
    """SKUs and cases of a file, with a head or without; below a head, rows without cases are passed over."""
    places = columns_of(rows[0], COLUMNS)
    headed = set(places) == set(COLUMNS)
    if not headed:
        places = PLAIN
    wanted, unread = [], []
    for row in rows[headed:]:
        code, cases = cell(row.cells, places["sku"]), cell(row.cells, places["cases"])
        if headed and not cases:
            continue
        count = whole_number(cases)
        if count is None or not CODE.fullmatch(code):
            unread.append(UnreadRow(row.number, f"{code}\t{cases}"))
        else:
            # What is more than may be ordered is named beside its row.
            wanted.append(WantedRow(code.upper(), min(count, MOST_CASES + 1)))
    return SentRows(tuple(wanted), tuple(unread))
