"""A person's copy of their data as a ZIP: JSON for machines, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, datetime
from typing import Any

# A spreadsheet takes what begins so for a formula; the full-width signs too.
FORMULA = tuple("=+-@\t\r\0＝＋－＠")


def safe_cell(value: Any) -> Any:
    """The value as a spreadsheet may show it: text that could be read as a formula is told to be text."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return value


def as_json(value: Any) -> str:
    """Moments as ISO 8601."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"a copy holds no {type(value).__name__}")


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV; lists and objects inside a row as JSON. Begins with a mark, so that Excel reads the Chinese."""
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        writer.writerow([safe_cell(flat(row.get(name))) for name in names])
    return "\ufeff" + out.getvalue()


def flat(value: Any) -> Any:
    """One cell."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=as_json)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def zip_of(record: dict[str, Any], readme: str) -> bytes:
    """The whole copy: data.json, one CSV for each list in it, and a word about what it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", readme)
        archive.writestr("data.json", json.dumps(record, ensure_ascii=False, indent=2, default=as_json))
        for name, rows in record.items():
            if isinstance(rows, list) and rows:
                archive.writestr(f"{name}.csv", table(rows))
    return out.getvalue()
