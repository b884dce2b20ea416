"""In the evening: what each cooperative's goods did in Wuhan that day."""

from __future__ import annotations

from datetime import datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.stock.models import Lot, StockLevel
from orders.fulfilment.models import Allocation
from orders.models import OrderLine
from orders.notifications.compose import DIGEST, write
from orders.weights import allocated_fen
from shop.clock import SHANGHAI, shanghai_day


def write_digests(session: Session, now: datetime) -> int:
    """One notice to every cooperative that sold something today (Shanghai's day), once a day; how many."""
    today = shanghai_day(now)
    begin = datetime.combine(today, time(0), SHANGHAI)
    packs, fen = func.sum(Allocation.quantity), func.sum(allocated_fen())
    statement = (
        select(Lot.cooperative_id, Lot.sku_id, packs, fen)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .where(Allocation.created_at >= begin, Allocation.created_at <= now, Allocation.state != "released")
        .group_by(Lot.cooperative_id, Lot.sku_id)
        .order_by(Lot.cooperative_id, Lot.sku_id)
    )
    sold: dict[int, list[dict[str, int]]] = {}
    for cooperative_id, sku_id, quantity, value in session.execute(statement):
        line = {"sku_id": int(sku_id), "packs": int(quantity), "value_fen": int(value)}
        sold.setdefault(cooperative_id, []).append(line)
    written = 0
    for cooperative_id, lines in sold.items():
        data = {"day": today.isoformat(), "lines": lines, "value_fen": sum(line["value_fen"] for line in lines)}
        key = f"{cooperative_id}:{today.isoformat()}"
        written += write(session, DIGEST, key, data, cooperative_id=cooperative_id) is not None
    return written
