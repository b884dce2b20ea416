"""Find the counters for an order, or the cooperatives' lots for a supermarket's."""

from __future__ import annotations

from sqlalchemy.orm import Session

from orders.bulk.allocate import allocate_at_origin, is_bulk
from orders.fulfilment.assign import route_order
from shop.clock import utcnow
from workers.topics import Payload, job


@job("order.route", queue="route")
def route(session: Session, payload: Payload) -> None:
    """Assign everything the order still waits for."""
    order_id = payload["order_id"]
    if is_bulk(session, order_id):
        allocate_at_origin(session, order_id, utcnow())
    else:
        route_order(session, order_id, utcnow())
