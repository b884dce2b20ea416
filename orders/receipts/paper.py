"""A receipt as a PDF that looks the same on every device: its Chinese font travels inside it.

docs/decisions/0010-receipts-carry-their-font.md says which font, and why a reader of Tibetan gets the Chinese sheet.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from flask_babel import gettext

from orders.receipts.contents import Origin, Receipt, ReceiptLine
from shop.money import weight, yuan
from shop.templating import day, when

if TYPE_CHECKING:
    from reportlab.platypus import Flowable, Paragraph

# Languages a sheet can be set in; Tibetan needs stacked letters, which the PDF library does not set.
LANGUAGES = ("zh", "en")
FONT, FONT_FILE = "MicroHei", "wqy-microhei.ttc"
PADDING = 6  # points that the library leaves free beside what it sets
INK, SOFT, RULE = "#1f1a17", "#6b625c", "#c9bfb6"


def _(text: str, **values: object) -> str:
    """The text in the reader's language."""
    return str(gettext(text, **values))


@cache
def font() -> str:
    """The font's name, its file read once a process (23 MB that only processes that draw receipts need)."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    with as_file(files("paperang_p2_fonts_cjk") / "fonts" / FONT_FILE) as path:
        pdfmetrics.registerFont(TTFont(FONT, str(path), subfontIndex=0))
    return FONT


def draw(receipt: Receipt, address: str) -> bytes:
    """The sheet (A4) in the current language; `address` is the shop's. The same receipt gives the same bytes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate, Spacer

    title = _("Receipt %(number)s", number=receipt.number)
    paper = io.BytesIO()
    sheet = SimpleDocTemplate(
        paper, pagesize=A4, leftMargin=20 * mm, rightMargin=20 * mm, topMargin=18 * mm, bottomMargin=18 * mm,
        title=title, author=_("Yarlung Market"), invariant=1,
    )  # fmt: skip
    width = sheet.width - 2 * PADDING
    story: list[Flowable] = [
        text(_("Yarlung Market"), 20), text(_("Receipt"), 13, soft=True), Spacer(1, 5 * mm),
        facts(receipt), Spacer(1, 6 * mm), goods(receipt, width), Spacer(1, 7 * mm),
        text(_("Payments"), 12), Spacer(1, 2 * mm), money(receipt, width), Spacer(1, 9 * mm),
        text(_("This receipt is no 发票 (tax invoice)."), 9, soft=True), text(address, 9, soft=True),
    ]  # fmt: skip
    sheet.build(story)
    return paper.getvalue()


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


def facts(receipt: Receipt) -> Flowable:
    """Which order, and when."""
    rows = [
        [text(_("Order"), soft=True), text(receipt.number)],
        [text(_("Ordered on"), soft=True), text(when(receipt.placed_at))],
    ]
    return table(rows, [90, 300], heads=0, rules=[])


def goods(receipt: Receipt, width: float) -> Flowable:
    """The lines, and the sums below them."""
    head = [text(_("Goods"), 9, soft=True), *(text(one, 9, soft=True, right=True) for one in
            (_("Packs"), _("Net weight"), _("Per pack"), _("Sum")))]  # fmt: skip
    rows = [head, *(row_of(line) for line in receipt.lines)]
    lines = len(rows)
    if receipt.delivery_fen:
        rows.append(sum_row(_("Delivery"), yuan(receipt.delivery_fen)))
    if receipt.discount_fen:
        rows.append(sum_row(_("Discount"), yuan(-receipt.discount_fen)))
    rows.append(sum_row(_("Total"), yuan(receipt.total_fen), 12))
    return table(rows, [width - 285, 45, 75, 80, 85], heads=1, rules=[*range(1, lines + 1), len(rows) - 1])


def row_of(line: ReceiptLine) -> list[Any]:
    """One line of goods, with where it comes from below its name."""
    about = [text(line.name), text(line.pack, 8.5, soft=True), *(text(origin_text(one), 8, soft=True)
             for one in line.origins)]  # fmt: skip
    if line.weighing:
        about.insert(2, text(line.weighing, 8.5, soft=True))
    if line.cancelled:
        about.append(text(_("%(n)s could not be given and are not charged", n=line.cancelled), 8.5, soft=True))
    price = "–" if line.price_fen is None else yuan(line.price_fen)
    cells = (str(line.packs), weight(line.net_g), price, yuan(line.total_fen))
    return [about, *(text(one, right=True) for one in cells)]


def origin_text(origin: Origin) -> str:
    """Where packs come from, in one line."""
    return _("From %(cooperative)s, lot %(lot)s of %(day)s", cooperative=origin.cooperative, lot=origin.lot,
             day=day(origin.produced_on))  # fmt: skip


def sum_row(label: str, amount: str, size: float = 10) -> list[Any]:
    """A sum below the goods."""
    return [text(label, size), "", "", "", text(amount, size, right=True)]


def money(receipt: Receipt, width: float) -> Flowable:
    """Every movement, then what is left."""
    rows: list[list[Any]] = [
        [text(when(one.at), 9), [text(one.text), text(one.ref, 8, soft=True)], text(yuan(one.amount_fen), right=True)]
        for one in receipt.movements
    ]
    rules = list(range(1, len(rows) + 1))
    if receipt.back_fen:
        left = text(_("Paid after what went back"), 11)
        rows.append([left, "", text(yuan(receipt.kept_fen), 11, right=True)])
        drawn = table(rows, [120, width - 220, 100], heads=0, rules=[0, *rules])
        drawn.setStyle([("SPAN", (0, -1), (1, -1))])
        return drawn
    return table(rows, [120, width - 220, 100], heads=0, rules=[0, *rules[:-1]])
