"""Find the counters for orders, or the cooperatives' lots for a supermarket's; again when the day changes."""

from __future__ import annotations

from sqlalchemy.orm import Session

from orders.bulk.allocate import allocate_at_origin, bulk_orders
from orders.fulfilment.assign import route_order, route_orders
from orders.fulfilment.backlog import route_backlog
from orders.fulfilment.replan import counter_changed
from orders.fulfilment.trial import go_on
from shop.clock import utcnow
from shop.db import db
from shop.outbox import Job
from workers.topics import GiveUp, Outside, Payload, job, outside_job


def route_waiting(session: Session, order_ids: list[int], rest: Payload) -> None:
    """What `route` does, for consumers' orders that wait: read once, each planned with what the earlier ones left."""
    if bulk_orders(session, order_ids):
        raise GiveUp("supermarkets' orders are not planned in company")
    route_orders(session, order_ids, utcnow(), rest.get("why", "placed"))


@job("order.route", queue="route", together=route_waiting)
def route(session: Session, payload: Payload) -> None:
    """Assign everything the order still waits for."""
    order_id = payload["order_id"]
    if bulk_orders(session, [order_id]):
        allocate_at_origin(session, order_id, utcnow())
    else:
        route_order(session, order_id, utcnow(), payload.get("why", "placed"))


@job("orders.route", queue="route")
def route_several(session: Session, payload: Payload) -> None:
    """The same for some orders in one transaction."""
    route_orders(session, payload["order_ids"], utcnow(), payload["why"])


@job("counter.changed", queue="route")
def look_at_counter(session: Session, payload: Payload) -> None:
    """A counter's days or freezers are not what its work was planned by."""
    mark = f"counter:{payload['counter_id']}:{utcnow().timestamp()}"
    counter_changed(session, payload["counter_id"], payload["why"], mark)


@job("routing.trial", queue="bulk")
def try_weights(session: Session, payload: Payload) -> None:
    """The next few orders of a trial of other weights."""
    go_on(session, payload["trial_id"])


@outside_job("backlog.route", queue="bulk")
def route_together(_session: Session, job: Job) -> Outside | None:
    """Many orders at once; they are planned with no transaction open and written in several."""
    order_ids, why = job.payload.get("order_ids"), job.payload["why"]

    def plan() -> None:
        route_backlog(db.session(), order_ids, utcnow(), why)

    return plan
