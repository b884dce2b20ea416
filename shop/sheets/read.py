"""Read a CSV or XLSX somebody uploaded: every cell as text, or one clear refusal."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, ClassVar

from flask_babel import lazy_gettext as _l

from shop.errors import Busy, DomainError
from shop.sheets import child
from shop.sheets.cells import own_text

MOST_BYTES = child.MOST_BYTES
KINDS = {".csv": "csv", ".txt": "csv", ".xlsx": "xlsx"}
# Two at a time in a process: each may take a gigabyte.
ROOM = threading.BoundedSemaphore(2)
SECONDS_TO_WAIT = 10
SECONDS_TO_LIVE = child.SECONDS
PIECE = 64 * 1024

REASONS: dict[str, Any] = {
    "empty": _l("The file is empty."),
    "size": _l("The file is larger than 10 MB. Please split it."),
    "name": _l("Please choose a file that ends in .csv or .xlsx."),
    "kind": _l("The file is not what its name says. Please save it as .xlsx or .csv and choose it again."),
    "old": _l("This is an old Excel file. Please save it as .xlsx and choose it again."),
    "encoding": _l("The characters of the file cannot be read. Please save it as “CSV UTF-8”."),
    "rows": _l("The file has more than 20,000 rows. Please split it."),
    "many": _l("No more than %(at)s rows are taken at once. Please split the file."),
    "columns": _l("The file has more than 60 columns. Please delete those that are not needed."),
    "cell": _l("A cell of row %(at)s is too long."),
    "text": _l("The file holds too much text. Please split it."),
    "members": _l("The file is packed in a way we do not open. Please copy its rows into a new workbook."),
    "bomb": _l("Unpacked, the file would be far too large. Please copy its rows into a new workbook."),
    "paths": _l("The file is packed in a way we do not open. Please copy its rows into a new workbook."),
    "nested": _l("The file has other files inside. Please copy its rows into a new workbook."),
    "broken": _l("The file is damaged or incomplete. Please save it again and choose it once more."),
    "slow": _l("The file takes too long to read. Please split it."),
}


class SheetRefused(DomainError):
    """The file cannot be read; `reason` is one of REASONS, `detail` says what to do."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "sheet_refused"
    title = _l("This file cannot be read")

    def __init__(self, reason: str, at: str = "") -> None:
        words = REASONS[reason]
        super().__init__(words % {"at": at} if at else words, errors=[{"field": "file"}])
        self.reason = reason


@dataclass(frozen=True)
class SheetRow:
    """One row with its number in the file (the first is 1), every cell as trimmed text."""

    number: int
    cells: tuple[str, ...]


def read_sheet(file: IO[bytes], name: str) -> tuple[SheetRow, ...]:
    """The rows of an uploaded file that are not empty. Raises SheetRefused, and Busy while others are being read."""
    kind = KINDS.get(Path(name.replace("\\", "/")).suffix.lower())
    if kind is None:
        raise SheetRefused("name")
    # By a file, so that ten megabytes never stand in the memory of the web server.
    with TemporaryFile() as kept:
        size = 0
        while size <= MOST_BYTES and (part := file.read(PIECE)):
            size += kept.write(part)
        if size > MOST_BYTES:
            raise SheetRefused("size")
        if size == 0:
            raise SheetRefused("empty")
        kept.seek(0)
        rows = read_apart(kept, kind)
    found = tuple(
        SheetRow(number, tuple(own_text(cell.strip()) for cell in cells))
        for number, cells in enumerate(rows, start=1)
        if any(cell.strip() for cell in cells)
    )
    if not found:
        raise SheetRefused("empty")
    return found


def read_apart(file: IO[bytes], kind: str) -> list[list[str]]:
    """Every cell as text, read in a process of its own. Raises SheetRefused, Busy."""
    if not ROOM.acquire(timeout=SECONDS_TO_WAIT):
        raise Busy
    try:
        # By its path and isolated: of the shop, its settings and its secrets the child knows nothing.
        done = subprocess.run(
            [sys.executable, "-I", child.__file__, kind], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=SECONDS_TO_LIVE, env={"OPENPYXL_LXML": "False"}, cwd="/", check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SheetRefused("slow") from None
    finally:
        ROOM.release()
    if not done.stdout:
        # It was ended by its limits.
        raise SheetRefused("bomb")
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise SheetRefused(answer["refused"], answer.get("at", ""))
    rows: list[list[str]] = answer["rows"]
    return rows
