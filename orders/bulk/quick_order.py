"""Read a quick order: pasted rows, SKUs in cases, what they cost and how many cases the cooperatives have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Product, Sku
from catalogue.stock.availability import available
from catalogue.stock.models import Availability, Channel
from orders.models import Order, OrderLine

MOST_CASES = 9_999
# "ZE-30 12", "ZE-30<tab>12", "ZE-30,12", "ZE-30 × 12": what spreadsheets, mails and people write.
ROW = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\s*[,;，；\t×*]\s*|\s+(?:[x×*]\s*)?)(\d{1,5})")


@dataclass(frozen=True)
class WantedRow:
    """A SKU's code and how many cases of it, as typed."""

    code: str
    cases: int


@dataclass(frozen=True)
class UnreadRow:
    """A row nobody could read: its number in what was sent, and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class SentRows:
    """What could be read of pasted text or a file, and the rows that could not."""

    rows: tuple[WantedRow, ...] = ()
    unread: tuple[UnreadRow, ...] = ()


@dataclass(frozen=True)
class QuickLine:
    """A row of the order: `fault` is '', unknown, quantity or stock; `most` is how many cases there are."""

    code: str
    cases: int
    fault: str
    most: int = 0
    sku_id: int = 0
    slug: str = ""
    names: dict[str, str] | None = None
    pack_names: dict[str, str] | None = None
    storage: str = "ambient"
    case_pack: int = 1
    price_fen: int = 0
    terms: ByWeight | None = None

    @property
    def packs(self) -> int:
        return self.cases * self.case_pack

    @property
    def case_fen(self) -> int:
        return self.price_fen * self.case_pack

    @property
    def total_fen(self) -> int:
        return self.price_fen * self.packs


@dataclass(frozen=True)
class Offered:
    """A SKU a buyer may order: its case, its price and the cases the cooperatives have."""

    code: str
    names: dict[str, str]
    pack_names: dict[str, str]
    case_pack: int
    case_fen: int
    cases: int
    terms: ByWeight | None


def read_pasted(text: str) -> SentRows:
    """Rows of 'SKU cases', one a line. Pure."""
    rows, unread = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = ROW.fullmatch(line.strip())
        if match is None:
            unread.append(UnreadRow(number, line.strip()))
        else:
            rows.append(WantedRow(match[1].upper(), int(match[2])))
    return SentRows(tuple(rows), tuple(unread))


def merged(rows: Sequence[WantedRow]) -> tuple[WantedRow, ...]:
    """The same SKU written twice is one row with both quantities. Pure."""
    cases: dict[str, int] = {}
    for row in rows:
        cases[row.code] = cases.get(row.code, 0) + row.cases
    return tuple(WantedRow(code, count) for code, count in cases.items())


def quick_lines(session: Session, rows: Sequence[WantedRow]) -> tuple[QuickLine, ...]:
    """Today's price and stock of every row, in the order they were typed; two queries."""
    statement = (
        select(Sku, Product.names, Product.slug)
        .join(Product, Product.id == Sku.product_id)
        .where(Sku.code.in_([row.code for row in rows]), Sku.active, Product.active)
    )
    found = {sku.code: (sku, names, slug) for sku, names, slug in session.execute(statement)}
    left = available(session, [sku.id for sku, _names, _slug in found.values()], Channel.ORIGIN)
    lines = []
    for row in rows:
        if row.code not in found:
            lines.append(QuickLine(row.code, row.cases, "unknown"))
            continue
        sku, names, slug = found[row.code]
        most = left.get(sku.id, 0) // sku.case_pack
        lines.append(
            QuickLine(
                row.code, row.cases, fault_of(row.cases, most), most, sku.id, slug, names, sku.pack_names, sku.storage,
                sku.case_pack, sku.price_fen, sku.by_weight,
            )
        )  # fmt: skip
    return tuple(lines)


def fault_of(cases: int, most: int) -> str:
    """Why so many cases cannot be ordered; '' when they can. Pure."""
    if not 1 <= cases <= MOST_CASES:
        return "quantity"
    return "stock" if cases > most else ""


def offered(session: Session, limit: int = 200) -> tuple[Offered, ...]:
    """What the cooperatives have at least a case of, in the shop's order."""
    statement = (
        select(Sku, Product.names, Availability.available)
        .join(Product, Product.id == Sku.product_id)
        .join(Availability, (Availability.sku_id == Sku.id) & (Availability.channel == Channel.ORIGIN.value))
        .where(Sku.active, Product.active, Availability.available >= Sku.case_pack)
        .order_by(Product.position, Product.id, Sku.pack_g, Sku.id)
        .limit(limit)
    )
    return tuple(
        Offered(sku.code, names, sku.pack_names, sku.case_pack, sku.price_fen * sku.case_pack, packs // sku.case_pack,
                sku.by_weight)
        for sku, names, packs in session.execute(statement)
    )  # fmt: skip


def rows_of_order(session: Session, order: Order) -> tuple[WantedRow, ...]:
    """The rows of an earlier order in today's cases, rounded up."""
    statement = (
        select(Sku.code, func.ceil(OrderLine.quantity * 1.0 / Sku.case_pack))
        .select_from(OrderLine)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .where(OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    )
    return tuple(WantedRow(code, int(cases)) for code, cases in session.execute(statement))
