"""Tell the machines of a cooperative or an organisation that something happened, in the transaction it happened in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from orders.webhooks.models import Webhook, WebhookDelivery
from shop.outbox import emit

PING = "webhook.ping"
# What may be subscribed to, and whom it is told.
EVENTS: dict[str, str] = {
    "order.confirmed": "organisation",
    "order.routed": "organisation, and cooperatives whose goods it takes",
    "order.preparing": "organisation",
    "order.ready": "organisation",
    "order.completed": "organisation",
    "order.cancelled": "organisation",
    "order.expired": "organisation",
    "fulfilment.ready": "organisation",
    "stock.low": "cooperative",
    "consignment.proposed": "cooperative",
    "consignment.dispatched": "cooperative",
    "consignment.received": "cooperative",
}


def announce(
    session: Session,
    event: str,
    key: str,
    tell: Callable[[], dict[str, Any]],
    *,
    cooperative_id: int | None = None,
    organisation_id: int | None = None,
) -> None:
    """Queue a message to every address of that party that wants this event; the same `key` again changes nothing.

    `tell` makes the message's data; it is asked only when somebody listens.
    """
    whose = (
        Webhook.cooperative_id == cooperative_id
        if cooperative_id is not None
        else Webhook.organisation_id == organisation_id
    )
    wanted = select(Webhook.id).where(
        whose, Webhook.events.contains([event]), Webhook.verified_at.is_not(None), Webhook.disabled_at.is_(None)
    )
    listening = session.execute(wanted.order_by(Webhook.id)).scalars().all()
    data = tell() if listening else {}
    for webhook_id in listening:
        queue_message(session, webhook_id, event, key, data)


def queue_message(session: Session, webhook_id: int, event: str, key: str, data: dict[str, Any]) -> None:
    """One message to one address, once per key."""
    statement = (
        insert(WebhookDelivery)
        .values(webhook_id=webhook_id, event=event, dedupe_key=key, data=data)
        .on_conflict_do_nothing(index_elements=["webhook_id", "event", "dedupe_key"])
        .returning(WebhookDelivery.id)
    )
    delivery_id = session.scalar(statement)
    if delivery_id is not None:
        emit(session, "webhook.deliver", str(delivery_id), {"delivery_id": delivery_id})
