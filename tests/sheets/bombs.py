"""Files made to hurt whoever reads them, each written small and meant large."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from shop.sheets.workbook import xlsx_file
from shop.sheets.write import Table, csv_lines

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TYPES = (
    HEAD + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(kind: str, target: str) -> str:
    """A part that names another."""
    return (
        HEAD + '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{RELATION}/{kind}" Target="{target}"/></Relationships>'
    )


def sheet_of(rows: str) -> str:
    """A sheet with these rows."""
    return HEAD + f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def workbook(sheet: str, more: dict[str, bytes] | None = None, links: tuple[str, ...] = ()) -> bytes:
    """A workbook of one sheet written by hand, with whatever else is to be put inside."""
    parts = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": relations("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": HEAD + f'<workbook xmlns="{MAIN}" xmlns:r="{RELATION}"><sheets>'
        '<sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": sheet,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        for name, content in (more or {}).items():
            archive.writestr(name, content)
        for name in links:
            link = zipfile.ZipInfo(name)
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def row(number: int, cells: str) -> str:
    """One row."""
    return f'<row r="{number}">{cells}</row>'


PLAIN = sheet_of(row(1, '<c r="A1"><v>1</v></c>'))


def a_million_rows() -> bytes:
    """A sheet of a million short rows: 50 MB of XML packed to less than 5 MB."""
    return workbook(sheet_of("".join(row(n, f"<c><v>{n}</v></c>") for n in range(1, 1_000_001))))


def many_rows() -> bytes:
    """Rows enough to pass the look at the archive, and more than a sheet may have."""
    return workbook(sheet_of("".join(row(n, f"<c><v>{n * 7919}</v></c>") for n in range(1, 60_001))))


def only_the_last_column() -> bytes:
    """2,000 rows with nothing but a cell in column XFD: a reader that fills up makes 33 million cells of it."""
    rows = "".join(row(n, f'<c r="XFD{n}"><v>{n * 104729}</v></c>') for n in range(1, 2_001))
    return workbook(sheet_of(rows))


def entities() -> bytes:
    """Ten entities of ten of the one before: the billion laughs, in a shared text."""
    names = "abcdefghij"
    laughs = "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names))
    bomb = f'<!DOCTYPE w [<!ENTITY a "ha">{laughs}]><worksheet xmlns="{MAIN}"><sheetData>'
    cells = '<row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row></sheetData></worksheet>'
    return workbook(bomb + cells)


def a_zip_inside() -> bytes:
    """A workbook with a packed file beside its sheet."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 400_000)
    return workbook(PLAIN, {"xl/embeddings/inner.bin": inner.getvalue()})


def sixty_megabytes_of_zeros() -> bytes:
    """One part that unpacks to 60 MB."""
    return workbook(PLAIN, {"xl/media/zeros.bin": b"\0" * 60_000_000})


def ten_thousand_members() -> bytes:
    """A table of contents that is itself the burden."""
    return workbook(PLAIN, {f"xl/media/{n}.xml": b"x" for n in range(10_000)})


@dataclass(frozen=True)
class Bomb:
    """A file, what it is called, and the reasons one may refuse it for."""

    name: str
    make: Callable[[], bytes]
    reasons: tuple[str, ...]
    file: str = "book.xlsx"


GOOD = Table(("SKU", "Packs"), [("EGG-30", 40)])


def good() -> bytes:
    """A workbook that is read."""
    return xlsx_file(GOOD).read()


BOMBS = [
    Bomb("1,000,000 rows in less than 5 MB", a_million_rows, ("bomb", "rows")),
    Bomb("60,000 rows", many_rows, ("rows", "bomb")),
    Bomb("only column XFD filled", only_the_last_column, ("columns",)),
    Bomb("entities of entities", entities, ("broken",)),
    Bomb("a zip inside", a_zip_inside, ("nested", "bomb")),
    Bomb("60 MB of zeros", sixty_megabytes_of_zeros, ("bomb",)),
    Bomb("10,000 members", ten_thousand_members, ("members",)),
    Bomb("a member outside", lambda: workbook(PLAIN, {"../../etc/cron.d/yak": b"x"}), ("paths",)),
    Bomb("a member at the root", lambda: workbook(PLAIN, {"/etc/cron.d/yak": b"x"}), ("paths",)),
    Bomb("a symbolic link", lambda: workbook(PLAIN, links=("xl/passwd.xml",)), ("paths",)),
    Bomb("a workbook called .csv", good, ("kind",), "book.csv"),
    Bomb("a text called .xlsx", lambda: "".join(csv_lines(GOOD)).encode(), ("kind",)),
    Bomb("a picture called .csv", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01", ("kind", "encoding"), "book.csv"),
    Bomb("a program", lambda: b"MZ\x90\0" + b"\0" * 500, ("name",), "book.exe"),
    Bomb("cut in the middle", lambda: good()[:2_000], ("broken",)),
    Bomb("cut after ten bytes", lambda: good()[:10], ("broken",)),
    Bomb("an old workbook", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, ("old",)),
    Bomb("1,000,000 lines", lambda: b"1,2\n" * 1_000_000, ("rows",), "book.csv"),
    Bomb("10 MB of empty lines", lambda: b"a,b\n" + b"\n" * 10_000_000, ("rows",), "book.csv"),
    Bomb("100,000 columns", lambda: b"1," * 100_000, ("columns",), "book.csv"),
    Bomb("11 MB", lambda: b"1,2\n" * 2_800_000, ("size",), "book.csv"),
    Bomb("nothing", lambda: b"", ("empty",), "book.csv"),
]


@cache
def content(name: str) -> bytes:
    """A bomb's bytes, made once."""
    return next(one for one in BOMBS if one.name == name).make()
