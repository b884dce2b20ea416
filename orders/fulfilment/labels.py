"""Labels for packed bags: 100 × 62 mm each for a label printer, or eight on an A4 sheet.

A label is read by everybody who stands at the counter, so it bears no pickup code and no name: the order's number
(in words and as a QR code, which the desk's field takes), a first character and the end of a phone number.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import segno
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from catalogue.models import Counter, Sku
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.queue import masked
from orders.models import Order, OrderContact, OrderLine
from orders.states import FulfilmentRole, FulfilmentStatus
from shop.clock import shanghai
from shop.i18n import localised
from shop.paper import font

if TYPE_CHECKING:  # the PDF library is loaded by processes that draw
    from reportlab.pdfgen.canvas import Canvas

mm = 72 / 25.4  # in the PDF's points
WIDTH, HEIGHT, A4 = 100 * mm, 62 * mm, (210 * mm, 297 * mm)
MOST_LABELS = 200
TO_LABEL = [FulfilmentStatus.ASSIGNED.value, FulfilmentStatus.ACCEPTED.value, FulfilmentStatus.READY.value]
# Coldest first: a bag is kept as its most delicate goods want.
STORAGES = ("frozen", "chilled", "ambient")
INK, PAPER, BAND = "#1f1a17", "#ffffff", {"frozen": "#23395b", "chilled": "#1c7c7d", "ambient": "#7a1f1f"}


@dataclass(frozen=True)
class Label:
    """What stands on one bag."""

    number: str
    role: str
    customer: str
    packs: int
    storage: str
    due_at: datetime
    counter: str
    destination: str


def labels_of(session: Session, counter_ids: set[int] | None, part_id: int | None) -> Sequence[Label]:
    """The labels of one part, or of all that are to be packed or wait, by due time; [] for another counter's."""
    target = aliased(Counter)
    statement = (
        select(Fulfilment, Order.number, OrderContact.name, OrderContact.phone, Counter.names, target.names,
               func.sum(Allocation.quantity), func.array_agg(Sku.storage.distinct()))
        .join(Order, Order.id == Fulfilment.order_id)
        .join(Counter, Counter.id == Fulfilment.counter_id)
        .outerjoin(target, target.id == Order.pickup_counter_id)
        .outerjoin(OrderContact, OrderContact.order_id == Order.id)
        .join(Allocation, (Allocation.fulfilment_id == Fulfilment.id) & (Allocation.state != "released"))
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .group_by(Fulfilment.id, Order.number, OrderContact.name, OrderContact.phone, Counter.names,
                  target.names)
        .order_by(Fulfilment.due_at, Fulfilment.id)
        .limit(MOST_LABELS)
    )  # fmt: skip
    if counter_ids is not None:
        statement = statement.where(Fulfilment.counter_id.in_(counter_ids))
    if part_id is not None:
        statement = statement.where(Fulfilment.id == part_id)
    else:
        statement = statement.where(Fulfilment.status.in_(TO_LABEL))
    return [
        Label(
            number, part.role, masked(name or "", phone or ""), int(packs),
            next(one for one in STORAGES if one in storages), part.due_at, localised(names),
            localised(towards) if part.role == FulfilmentRole.TRANSFER and towards else "",
        )
        for part, number, name, phone, names, towards, packs, storages in session.execute(statement)
    ]  # fmt: skip


def labels_pdf(labels: Sequence[Label], shape: str) -> bytes:
    """The labels as a PDF in the reader's language."""
    from reportlab.pdfgen.canvas import Canvas

    paper = io.BytesIO()
    canvas = Canvas(paper, pageCompression=1)
    canvas.setTitle(_("Labels"))
    SHAPES[shape](canvas, labels)
    canvas.save()
    return paper.getvalue()


def one_each(canvas: Canvas, labels: Sequence[Label]) -> None:
    """A page for each label, as label printers want it."""
    for label in labels:
        canvas.setPageSize((WIDTH, HEIGHT))
        draw(canvas, label)
        canvas.showPage()


def on_sheets(canvas: Canvas, labels: Sequence[Label]) -> None:
    """Two columns of four on A4, to cut or on adhesive sheets."""
    across, down = 2, 4
    left, bottom = (A4[0] - across * WIDTH) / 2, (A4[1] - down * HEIGHT) / 2
    for start in range(0, len(labels), across * down):
        canvas.setPageSize(A4)
        for place, label in enumerate(labels[start : start + across * down]):
            canvas.saveState()
            canvas.translate(left + place % across * WIDTH, bottom + (down - 1 - place // across) * HEIGHT)
            draw(canvas, label)
            canvas.restoreState()
        canvas.showPage()


SHAPES = {"single": one_each, "a4": on_sheets}


def draw(canvas: Canvas, label: Label) -> None:
    """One label with its lower left corner at the origin."""
    storages = {"frozen": _("Keep frozen"), "chilled": _("Keep chilled"), "ambient": _("Keep in a cool dry place")}
    roles = {
        FulfilmentRole.HAND_OVER.value: _("Collected here"),
        FulfilmentRole.DELIVER.value: _("Deliver to the customer"),
        FulfilmentRole.TRANSFER.value: _("Send to another counter"),
    }
    edge = 5 * mm
    colour(canvas, BAND[label.storage])
    canvas.rect(0, HEIGHT - 12 * mm, WIDTH, 12 * mm, stroke=0, fill=1)
    colour(canvas, PAPER)
    write(canvas, edge, HEIGHT - 8.2 * mm, storages[label.storage], 14, WIDTH - 2 * edge)
    colour(canvas, INK)
    write(canvas, edge, HEIGHT - 22 * mm, label.number, 20, 60 * mm)
    write(canvas, edge, HEIGHT - 31 * mm, label.customer or roles[label.role], 18, 58 * mm)
    packs = ngettext("%(num)s pack", "%(num)s packs", label.packs)
    due = _("Due %(at)s", at=f"{shanghai(label.due_at):%m-%d %H:%M}")
    write(canvas, edge, HEIGHT - 40 * mm, packs, 16, 58 * mm)
    write(canvas, edge, HEIGHT - 47 * mm, due, 11, 58 * mm)
    where = f"{label.counter} → {label.destination}" if label.destination else f"{roles[label.role]} · {label.counter}"
    write(canvas, edge, 4.5 * mm, where, 11, WIDTH - 2 * edge)
    draw_qr(canvas, label.number, WIDTH - edge - 30 * mm, HEIGHT - 47 * mm, 30 * mm)


def colour(canvas: Canvas, code: str) -> None:
    """What is drawn from here on has this colour."""
    from reportlab.lib.colors import HexColor

    canvas.setFillColor(HexColor(code))


def write(canvas: Canvas, x: float, y: float, text: str, size: float, width: float) -> None:
    """A line of text, smaller if it would be too wide; in the receipts' font, which travels inside the file."""
    while size > 6 and canvas.stringWidth(text, font(), size) > width:
        size -= 0.5
    canvas.setFont(font(), size)
    canvas.drawString(x, y, text)


def draw_qr(canvas: Canvas, text: str, x: float, y: float, size: float) -> None:
    """The text as a QR code, drawn as squares so that it prints sharp."""
    rows = [list(row) for row in segno.make(text, micro=False, error="m").matrix]
    side = size / len(rows)
    for down, row in enumerate(rows):
        for across, dark in enumerate(row):
            if dark:
                # A hair larger than its place: printers leave white lines between squares that only touch.
                canvas.rect(x + across * side, y + size - (down + 1) * side, side * 1.02, side * 1.02, 0, 1)
