"""A person's copy of their data as a ZIP: JSON for machines, CSV for spreadsheets."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from shop.sheets.cells import iso
from shop.sheets.write import Table, csv_lines


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV; what they do not all have is left empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return "".join(csv_lines(Table(names, [[row.get(name) for name in names] for row in rows])))


def zip_of(record: dict[str, Any], readme: str) -> bytes:
    """The whole copy: data.json, one CSV for each list in it, and a word about what it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", readme)
        archive.writestr("data.json", json.dumps(record, ensure_ascii=False, indent=2, default=iso))
        for name, rows in record.items():
            if isinstance(rows, list) and rows:
                archive.writestr(f"{name}.csv", table(rows))
    return out.getvalue()
