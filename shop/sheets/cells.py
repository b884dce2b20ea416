"""One cell: text that nobody's spreadsheet takes for a formula, and what people write into cells."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Any

# A spreadsheet takes what begins so for a formula; the full-width signs too (OWASP: CSV injection).
FORMULA = tuple("=+-@\t\r\0＝＋－＠")
# 40, 40.0 and 1,000; a spreadsheet writes the second where somebody counted.
WHOLE = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.0+)?")
DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]00:00(?::00)?)?")
LONGEST_NUMBER = 12


def safe_cell(value: Any) -> Any:
    """The value as a spreadsheet may show it: text that could be read as a formula is told to be text."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return value


def own_text(cell: str) -> str:
    """A cell of a sheet that was read, without the mark `safe_cell` gave it when it was written."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def flat(value: Any) -> Any:
    """What a cell can hold: numbers as they are, days and moments as ISO 8601, lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=iso)
    if isinstance(value, datetime | date):
        return iso(value)
    return value if isinstance(value, int | float | Decimal) else str(value)


def iso(value: Any) -> str:
    """Days and moments as ISO 8601."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"a sheet holds no {type(value).__name__}")


def whole_number(cell: str) -> int | None:
    """The whole number a person wrote, full-width digits too; None for anything else."""
    found = WHOLE.fullmatch(unicodedata.normalize("NFKC", cell).strip())
    if found is None or len(found[1]) > LONGEST_NUMBER:
        return None
    return int(found[1].replace(",", ""))


def day_written(cell: str) -> date | None:
    """The day of `2026-11-20`, `2026/11/20`, `2026.11.20` or `2026年11月20日`; None for anything else."""
    found = DAY.fullmatch(unicodedata.normalize("NFKC", cell).strip())
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None
