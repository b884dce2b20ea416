"""The office gives money back for goods: whole packs of a line, or grams that were short, never more than charged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Product, Sku
from orders.fulfilment.models import WeighedPack
from orders.models import OrderLine
from orders.office.money import paid_payment
from orders.payments.models import Refund, RefundLine
from orders.payments.refunds import LineBack, Wish, decided_before, lock_payment, request_refund
from orders.payments.states import STANDING_REFUNDS
from shop.audit import Actor
from shop.errors import Invalid
from shop.money import price_of_weight


@dataclass(frozen=True)
class Refundable:
    """A line of which `left` packs and `left_fen` may still be given back.

    `price_fen` is that of a pack, at the most it can cost; `weighed` are the prices of packs that were weighed.
    """

    line_id: int
    names: dict[str, str]
    packs: int
    left: int
    price_fen: int
    left_fen: int
    terms: ByWeight | None
    weighed: tuple[int, ...]

    def packs_back(self, count: int) -> LineBack | None:
        """What so many packs cost; None for more than are left. Of weighed packs the dearest go back first."""
        if not 0 < count <= self.left or not self.left_fen:
            return None
        prices = sorted((*self.weighed, *[self.price_fen] * (self.packs - len(self.weighed))), reverse=True)
        gone = self.packs - self.left
        # Grams of the same packs may have gone back before.
        return LineBack(min(sum(prices[gone : gone + count]), self.left_fen), packs=count)

    def grams_back(self, grams: int) -> LineBack | None:
        """What so many grams cost; None for goods that were not weighed, or more than was charged."""
        if self.terms is None or not self.weighed:
            return None
        amount = price_of_weight(self.terms.per_kg_fen, grams)
        return LineBack(amount, grams=grams) if 0 < amount <= self.left_fen else None


def refundable_lines(session: Session, order_id: int) -> list[Refundable]:
    """The order's lines in their order, with what was charged and not given back yet; two queries."""
    back = (
        select(RefundLine.order_line_id, func.sum(RefundLine.packs).label("packs"),
               func.sum(RefundLine.amount_fen).label("fen"))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(Refund.state.in_([state.value for state in STANDING_REFUNDS]))
        .group_by(RefundLine.order_line_id)
        .subquery()
    )  # fmt: skip
    statement = (
        select(OrderLine, Product.names, func.coalesce(back.c.packs, 0), func.coalesce(back.c.fen, 0))
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .outerjoin(back, back.c.order_line_id == OrderLine.id)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.position)
        .execution_options(populate_existing=True)
    )
    weighed: dict[int, list[int]] = defaultdict(list)
    of_order = select(OrderLine.id).where(OrderLine.order_id == order_id)
    prices = select(WeighedPack.order_line_id, WeighedPack.price_fen).where(WeighedPack.order_line_id.in_(of_order))
    for line_id, price_fen in session.execute(prices):
        weighed[line_id].append(price_fen)
    return [
        Refundable(line.id, names, line.quantity - line.cancelled, line.quantity - line.cancelled - int(packs),
                   line.price_fen, max(line.total_fen - int(fen), 0), line.by_weight, tuple(weighed[line.id]))
        for line, names, packs, fen in session.execute(statement)
    ]  # fmt: skip


def give_back_goods(
    session: Session, order_id: int, packs: Mapping[int, int], grams: Mapping[int, int], note: str, actor: Actor,
    now: datetime, form: str = "",
) -> Refund:  # fmt: skip
    """Give back whole packs or grams that were short (by line id) at what was paid for them; once for each form.

    Raises Invalid for what was not charged or went back already, NotFound for an order that was not paid, and what
    request_refund raises.
    """
    _order, payment = lock_payment(session, paid_payment(session, order_id))
    if (decided := decided_before(session, payment, form)) is not None:
        return decided
    lines = {one.line_id: one for one in refundable_lines(session, order_id)}
    if set(packs) & set(grams):
        raise Invalid(_l("Give back packs or grams of the same goods, not both at once"), errors=[{"field": "grams"}])
    wanted = {
        **{line_id: lines[line_id].packs_back(count) if line_id in lines else None for line_id, count in packs.items()},
        **{line_id: lines[line_id].grams_back(count) if line_id in lines else None for line_id, count in grams.items()},
    }
    parts = {line_id: one for line_id, one in wanted.items() if one is not None}
    if not parts or len(parts) < len(wanted):
        raise Invalid(_l("No more can be given back of a line than was charged"), errors=[{"field": "packs"}])
    why = "short" if packs else "weight"
    wish = Wish(sum(one.amount_fen for one in parts.values()), why, note, parts, form)
    return request_refund(session, payment, wish, actor, now)
