"""Talk to the payment provider: work on what it told, and tell it of refunds."""

from __future__ import annotations

from sqlalchemy.orm import Session

from orders.payments.events import work_on_event
from orders.payments.gateway import PaymentGateway
from orders.payments.providers import payment_gateway
from orders.payments.refunds import push_refund
from shop.db import db
from shop.outbox import Job
from workers.topics import GiveUp, Outside, outside_job

# A provider may be away for a night: fourteen tries take about seventeen hours.
TRIES = 14


def provider() -> PaymentGateway:
    """The provider. Raises GiveUp in a shop that has none."""
    gateway = payment_gateway()
    if gateway is None:
        raise GiveUp("no payment provider is set (STRIPE_SECRET_KEY)")
    return gateway


@outside_job("payment.event", queue="notify", tries=TRIES)
def event_came(_session: Session, job: Job) -> Outside | None:
    """Look at what an event speaks of."""
    gateway, event_ref = provider(), job.payload["event_ref"]
    return lambda: work_on_event(db.session(), gateway, event_ref)


@outside_job("refund.push", queue="notify", tries=TRIES)
def refund_decided(_session: Session, job: Job) -> Outside | None:
    """Give money back."""
    gateway, refund_id = provider(), job.payload["refund_id"]
    return lambda: push_refund(db.session(), gateway, refund_id)
