"""Keep a party's webhooks: make, verify, change the secret, switch on and off, send again."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from orders.webhooks.announce import PING, queue_message
from orders.webhooks.models import Webhook, WebhookDelivery
from shop import audit
from shop.audit import Actor
from shop.errors import Invalid, NotFound
from shop.outbox import emit
from shop.outgoing import UnsafeAddress, check_url
from shop.signing import derive

MOST_WEBHOOKS = 10
BOTH_SECRETS_FOR = timedelta(hours=24)


def secret_of(webhook: Webhook, version: int | None = None) -> str:
    """The signing secret as its receiver keeps it: whsec_ and 32 bytes in base64."""
    key = derive("webhook", f"{webhook.id}:{version or webhook.secret_version}")
    return "whsec_" + base64.b64encode(key).decode()


def secrets_now(webhook: Webhook, now: datetime) -> list[str]:
    """The secrets a message is signed with: the newest, and for a day after a change the one before."""
    found = [secret_of(webhook)]
    changed = webhook.secret_changed_at
    if changed is not None and now - changed < BOTH_SECRETS_FOR:
        found.append(secret_of(webhook, webhook.secret_version - 1))
    return found


def owned_by(cooperative_ids: Collection[int] | None, organisation_ids: Collection[int] | None) -> ColumnElement[bool]:
    """Webhooks of these parties; None stands for all of them (the office)."""
    return or_(
        Webhook.cooperative_id.is_not(None) if cooperative_ids is None else Webhook.cooperative_id.in_(cooperative_ids),
        Webhook.organisation_id.is_not(None)
        if organisation_ids is None
        else Webhook.organisation_id.in_(organisation_ids),
    )


def webhooks_of(session: Session, mine: ColumnElement[bool]) -> Sequence[Webhook]:
    """These parties' webhooks, in the order they were made."""
    return session.execute(select(Webhook).where(mine).order_by(Webhook.id)).scalars().all()


def find_webhook(session: Session, webhook_id: int, mine: ColumnElement[bool]) -> Webhook:
    """One of these parties' webhooks, locked. Raises NotFound for everybody else's."""
    statement = select(Webhook).where(mine, Webhook.id == webhook_id).with_for_update()
    webhook = session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()
    if webhook is None:
        raise NotFound()
    return webhook


def make_webhook(
    session: Session,
    url: str,
    events: Sequence[str],
    actor: Actor,
    *,
    to_loopback: bool,
    cooperative_id: int | None = None,
    organisation_id: int | None = None,
) -> Webhook:
    """A new address, pinged at once. Raises Invalid for an address we would not call, or for one too many."""
    try:
        check_url(url, to_loopback=to_loopback)
    except UnsafeAddress as error:
        raise Invalid(errors=[{"field": "url", "message": str(error)}]) from None
    owner = {"cooperative_id": cooperative_id, "organisation_id": organisation_id}
    many = select(func.count()).select_from(Webhook).filter_by(**owner)
    if (session.scalar(many) or 0) >= MOST_WEBHOOKS:
        raise Invalid(_l("There are %(most)d webhooks already", most=MOST_WEBHOOKS))
    webhook = Webhook(url=url, events=sorted(set(events)), created_by=actor.user_id, **owner)
    session.add(webhook)
    session.flush()
    audit.record(session, actor, "webhook.made", "webhook", webhook.id, after={"url": url, "events": webhook.events})
    ping(session, webhook)
    return webhook


def ping(session: Session, webhook: Webhook) -> None:
    """Ask the address to answer once, so that nothing is sent to somebody who never asked for it."""
    queue_message(session, webhook.id, PING, secrets.token_hex(8), {"events": webhook.events})


def change_secret(session: Session, webhook: Webhook, actor: Actor, now: datetime) -> str:
    """A new secret; messages bear both signatures for a day."""
    webhook.secret_version += 1
    webhook.secret_changed_at = now
    audit.record(session, actor, "webhook.secret_changed", "webhook", webhook.id)
    session.flush()
    return secret_of(webhook)


def disable(session: Session, webhook: Webhook, reason: str, actor: Actor, now: datetime) -> None:
    """Send nothing more, and let whoever made it know."""
    if webhook.disabled_at is not None:
        return
    webhook.disabled_at, webhook.disabled_reason = now, reason
    audit.record(session, actor, "webhook.disabled", "webhook", webhook.id, after={"reason": reason})
    if webhook.created_by is not None:
        key = f"webhook:{webhook.id}:{int(now.timestamp())}"
        emit(session, "account.mail", key, {"kind": "webhook_off", "user_id": webhook.created_by})
    session.flush()


def enable(session: Session, webhook: Webhook, actor: Actor) -> None:
    """Send again; the address has to answer a ping first."""
    webhook.disabled_at = webhook.disabled_reason = webhook.verified_at = None
    audit.record(session, actor, "webhook.enabled", "webhook", webhook.id)
    session.flush()
    ping(session, webhook)


def remove(session: Session, webhook: Webhook, actor: Actor) -> None:
    """Forget the address and what was sent to it."""
    audit.record(session, actor, "webhook.removed", "webhook", webhook.id, before={"url": webhook.url})
    session.delete(webhook)
    session.flush()


def deliveries(session: Session, webhook_id: int, page: int, per_page: int) -> tuple[Sequence[WebhookDelivery], int]:
    """One page of what was sent, newest first, and how many messages there are."""
    sent = WebhookDelivery.webhook_id == webhook_id
    total = session.scalar(select(func.count()).select_from(WebhookDelivery).where(sent)) or 0
    statement = select(WebhookDelivery).where(sent).order_by(WebhookDelivery.id.desc())
    return session.execute(statement.limit(per_page).offset((page - 1) * per_page)).scalars().all(), total


def send_again(session: Session, webhook_id: int, delivery_id: int) -> WebhookDelivery:
    """Send a message once more under the same id, so that its receiver can tell. Raises NotFound."""
    delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.webhook_id != webhook_id:
        raise NotFound()
    key = f"{delivery.id}:again:{delivery.attempts}"
    emit(session, "webhook.deliver", key, {"delivery_id": delivery.id})
    return delivery
