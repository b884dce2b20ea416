"""Send the messages to the machines of cooperatives and organisations, and keep the log of it."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from orders.webhooks.announce import PING
from orders.webhooks.models import Webhook, WebhookDelivery
from orders.webhooks.service import disable, secrets_now
from shop.audit import Actor
from shop.clock import utcnow
from shop.config import Settings
from shop.db import db, in_transaction
from shop.outbox import Job
from workers.channels.webhook import NotDelivered, body_of, deliver, headers_of
from workers.topics import GiveUp, Later, Outside, outside_job

MESSENGER = Actor("messenger")
GONE = 410
# Standard Webhooks 1.0: ten tries in 75 hours and a half, so that a weekend's outage loses nothing.
PAUSES = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)


@outside_job("webhook.deliver", queue="webhook", tries=len(PAUSES) + 1, pauses=PAUSES)
def deliver_message(session: Session, job: Job) -> Outside | None:
    """One try of one message."""
    statement = (
        select(WebhookDelivery)
        .where(WebhookDelivery.id == job.payload["delivery_id"])
        .options(joinedload(WebhookDelivery.webhook))
    )
    delivery = session.execute(statement).scalar_one_or_none()
    if delivery is None or delivery.webhook.disabled_at is not None:
        return None
    settings: Settings = current_app.extensions["settings"]
    webhook, now = delivery.webhook, utcnow()
    body = body_of(delivery)
    headers = headers_of(delivery, body, secrets_now(webhook, now), now)
    return lambda: send_and_note(delivery.id, webhook.id, webhook.url, body, headers, settings.outgoing_to_loopback)


def send_and_note(
    delivery_id: int, webhook_id: int, url: str, body: bytes, headers: dict[str, str], to_loopback: bool
) -> None:
    """Call the address and write down what it said. Raises GiveUp, Later or NotDelivered for the job's own record."""
    try:
        status = deliver(url, body, headers, to_loopback=to_loopback)
    except NotDelivered as refusal:
        note(delivery_id, last_status=refusal.status or None, last_error=str(refusal))
        if refusal.status == GONE:
            in_transaction(db.session(), lambda: switch_off(webhook_id))
            raise GiveUp("the receiver says that it is gone (410)") from None
        if refusal.after is not None:
            raise Later(refusal.after, str(refusal)) from None
        raise
    note(delivery_id, last_status=status, last_error=None, delivered_at=func.now())


def note(delivery_id: int, **values: Any) -> None:
    """One more try in the message's log; the first success of a ping lets an address hear events."""

    def write() -> None:
        session = db.session()
        wanted = WebhookDelivery.id == delivery_id
        tried = {"attempts": WebhookDelivery.attempts + 1, "last_tried_at": func.now()}
        found = session.execute(
            update(WebhookDelivery)
            .where(wanted)
            .values(**tried, **values)
            .returning(WebhookDelivery.webhook_id, WebhookDelivery.event)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if found is not None and found.event == PING and "delivered_at" in values:
            session.execute(
                update(Webhook)
                .where(Webhook.id == found.webhook_id, Webhook.verified_at.is_(None))
                .values(verified_at=func.now())
                .execution_options(synchronize_session=False)
            )

    in_transaction(db.session(), write)


def switch_off(webhook_id: int) -> None:
    """The receiver wants no more."""
    session = db.session()
    webhook = session.get(Webhook, webhook_id, with_for_update=True, populate_existing=True)
    if webhook is not None:
        disable(session, webhook, "410", MESSENGER, utcnow())
