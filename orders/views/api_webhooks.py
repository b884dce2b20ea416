"""Webhooks of cooperatives and organisations: where their machines want to hear of events, and what was sent."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response, current_app
from marshmallow import fields
from marshmallow.validate import Length, OneOf
from sqlalchemy import select

from orders.coop_stock import own_cooperative
from orders.webhooks import service
from orders.webhooks.announce import EVENTS
from orders.webhooks.models import Webhook, WebhookDelivery
from shop.accounts.models import Organisation
from shop.accounts.policy import current_actor, own_cooperative_ids, own_organisation_ids
from shop.api.blueprint import ApiBlueprint, door
from shop.api.schemas import Paging, Strict, Text, page_of
from shop.clock import utcnow
from shop.config import Settings
from shop.db import db, in_transaction
from shop.errors import NotFound

api = ApiBlueprint(
    "webhooks",
    __name__,
    description="Addresses that hear of events, signed as Standard Webhooks 1.0. An address hears nothing but pings "
    "until it has answered one with a 2xx.",
)

ABOUT_EVENTS = "; ".join(f"`{event}`: {who}" for event, who in EVENTS.items())


class WebhookIn(Strict):
    """A new address, of a cooperative or an organisation one works for."""

    url = Text(required=True, validate=Length(1, 500), metadata={"example": "https://machine.example/hooks"})
    events = fields.List(
        fields.String(validate=OneOf(list(EVENTS))),
        required=True,
        validate=Length(1, len(EVENTS)),
        metadata={"description": ABOUT_EVENTS},
    )
    cooperative = Text(metadata={"description": "A cooperative's code"})
    organisation = Text(metadata={"description": "An organisation's code"})

    @ma.validates_schema
    def one_owner(self, data: dict[str, Any], **_: Any) -> None:
        """It belongs to one of the two."""
        if ("cooperative" in data) == ("organisation" in data):
            raise ma.ValidationError("Name a cooperative or an organisation.", "cooperative")


class WebhookOut(Strict):
    """An address and how it stands."""

    id = fields.Integer(required=True)
    url = fields.String(required=True)
    events = fields.List(fields.String(), required=True)
    verified_at = fields.DateTime(allow_none=True)
    disabled_at = fields.DateTime(allow_none=True)
    disabled_reason = fields.String(allow_none=True)
    created_at = fields.DateTime(required=True)


class WithSecretOut(WebhookOut):
    """The same with its signing secret, which is told only now."""

    secret = fields.String(required=True, metadata={"example": "whsec_…"})


class DeliveryOut(Strict):
    """One message and what became of it."""

    id = fields.Integer(required=True)
    message_id = fields.Function(lambda delivery: f"msg_{delivery.message_id.hex}", required=True)
    event = fields.String(required=True)
    data = fields.Dict(required=True)
    created_at = fields.DateTime(required=True)
    attempts = fields.Integer(required=True)
    last_status = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)
    last_tried_at = fields.DateTime(allow_none=True)
    delivered_at = fields.DateTime(allow_none=True)


WebhookPage = page_of(WebhookOut, "WebhookPage")
DeliveryPage = page_of(DeliveryOut, "DeliveryPage")


def mine() -> Any:
    """What tells this person's webhooks from others'."""
    return service.owned_by(own_cooperative_ids(), own_organisation_ids())


def own(webhook_id: int) -> Webhook:
    """One of this person's webhooks. Raises NotFound."""
    return service.find_webhook(db.session(), webhook_id, mine())


def owner_of(data: dict[str, Any]) -> dict[str, int]:
    """The party a new webhook belongs to. Raises NotFound when one does not work for it."""
    session = db.session()
    if "cooperative" in data:
        return {"cooperative_id": own_cooperative(session, own_cooperative_ids(), data["cooperative"]).id}
    found = session.scalar(select(Organisation).where(Organisation.code == data["organisation"]))
    ids = own_organisation_ids()
    if found is None or (ids is not None and found.id not in ids):
        raise NotFound()
    return {"organisation_id": found.id}


