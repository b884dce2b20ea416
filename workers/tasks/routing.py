"""Find the counters for an order."""

from __future__ import annotations

from sqlalchemy.orm import Session

from orders.fulfilment.assign import route_order
from shop.clock import utcnow
from workers.topics import Payload, job


@job("order.route", queue="route")
def route(session: Session, payload: Payload) -> None:
    """Assign everything the order still waits for."""
    route_order(session, payload["order_id"], utcnow())
