"""Sheets of paper (A4) as PDF that look the same on every device: the Chinese font travels inside.

docs/decisions/0010-receipts-carry-their-font.md says which font, and why a reader of Tibetan gets the Chinese sheet.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from reportlab.platypus import Flowable, Paragraph

# Languages a sheet can be set in; Tibetan needs stacked letters, which the PDF library does not set.
LANGUAGES = ("zh", "en")
FONT, FONT_FILE = "MicroHei", "wqy-microhei.ttc"
PADDING = 6  # points that the library leaves free beside what it sets
SIDE, TOP = 20, 18  # millimetres that stay white
INK, SOFT, RULE = "#1f1a17", "#6b625c", "#c9bfb6"


@cache
def font() -> str:
    """The font's name, its file read once a process (23 MB that only processes that draw sheets need)."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    with as_file(files("paperang_p2_fonts_cjk") / "fonts" / FONT_FILE) as path:
        pdfmetrics.registerFont(TTFont(FONT, str(path), subfontIndex=0))
    return FONT


def width() -> float:
    """The points a sheet has from one white margin to the other."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm

    return float(A4[0] - 2 * SIDE * mm - 2 * PADDING)


def sheet(title: str, author: str, story: list[Flowable]) -> bytes:
    """The file. The same story gives the same bytes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    paper = io.BytesIO()
    SimpleDocTemplate(
        paper, pagesize=A4, leftMargin=SIDE * mm, rightMargin=SIDE * mm, topMargin=TOP * mm, bottomMargin=TOP * mm,
        title=title, author=author, invariant=1,
    ).build(story)  # fmt: skip
    return paper.getvalue()


def gap(millimetres: float) -> Flowable:
    """White space."""
    from reportlab.lib.units import mm
    from reportlab.platypus import Spacer

    return Spacer(1, millimetres * mm)


def text(words: str, size: float = 10, *, soft: bool = False, right: bool = False) -> Paragraph:
    """A paragraph; whatever somebody typed stays text."""
    from reportlab.lib.enums import TA_LEFT, TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        f"{size}{soft}{right}", fontName=font(), fontSize=size, leading=size * 1.45, wordWrap="CJK",
        textColor=SOFT if soft else INK, alignment=TA_RIGHT if right else TA_LEFT,
    )  # fmt: skip
    return Paragraph(escape(words), style)


def table(rows: list[list[Any]], widths: list[float], *, heads: int, rules: list[int]) -> Flowable:
    """Rows under a head that is repeated on each page, with thin rules above the rows in `rules`."""
    from reportlab.platypus import Table

    drawn = Table(rows, colWidths=widths, repeatRows=heads, hAlign="LEFT")
    drawn.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (0, -1), 0), ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 3), ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            *(("LINEABOVE", (0, row), (-1, row), 0.6, RULE) for row in rules),
        ]
    )  # fmt: skip
    return drawn
