"""The counter's part of the API: its queue, and the steps of a part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import marshmallow as ma
from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range
from sqlalchemy import select

from catalogue.by_weight import HEAVIEST_G
from catalogue.models import Sku
from orders.fulfilment import steps
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.weighing import Scale
from orders.models import OrderLine
from orders.record import counter_parts, part_record
from orders.states import OPEN_FULFILMENTS, FulfilmentStatus
from orders.views.api_shapes import QueuePartOut
from shop.accounts.policy import current_actor, own_counter_ids
from shop.api.blueprint import ApiBlueprint, door
from shop.api.schemas import Paging, Strict, Text, Whole, page_of
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


class WeightsIn(Strict):
    """Grams of every pack of one lot, as `packs` of the part names it."""

    sku = Text(required=True, validate=Length(1, 60))
    lot = Text(required=True, validate=Length(1, 80))
    grams = fields.List(Whole(validate=Range(1, HEAVIEST_G)), required=True, validate=Length(1, 99_999))


class ReadyIn(Strict):
    """The weights of what is sold by weight; nothing for a part without such goods."""

    weights = fields.List(fields.Nested(WeightsIn), load_default=list, validate=Length(max=1000))
    confirm_light = fields.Boolean(
        load_default=False, metadata={"description": "Packs lighter than their range were weighed again"}
    )


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
@door("counter", scope="fulfilments:write", refuses=(404, 409, 422))
@api.arguments(ReadyIn, required=False)
@api.creates(QueuePartOut, 200)
def ready(data: dict[str, Any], fulfilment_id: int) -> Fulfilment:
    """Say that a part is picked and packed

    With the grams of each pack of goods sold by weight; sent again with other grams, they are corrected until the
    part leaves. 422 `weights_missing`; 422 `light_packs` for a pack below its range unless `confirm_light` is true.
    """
    number = own(fulfilment_id)
    scale = scale_of(number, data)
    return do(partial(steps.make_ready, scale=scale), number)


def scale_of(fulfilment_id: int, data: dict[str, Any]) -> Scale | None:
    """The weights as sent, each lot's packs by their allocation; None when none were sent. Raises Invalid."""
    sent = data.get("weights") or []
    if not sent:
        return None
    places: dict[tuple[str, str], list[Allocation]] = defaultdict(list)
    for pack in part_record(db.session(), fulfilment_id).allocations:
        if pack.state == "reserved":
            places[pack.line.sku.code, pack.level.lot.code].append(pack)
    strange = [{"sku": one["sku"], "message": "This part has no such packs."} for one in sent
               if (one["sku"], one["lot"]) not in places]  # fmt: skip
    if strange:
        raise Invalid(errors=[{"field": "weights", **one} for one in strange])
    grams: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in sent:
        grams[one["sku"], one["lot"]] += one["grams"]
    shared: dict[int, list[int]] = {}
    for place, left in grams.items():
        for pack in places[place]:
            shared[pack.id] = left[: pack.quantity]
            del left[: pack.quantity]
        shared[places[place][-1].id] += left  # too many for the lot: refused as such
    return Scale(shared, data["confirm_light"])


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
