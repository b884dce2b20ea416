"""Carry the rows of a sheet through a form's hidden field, so that looking at them first costs no second upload."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence

from shop.sheets.read import SheetRefused, SheetRow

# A form's fields together may be half a megabyte.
MOST_PACKED = 400_000
MOST_UNPACKED = 6 * 1024 * 1024


def packed(rows: Sequence[SheetRow]) -> str:
    """The rows as letters. Raises SheetRefused when they are too many for a form."""
    plain = json.dumps([[row.number, *row.cells] for row in rows], ensure_ascii=False, separators=(",", ":"))
    letters = base64.urlsafe_b64encode(zlib.compress(plain.encode())).decode()
    if len(letters) > MOST_PACKED or len(plain) > MOST_UNPACKED:
        raise SheetRefused("text")
    return letters


def unpacked(letters: str) -> tuple[SheetRow, ...]:
    """The rows again, trusted no more than an upload. Raises SheetRefused."""
    try:
        opener = zlib.decompressobj()
        plain = opener.decompress(base64.urlsafe_b64decode(letters[: MOST_PACKED + 4]), MOST_UNPACKED)
        rows = json.loads(plain)
        found = tuple(SheetRow(int(number), tuple(map(str, cells))) for number, *cells in rows)
    except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError):
        raise SheetRefused("broken") from None
    if not found:
        raise SheetRefused("empty")
    return found
