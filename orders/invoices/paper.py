"""An invoice on paper: for whom, which orders, what was taken off and paid, what is owed until when, and how to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_babel import gettext

from orders.invoices.reading import InvoicePage
from shop import paper
from shop.money import yuan
from shop.paper import gap, table, text
from shop.templating import day

if TYPE_CHECKING:
    from reportlab.platypus import Flowable


def _(text: str, **values: object) -> str:
    """The text in the reader's language."""
    return str(gettext(text, **values))


def draw(page: InvoicePage, address: str) -> bytes:
    """The sheet in the current language; `address` is the shop's. The same invoice gives the same bytes."""
    number = page.invoice.number
    story: list[Flowable] = [
        text(_("Yarlung Market"), 20), text(_("Invoice %(number)s", number=number), 13, soft=True), gap(5),
        facts(page), gap(6), account(page, paper.width()), gap(7),
        text(_("Please pay by bank transfer and write the number %(number)s there.", number=number), 10), gap(5),
        text(_("This invoice asks for payment. It is not a fapiao (发票), which you get separately."), 9, soft=True),
        text(address, 9, soft=True),
    ]  # fmt: skip
    return paper.sheet(_("Invoice %(number)s", number=number), _("Yarlung Market"), story)


def facts(page: InvoicePage) -> Flowable:
    """For whom, from when, until when."""
    invoice = page.invoice
    due = day(invoice.due_on) or "–"
    told = [
        (_("Billed to"), invoice.organisation.name), (_("State"), page.state),
        (_("Issued"), day(invoice.issued_on) or "–"),
        (_("Due on"), f"{due} · {_('%(n)s days to pay', n=invoice.terms_days)}" if invoice.due_on else due),
        (_("Fapiao (发票)"), invoice.fapiao_no or _("not noted")),
    ]  # fmt: skip
    return table([[text(name, soft=True), text(words)] for name, words in told], [110, 340], heads=0, rules=[])


def account(page: InvoicePage, width: float) -> Flowable:
    """The orders, then what was taken off and what was paid, then what is owed."""
    invoice = page.invoice
    head = [*(text(one, 9, soft=True) for one in (_("Order"), _("PO number"), _("Handed over"))),
            text(_("Sum"), 9, soft=True, right=True)]  # fmt: skip
    rows: list[list[Any]] = [
        head,
        *(
            [text(one.number), text(one.po_number or "–"), text(day(one.handed_over) or "–"),
             text(yuan(one.amount_fen), right=True)]
            for one in page.orders
        ),
    ]  # fmt: skip
    first_sum = len(rows)
    rows.append(sum_row(_("Total"), invoice.total_fen, 11))
    for note in page.credits:
        about = [_("Credit note"), day(note.made_on), note.order.number if note.order else "", note.note]
        rows.append(sum_row(" · ".join(filter(None, about)), -note.amount_fen))
    rows += [
        sum_row(f"{_('Paid')} {day(one.receipt.received_on)} · {one.receipt.bank_ref}", -one.amount_fen)
        for one in page.payments
    ]
    rows.append(sum_row(_("To pay"), invoice.owed_fen, 12))
    widths = [width - 310, 120, 95, 95]
    drawn = table(rows, widths, heads=1, rules=[*range(1, first_sum + 1), len(rows) - 1])
    drawn.setStyle([("SPAN", (0, row), (2, row)) for row in range(first_sum, len(rows))])
    return drawn


def sum_row(label: str, fen: int, size: float = 10) -> list[Any]:
    """A sum below the orders."""
    return [text(label, size), "", "", text(yuan(fen), size, right=True)]
