"""Read a sheet in a process that has nothing to lose: little memory, little time, no settings, no files.

Runs by itself (`python -I child.py xlsx < book.xlsx`) and imports nothing of the shop. It answers with a line of JSON:
`{"rows": [[…]]}` with every cell as text, or `{"refused": reason, "at": …}`. What it is given is distrusted as a
whole; it dies alone of what it cannot bear.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import resource
import stat
import sys
import unicodedata
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any

MEMORY = 1024**3
SECONDS = 30
MOST_BYTES = 10 * 1024 * 1024
MOST_MEMBERS = 200
MOST_UNPACKED = 50 * 1024 * 1024
MOST_RATIO = 100
MOST_ROWS = 20_000
MOST_COLUMNS = 60
LONGEST_CELL = 2_000
MOST_TEXT = 1024 * 1024
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
# Excel's "Unicode text" and what Chinese Windows saves, beside UTF-8.
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
DELIMITERS = ",;\t"
WORKBOOK = {"[Content_Types].xml", "xl/workbook.xml"}


class RefusedError(Exception):
    """Why not, as a word (`shop.sheets.read` has the sentences), and where."""

    def __init__(self, reason: str, at: str = "") -> None:
        super().__init__(reason)
        self.reason, self.at = reason, at


def bind() -> None:
    """Take everything away that reading a workbook does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def csv_rows(data: bytes) -> list[list[str]]:
    """The rows of a text file, whichever of comma, semicolon and tab it uses. Raises RefusedError."""
    text = decoded(data)
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        return bounded(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        raise RefusedError("broken") from None


def decoded(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, else GB18030. Raises RefusedError for what is no text."""
    if data.startswith((*ARCHIVES, OLD_EXCEL)):
        raise RefusedError("kind")
    marked = next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # GB18030 reads nearly every byte as something; a picture shows itself by what nobody can type.
        if any(unicodedata.category(letter) == "Cc" and letter not in "\t\r\n" for letter in set(text)):
            raise RefusedError("kind")
        return text
    raise RefusedError("encoding")


def xlsx_rows(data: bytes) -> list[list[str]]:
    """The rows of a workbook's first sheet. Raises RefusedError."""
    if data.startswith(OLD_EXCEL):
        raise RefusedError("old")
    if not data.startswith(b"PK\x03\x04"):
        raise RefusedError("kind")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        look_over(archive)
    # Below the limits, and only for what passed the look: the library is big.
    from openpyxl import load_workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

    # What a sheet says of its own size is a claim, and where it says nothing the library would read it all to learn it.
    ReadOnlyWorksheet._get_size = lambda _sheet: None
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    if not book.worksheets:
        raise RefusedError("kind")
    return bounded(book.worksheets[0].iter_rows(values_only=True))


def look_over(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that is no plain workbook, by its table of contents and before anything is unpacked.

    The declared sizes can be trusted: the library unpacks no byte more than is declared.
    """
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise RefusedError("members")
    unpacked = sum(one.file_size for one in members)
    packed = max(1, sum(one.compress_size for one in members))
    if unpacked > MOST_UNPACKED or unpacked / packed > MOST_RATIO:
        raise RefusedError("bomb")
    for one in members:
        parts = one.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise RefusedError("paths")
        if stat.S_ISLNK(one.external_attr >> 16) or one.flag_bits & 1:
            raise RefusedError("paths")
    if not {one.filename for one in members} >= WORKBOOK:
        raise RefusedError("kind")
    for one in members:
        if not one.is_dir():
            with archive.open(one) as member:
                if member.read(8).startswith(ARCHIVES):
                    raise RefusedError("nested")


def bounded(rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """Every cell as text, no more of them than a sheet may have. Raises RefusedError."""
    kept: list[list[str]] = []
    text = 0
    for number, cells in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise RefusedError("rows")
        beyond = cells[MOST_COLUMNS:]
        if beyond and beyond.count(None) + beyond.count("") < len(beyond):
            raise RefusedError("columns", str(number))
        row = [written(cell, number) for cell in cells[:MOST_COLUMNS]]
        while row and not row[-1]:
            row.pop()
        text += sum(map(len, row))
        if text > MOST_TEXT:
            raise RefusedError("text")
        kept.append(row)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def written(cell: Any, number: int) -> str:
    """A cell as a person would have typed it."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    text = str(cell)
    if len(text) > LONGEST_CELL:
        raise RefusedError("cell", str(number))
    return text


READERS = {"csv": csv_rows, "xlsx": xlsx_rows}


def main() -> None:
    """Read standard input, answer on standard output; whatever goes wrong, say so and nothing more."""
    bind()
    warnings.simplefilter("ignore")
    try:
        answer: dict[str, Any] = {"rows": READERS[sys.argv[1]](sys.stdin.buffer.read(MOST_BYTES + 1))}
    except RefusedError as error:
        answer = {"refused": error.reason, "at": error.at}
    except MemoryError:
        answer = {"refused": "bomb"}
    except Exception:  # noqa: BLE001  a parser of hostile bytes may raise anything; here that is an answer
        answer = {"refused": "broken"}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
