"""Put notices into the inboxes of cooperatives and counters."""

from __future__ import annotations

from sqlalchemy.orm import Session

from orders.notifications.compose import notify_consignment, notify_counter, notify_low_stock, notify_suppliers
from shop.clock import shanghai_day, utcnow
from workers.topics import Payload, job


@job("supplier.notice", queue="notify")
def tell_suppliers(session: Session, payload: Payload) -> None:
    """What of their goods an order took or gave back."""
    notify_suppliers(session, payload["order_id"])


@job("counter.notice", queue="notify")
def tell_counter(session: Session, payload: Payload) -> None:
    """A part to do, or no longer."""
    notify_counter(session, payload["fulfilment_id"], payload["kind"])


@job("stock.low", queue="notify")
def tell_low_stock(session: Session, payload: Payload) -> None:
    """Goods that run low in Wuhan."""
    day = shanghai_day(utcnow()).isoformat()
    notify_low_stock(session, payload["sku_id"], payload["cooperative_id"], payload["left"], day)


@job("consignment.notice", queue="notify")
def tell_of_consignment(session: Session, payload: Payload) -> None:
    """A cooperative is asked for goods, or goods are on the road or have arrived."""
    notify_consignment(session, payload["consignment_id"], f"consignment.{payload['kind']}")
