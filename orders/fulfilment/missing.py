"""What no counter can give: awaited from the road, or taken off with what else is there; never silently short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from catalogue.models import Product, Sku
from catalogue.stock.models import Availability, Channel
from orders.consignments.models import Backorder
from orders.fulfilment.coming import Missing, wait_for_deliveries
from orders.fulfilment.instance import Snapshot
from orders.lifecycle import cancel_parts, move_order, tell
from orders.models import Order, OrderLine, Reservation
from orders.payments.refunds import give_back_surplus
from orders.promises import charge_less, shorten_line
from orders.states import OrderStatus
from shop import audit
from shop.audit import Actor
from shop.outbox import emit

MOST_ALTERNATIVES = 3


def see_to_missing(
    session: Session, snapshot: Snapshot, missing: Sequence[Missing], actor: Actor, now: datetime
) -> None:
    """What no counter can give (orders locked): promised against a consignment that brings it, else taken off."""
    if not missing:
        return
    waiting = wait_for_deliveries(session, snapshot, missing, actor)
    take_off(session, [one for one in missing if one.packs], actor, now)
    shortened = {one.order.id for one in missing if one.packs}
    for order in waiting:
        if order.id not in shortened:
            newest = session.scalar(select(func.max(Backorder.id)).where(Backorder.order_id == order.id))
            emit(session, "order.mail", f"{order.id}:awaited:{newest}", {"order_id": order.id, "kind": "awaited"})


def take_off(session: Session, missing: Sequence[Missing], actor: Actor, now: datetime) -> None:
    """Shorten the (locked) orders by what is missing, say what else there is, give paid money back."""
    instead = alternatives(session, {sku for one in missing for sku in one.packs})
    for one in missing:
        order = one.order
        lines = {line.sku_id: line for line in order.lines}
        for sku, packs in sorted(one.packs.items()):
            adrift = one.adrift.get(sku, 0)
            forget_adrift(session, order, lines[sku], adrift)
            shorten_line(session, order, lines[sku], packs - adrift)
            after = {"sku_id": sku, "packs": packs}
            tell(session, order, "order.shortened", **after, instead=instead[sku])
            audit.record(session, actor, "order.shortened", "order", order.id, after=after)
        if all(line.cancelled == line.quantity for line in order.lines):
            cancel_parts(session, order.id, actor, now)
            move_order(session, order, OrderStatus.CANCELLED, actor, now)
            give_back_surplus(session, order, 0, "short", actor, now)
        else:
            key = f"{order.id}:changed:{sum(line.cancelled for line in order.lines)}"
            emit(session, "order.mail", key, {"order_id": order.id, "kind": "changed"})
            give_back_surplus(session, order, order.total_fen, "short", actor, now)


def forget_adrift(session: Session, order: Order, line: OrderLine, packs: int) -> None:
    """Packs that were awaited, and that nothing brings any more, are not charged."""
    promise = session.get_one(Reservation, line.id)
    promise.awaited -= packs
    promise.released += packs
    charge_less(session, order, line, packs)


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
