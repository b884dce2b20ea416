"""The counter's part of the API: its queue, and the steps of a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import marshmallow as ma
from marshmallow import fields
from marshmallow.validate import Length, OneOf
from sqlalchemy import select

from catalogue.models import Sku
from orders.fulfilment import steps
from orders.fulfilment.models import Fulfilment
from orders.models import OrderLine
from orders.record import counter_parts, part_record
from orders.states import OPEN_FULFILMENTS, FulfilmentStatus
from orders.views.api_shapes import QueuePartOut
from shop.accounts.policy import current_actor, own_counter_ids
from shop.api.blueprint import ApiBlueprint, door
from shop.api.schemas import Paging, Strict, Text, page_of
from shop.clock import utcnow
from shop.db import db
from shop.errors import Invalid

api = ApiBlueprint("fulfilments", __name__, description="A counter's queue and the steps of its parts.")


class PartQuery(Paging):
    """Which parts; without a status those that are open."""

    counter = Text(load_default="", metadata={"description": "A counter's code"})
    status = fields.String(validate=OneOf([one.value for one in FulfilmentStatus]))


class CodeIn(Strict):
    """What the customer shows."""

    code = Text(required=True, validate=Length(1, 40), metadata={"description": "Eight digits, spaces do not matter"})


class RejectIn(Strict):
    """What the counter cannot give, and why."""

    sku = Text(required=True, validate=Length(1, 60))
    reason = Text(required=True, validate=Length(1, 500))


PartPage = page_of(QueuePartOut, "PartPage")


def own(fulfilment_id: int) -> int:
    """A part of one's own counter. Raises NotFound."""
    return steps.find_part(db.session(), fulfilment_id, own_counter_ids()).id


def do(step: Callable[..., object], fulfilment_id: int, *more: object) -> Fulfilment:
    """Do a step of a part and show what it has become."""
    step(db.session(), fulfilment_id, *more, current_actor(), utcnow())
    return part_record(db.session(), fulfilment_id)


@api.route("/fulfilments")
@door("counter", scope="fulfilments:read", refuses=(422,))
@api.arguments(PartQuery, location="query", unknown=ma.RAISE)
@api.response(200, PartPage)
def queue(query: dict[str, Any]) -> dict[str, Any]:
    """A counter's queue

    By due time; with the packs to pick from each lot.
    """
    page, per_page = query["page"], query["per_page"]
    statuses = [query["status"]] if "status" in query else [one.value for one in OPEN_FULFILMENTS]
    found, total = counter_parts(db.session(), own_counter_ids(), query["counter"], statuses, page, per_page)
    return {"items": found, "page": page, "per_page": per_page, "total": total}


@api.route("/fulfilments/<int:fulfilment_id>/accept", methods=["POST"])
@door("counter", scope="fulfilments:write", refuses=(404, 409))
@api.creates(QueuePartOut, 200)
def accept(fulfilment_id: int) -> Fulfilment:
    """Accept a part"""
    return do(steps.accept, own(fulfilment_id))


@api.route("/fulfilments/<int:fulfilment_id>/ready", methods=["POST"])
@door("counter", scope="fulfilments:write", refuses=(404, 409))
@api.creates(QueuePartOut, 200)
def ready(fulfilment_id: int) -> Fulfilment:
    """Say that a part is picked and packed"""
    return do(steps.make_ready, own(fulfilment_id))


@api.route("/fulfilments/<int:fulfilment_id>/dispatch", methods=["POST"])
@door("counter", scope="fulfilments:write", refuses=(404, 409))
@api.creates(QueuePartOut, 200)
def dispatch(fulfilment_id: int) -> Fulfilment:
    """Say that a delivery or transfer has left"""
    return do(steps.dispatch, own(fulfilment_id))


@api.route("/fulfilments/<int:fulfilment_id>/receive", methods=["POST"])
@door("counter", scope="fulfilments:write", refuses=(404, 409))
@api.creates(QueuePartOut, 200)
def receive(fulfilment_id: int) -> Fulfilment:
    """Say that a transfer has arrived at one's counter"""
    return do(steps.receive_transfer, steps.find_coming(db.session(), fulfilment_id, own_counter_ids()).id)


@api.route("/fulfilments/<int:fulfilment_id>/hand-over", methods=["POST"])
@door("counter", scope="fulfilments:write", refuses=(404, 409, 422))
@api.arguments(CodeIn)
@api.creates(QueuePartOut, 200)
def hand_over(data: dict[str, Any], fulfilment_id: int) -> Fulfilment:
    """Hand over against the customer's code

    422 `wrong_code`; 409 `wrong_state` for what is not ready, or gone already.
    """
    return do(steps.hand_over, own(fulfilment_id), data["code"])


@api.route("/fulfilments/<int:fulfilment_id>/reject", methods=["POST"])
@door("counter", scope="fulfilments:write", refuses=(404, 409, 422))
@api.arguments(RejectIn)
@api.creates(QueuePartOut, 200)
def reject(data: dict[str, Any], fulfilment_id: int) -> Fulfilment:
    """Reject a line

    Its packs go back to routing, which will not ask this counter for them again.
    """
    part = steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    wanted = select(OrderLine.id).join(Sku).where(OrderLine.order_id == part.order_id, Sku.code == data["sku"])
    line_id = db.session.scalar(wanted)
    if line_id is None:
        raise Invalid(errors=[{"field": "sku", "message": "This order has no such SKU."}])
    return do(steps.reject_line, part.id, line_id, data["reason"])