def with_secret(webhook: Webhook) -> dict[str, Any]:
    """An address with its secret, before it is dumped."""
    shape = {name: getattr(webhook, name) for name in WebhookOut().fields}
    return shape | {"secret": service.secret_of(webhook)}


@api.route("/webhooks", methods=["GET"])
@door("buyer", "cooperative", scope="webhooks:write", refuses=(422,))
@api.arguments(Paging, location="query", unknown=ma.RAISE)
@api.response(200, WebhookPage)
def all_of_mine(query: dict[str, Any]) -> dict[str, Any]:
    """One's webhooks"""
    found = service.webhooks_of(db.session(), mine())
    page, per_page = query["page"], query["per_page"]
    items = found[(page - 1) * per_page : page * per_page]
    return {"items": items, "page": page, "per_page": per_page, "total": len(found)}


@api.route("/webhooks", methods=["POST"])
@door("buyer", "cooperative", scope="webhooks:write", refuses=(404, 409, 422))
@api.arguments(WebhookIn)
@api.creates(WithSecretOut)
def make(data: dict[str, Any]) -> dict[str, Any]:
    """Make a webhook

    The address is pinged at once; keep the `secret`, it is told only now. Only https on the open internet is called.
    """
    settings: Settings = current_app.extensions["settings"]
    webhook = service.make_webhook(
        db.session(), data["url"], data["events"], current_actor(),
        to_loopback=settings.outgoing_to_loopback, **owner_of(data),
    )  # fmt: skip
    return with_secret(webhook)


@api.route("/webhooks/<int:webhook_id>", methods=["GET"])
@door("buyer", "cooperative", scope="webhooks:write", refuses=(404,))
@api.response(200, WebhookOut)
def one(webhook_id: int) -> Webhook:
    """One webhook"""
    return own(webhook_id)


@api.route("/webhooks/<int:webhook_id>", methods=["DELETE"])
@door("buyer", "cooperative", scope="webhooks:write", refuses=(404,))
@api.response(204)
def remove_one(webhook_id: int) -> Response:
    """Forget a webhook

    With the log of what was sent to it.
    """
    in_transaction(db.session(), lambda: service.remove(db.session(), own(webhook_id), current_actor()))
    return Response(status=204)


@api.route("/webhooks/<int:webhook_id>/secret", methods=["POST"])
@door("buyer", "cooperative", scope="webhooks:write", refuses=(404,))
@api.creates(WithSecretOut, 200)
def new_secret(webhook_id: int) -> dict[str, Any]:
    """Change a webhook's secret

    For 24 hours messages bear a signature of the old one too.
    """
    webhook = own(webhook_id)
    service.change_secret(db.session(), webhook, current_actor(), utcnow())
    return with_secret(webhook)


@api.route("/webhooks/<int:webhook_id>/enable", methods=["POST"])
@door("buyer", "cooperative", scope="webhooks:write", refuses=(404,))
@api.creates(WebhookOut, 200)
def switch_on(webhook_id: int) -> Webhook:
    """Switch a webhook on again

    After its address answered 410; it has to answer a ping first.
    """
    webhook = own(webhook_id)
    service.enable(db.session(), webhook, current_actor())
    return webhook


@api.route("/webhooks/<int:webhook_id>/deliveries")
@door("buyer", "cooperative", scope="webhooks:write", refuses=(404, 422))
@api.arguments(Paging, location="query", unknown=ma.RAISE)
@api.response(200, DeliveryPage)
def deliveries_of(query: dict[str, Any], webhook_id: int) -> dict[str, Any]:
    """What was sent

    Newest first, kept for 30 days.
    """
    page, per_page = query["page"], query["per_page"]
    found, total = service.deliveries(db.session(), own(webhook_id).id, page, per_page)
    return {"items": found, "page": page, "per_page": per_page, "total": total}


@api.route("/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/again", methods=["POST"])
@door("buyer", "cooperative", scope="webhooks:write", refuses=(404,))
@api.creates(DeliveryOut, 202)
def again(webhook_id: int, delivery_id: int) -> WebhookDelivery:
    """Send a message again

    Under the same id, so that its receiver can tell.
    """
    return service.send_again(db.session(), own(webhook_id).id, delivery_id)
