"""Write what each cooperative and counter must hear: which of ITS goods were sold, changed, or run low.

A notice holds ids and figures, never who bought. Changes are numbered per order: a later one says '−2, now 3'.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Counter, Sku
from catalogue.stock.models import Lot, StockLevel
from orders.consignments.models import Consignment, ConsignmentLine
from orders.consignments.states import LotState
from orders.fulfilment.models import Allocation, Fulfilment
from orders.models import Order, OrderLine
from orders.notifications.models import Notification
from orders.promises import lock_order
from orders.webhooks.announce import announce
from shop.i18n import localised
from shop.outbox import emit

SOLD, ASSIGNED, CANCELLED, LOW, DIGEST = "supplier.sold", "counter.assigned", "counter.cancelled", "stock.low", "digest"
ASKED, COMING, ARRIVED = "consignment.proposed", "consignment.dispatched", "consignment.received"

# Notices that a cooperative's own machines hear of too, and as which event.
TOLD_TO_MACHINES = {SOLD: "order.routed", LOW: "stock.low", ASKED: ASKED, ARRIVED: ARRIVED}

Goods = tuple[int, str]  # SKU id, lot code


def notify_suppliers(session: Session, order_id: int) -> list[Notification]:
    """Tell every cooperative of the order what changed of its goods since it last heard; nothing if nothing did."""
    order = lock_order(session, order_id)
    now_sold = sold_of(session, order_id)
    told_before = told_of(session, order_id)
    written = []
    for cooperative_id in sorted({*now_sold, *told_before}):
        before, version = told_before.get(cooperative_id, ({}, 0))
        lines = changes(before, now_sold.get(cooperative_id, {}))
        if not lines:
            continue
        data = {"number": order.number, "version": version + 1, "lines": lines}
        key = f"{order_id}:{cooperative_id}:{version + 1}"
        notice = write(session, SOLD, key, data, cooperative_id=cooperative_id, order_id=order_id)
        written += [notice] if notice else []
    return written


def changes(before: dict[Goods, int], after: dict[Goods, int]) -> list[dict[str, Any]]:
    """What became more or less, with the figure that now holds. Pure."""
    lines = []
    for sku_id, lot in sorted({*before, *after}):
        now, then = after.get((sku_id, lot), 0), before.get((sku_id, lot), 0)
        if now != then:
            lines.append({"sku_id": sku_id, "lot": lot, "change": now - then, "now": now})
    return lines


def sold_of(session: Session, order_id: int) -> dict[int, dict[Goods, int]]:
    """Cooperative -> goods of an order that stand allocated, travel or are handed over."""
    statement = (
        select(Lot.cooperative_id, Lot.sku_id, Lot.code, func.sum(Allocation.quantity))
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .where(OrderLine.order_id == order_id, Allocation.state != "released")
        .group_by(Lot.cooperative_id, Lot.sku_id, Lot.code)
    )
    sold: dict[int, dict[Goods, int]] = defaultdict(dict)
    for cooperative_id, sku_id, code, packs in session.execute(statement):
        sold[cooperative_id][sku_id, code] = int(packs)
    return sold


def told_of(session: Session, order_id: int) -> dict[int, tuple[dict[Goods, int], int]]:
    """Cooperative -> the figures it was last told for this order, and the number of that notice."""
    statement = (
        select(Notification)
        .where(Notification.order_id == order_id, Notification.kind == SOLD)
        .order_by(Notification.id)
    )
    told: dict[int, tuple[dict[Goods, int], int]] = {}
    for notice in session.execute(statement).scalars():
        assert notice.cooperative_id is not None  # noqa: S101  suppliers are cooperatives
        figures = dict(told.get(notice.cooperative_id, ({}, 0))[0])
        figures.update({(line["sku_id"], line["lot"]): line["now"] for line in notice.data["lines"]})
        told[notice.cooperative_id] = figures, int(notice.data["version"])
    return told


def notify_counter(session: Session, fulfilment_id: int, kind: str) -> Notification | None:
    """Tell a counter that a part of an order is its to do, or no longer."""
    part = session.get_one(Fulfilment, fulfilment_id)
    order = session.get_one(Order, part.order_id)
    packs = session.scalar(
        select(func.coalesce(func.sum(Allocation.quantity), 0)).where(
            Allocation.fulfilment_id == fulfilment_id, Allocation.state != "released"
        )
    )
    wanted = CANCELLED if kind == "cancelled" else ASSIGNED
    before = session.scalar(
        select(func.count()).where(Notification.kind == wanted, Notification.dedupe_key.like(f"{fulfilment_id}:%"))
    )
    data = {
        "number": order.number, "fulfilment_id": fulfilment_id, "role": part.role, "packs": int(packs or 0),
        "due_at": part.due_at.isoformat(),
    }  # fmt: skip
    key = f"{fulfilment_id}:{(before or 0) + 1}"
    return write(session, wanted, key, data, counter_id=part.counter_id, order_id=order.id)


def notify_low_stock(session: Session, sku_id: int, cooperative_id: int, left: int, day: str) -> Notification | None:
    """Tell a cooperative, once a day and SKU, that its goods run low in Wuhan."""
    data = {"sku_id": sku_id, "left": left}
    return write(session, LOW, f"{sku_id}:{day}", data, cooperative_id=cooperative_id)


def notify_consignment(session: Session, consignment_id: int, kind: str) -> Notification | None:
    """Tell the cooperative what it is asked for or what arrived of it, or the counter what is on the road.

    Asked again with other figures, the cooperative hears the figures that now hold.
    """
    consignment = session.get_one(Consignment, consignment_id)
    data = {
        "number": consignment.number, "consignment_id": consignment_id, "arrives_on": str(consignment.arrives_on),
        "lines": [consignment_line(line) for line in consignment.lines],
    }  # fmt: skip
    if kind == COMING:
        announce(session, COMING, str(consignment_id), lambda: for_machines(session, data),
                 cooperative_id=consignment.cooperative_id)  # fmt: skip
        return write(session, kind, str(consignment_id), data, counter_id=consignment.counter_id)
    asked = session.scalar(select(func.count()).where(
        Notification.kind == kind, Notification.dedupe_key.like(f"{consignment_id}:%")
    )) or 0  # fmt: skip
    return write(
        session, kind, f"{consignment_id}:{asked + 1}", data, cooperative_id=consignment.cooperative_id
    )  # fmt: skip


def consignment_line(line: ConsignmentLine) -> dict[str, Any]:
    """One of the goods: asked for, sent, and what became of it."""
    lots = [lot for lot in line.lots if lot.state != LotState.GIVEN_BACK]
    return {
        "sku_id": line.sku_id, "proposed": line.proposed, "sent": sum(lot.quantity for lot in lots),
        "received": sum(lot.received for lot in lots), "damaged": sum(lot.damaged for lot in lots),
        "missing": sum(lot.missing for lot in lots), "too_warm": sum(lot.too_warm for lot in lots),
    }  # fmt: skip


def write(
    session: Session,
    kind: str,
    key: str,
    data: dict[str, Any],
    *,
    cooperative_id: int | None = None,
    counter_id: int | None = None,
    order_id: int | None = None,
) -> Notification | None:
    """Put a notice into its reader's inbox and have it mailed; None when it was written before."""
    statement = (
        insert(Notification)
        .values(
            kind=kind, dedupe_key=key, data=data,
            cooperative_id=cooperative_id, counter_id=counter_id, order_id=order_id,
        )
        .on_conflict_do_nothing(index_elements=["kind", "dedupe_key"])
        .returning(Notification)
    )  # fmt: skip
    notice = session.scalar(statement)
    if notice is None:
        return None
    emit(session, "notification.mail", str(notice.id), {"notification_id": notice.id})
    if kind in TOLD_TO_MACHINES and cooperative_id is not None:
        announce(session, TOLD_TO_MACHINES[kind], str(notice.id), lambda: for_machines(session, data),
                 cooperative_id=cooperative_id)  # fmt: skip
    return notice


def for_machines(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """A notice's figures with SKU codes instead of our ids."""
    lines: list[dict[str, Any]] = data.get("lines", [data])
    ids = {line["sku_id"] for line in lines}
    codes = dict(session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(ids))).all())
    told = [{"sku": codes[line["sku_id"]], **{k: v for k, v in line.items() if k != "sku_id"}} for line in lines]
    return {**data, "lines": told} if "lines" in data else told[0]


def reader_of(session: Session, notice: Notification) -> tuple[str, str, str]:
    """Whom a notice goes to: address, language, name in that language."""
    if notice.cooperative_id is not None:
        cooperative = session.get_one(Cooperative, notice.cooperative_id)
        return cooperative.email, cooperative.locale, localised(cooperative.names, cooperative.locale)
    counter = session.get_one(Counter, notice.counter_id)
    return counter.email, "zh", localised(counter.names, "zh")
