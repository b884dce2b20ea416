"""What no counter can give: taken off the order openly, with what else is there; never silently short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from catalogue.models import Product, Sku
from catalogue.stock.models import Availability, Channel
from orders.fulfilment.planning import Decision
from orders.lifecycle import cancel_parts, move_order, tell
from orders.payments.refunds import give_back_surplus
from orders.promises import shorten_line
from orders.states import OrderStatus
from shop import audit
from shop.audit import Actor
from shop.outbox import emit

MOST_ALTERNATIVES = 3


def take_off(session: Session, decisions: Sequence[Decision], actor: Actor, now: datetime) -> None:
    """Shorten the (locked) orders by what their plans leave out, say what else there is, give paid money back."""
    short = [one for one in decisions if one.plan.unfilled]
    instead = alternatives(session, {line.sku for one in short for line in one.plan.unfilled})
    for one in short:
        order = one.waiting.order
        lines = {line.sku_id: line for line in order.lines}
        for missing in one.plan.unfilled:
            shorten_line(session, order, lines[missing.sku], missing.quantity)
            after = {"sku_id": missing.sku, "packs": missing.quantity}
            tell(session, order, "order.shortened", **after, instead=instead[missing.sku])
            audit.record(session, actor, "order.shortened", "order", order.id, after=after)
        if all(line.cancelled == line.quantity for line in order.lines):
            cancel_parts(session, order.id, actor, now)
            move_order(session, order, OrderStatus.CANCELLED, actor, now)
            give_back_surplus(session, order, 0, "short", actor, now)
        else:
            key = f"{order.id}:changed:{sum(line.cancelled for line in order.lines)}"
            emit(session, "order.mail", key, {"order_id": order.id, "kind": "changed"})
            give_back_surplus(session, order, order.total_fen, "short", actor, now)


def alternatives(session: Session, skus: set[int]) -> dict[int, list[int]]:
    """For each SKU other packs of the same product that may still be promised, the one with most left first."""
    found: dict[int, list[int]] = defaultdict(list)
    if not skus:
        return found
    wanted = aliased(Sku)
    statement = (
        select(wanted.id, Sku.id)
        .join(Sku, (Sku.product_id == wanted.product_id) & (Sku.id != wanted.id))
        .join(Product, Product.id == Sku.product_id)
        .join(Availability, (Availability.sku_id == Sku.id) & (Availability.channel == Channel.COUNTERS.value))
        .where(wanted.id.in_(skus), Sku.active, Product.active, Availability.available > 0)
        .order_by(wanted.id, Availability.available.desc(), Sku.id)
    )
    for sku_id, other in session.execute(statement):
        if len(found[sku_id]) < MOST_ALTERNATIVES:
            found[sku_id].append(other)
    return found
