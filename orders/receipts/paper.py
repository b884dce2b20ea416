"""A receipt on paper: the goods with where they come from, the sums, and every movement of money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_babel import gettext

from orders.receipts.contents import Origin, Receipt, ReceiptLine
from shop import paper
from shop.money import weight, yuan
from shop.paper import gap, table, text
from shop.templating import day, when

if TYPE_CHECKING:
    from reportlab.platypus import Flowable


def _(text: str, **values: object) -> str:
    """The text in the reader's language."""
    return str(gettext(text, **values))


def draw(receipt: Receipt, address: str) -> bytes:
    """The sheet in the current language; `address` is the shop's. The same receipt gives the same bytes."""
    width = paper.width()
    story: list[Flowable] = [
        text(_("Yarlung Market"), 20), text(_("Receipt"), 13, soft=True), gap(5),
        facts(receipt), gap(6), goods(receipt, width), gap(7),
        text(_("Payments"), 12), gap(2), money(receipt, width), gap(9),
        text(_("This receipt is no 发票 (tax invoice)."), 9, soft=True), text(address, 9, soft=True),
    ]  # fmt: skip
    return paper.sheet(_("Receipt %(number)s", number=receipt.number), _("Yarlung Market"), story)


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
        about.append(text(_("%(n)s are left out and not charged", n=line.cancelled), 8.5, soft=True))
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
