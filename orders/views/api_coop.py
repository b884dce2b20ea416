"""The cooperative's part of the API: its stock by lot, receipts, counts and notices (counters have notices too)."""

from __future__ import annotations

import secrets
from typing import Any

import marshmallow as ma
from flask import request
from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range

from orders.coop_stock import lots_page, own_cooperative
from orders.notifications.inbox import acknowledge, find_notice, inbox
from orders.notifications.models import Notification
from orders.notifications.words import words_of
from orders.stock_batch import MOST_PACKS, MOST_ROWS, Row, apply_rows
from shop.accounts.policy import current_actor, own_cooperative_ids, own_counter_ids
from shop.api.blueprint import ApiBlueprint, door
from shop.api.idempotency import HEADER
from shop.api.schemas import Names, Paging, Strict, Text, Whole, page_of
from shop.clock import utcnow
from shop.db import db

api = ApiBlueprint("stock", __name__, description="A cooperative's stock and notices.")

ROW_ID = Length(1, 64)


class CooperativeQuery(Paging):
    """Whose stock, and what of it."""

    cooperative = Text(load_default="", metadata={"description": "Its code; needed by who works for several"})
    sku = Text(load_default="")


class LotIn(Strict):
    """Packs of a lot. The day of production and best-before go with receipts."""

    sku = Text(required=True, validate=Length(1, 60))
    lot = Text(required=True, validate=Length(1, 40))
    quantity = Whole(required=True, validate=Range(0, MOST_PACKS))


class CountIn(LotIn):
    """What was counted of a lot in the store."""

    cooperative = Text(load_default="")


class ReceiptIn(LotIn):
    """A lot that came into the store; best-before follows from the shelf life where it is left out."""

    quantity = Whole(required=True, validate=Range(1, MOST_PACKS))
    produced_on = fields.Date(required=True)
    best_before = fields.Date()
    cooperative = Text(load_default="")


class RowIn(LotIn):
    """One row of a batch. `id` is yours; a row with an id that was told before changes nothing."""

    id = Text(required=True, validate=ROW_ID)
    kind = fields.String(load_default="receipt", validate=OneOf(["receipt", "count"]))
    produced_on = fields.Date()
    best_before = fields.Date()


class BatchIn(Strict):
    """Many rows, taken together or not at all."""

    rows = fields.List(fields.Nested(RowIn), required=True, validate=Length(1, MOST_ROWS))
    cooperative = Text(load_default="")


class AppliedOut(Strict):
    """What became of the rows."""

    applied = fields.Integer(required=True)
    repeated = fields.Integer(required=True, metadata={"description": "Told before, or changing nothing"})


class LotOut(Strict):
    """A lot in the store: packs there, packs of them that are promised."""

    sku = fields.String(required=True)
    names = fields.Nested(Names, required=True)
    lot = fields.String(required=True)
    produced_on = fields.Date(required=True)
    best_before = fields.Date(required=True)
    sellable = fields.Boolean(required=True)
    on_hand = fields.Integer(required=True)
    reserved = fields.Integer(required=True)
    in_wuhan = fields.Integer(required=True, metadata={"description": "Packs of the SKU standing at counters"})


class NoticeOut(Strict):
    """Something the cooperative or counter was told."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    acknowledged_at = fields.DateTime(allow_none=True)
    acknowledged_by = fields.String(allow_none=True)
    data = fields.Dict(required=True)
    title = fields.Function(lambda notice: words_of(db.session(), notice).title, required=True)
    text = fields.Function(lambda notice: words_of(db.session(), notice).lead, required=True)


class NoticeQuery(Paging):
    """Which notices."""

    unseen = fields.Boolean(load_default=False, metadata={"description": "Only those nobody has acknowledged"})


StockPage = page_of(LotOut, "StockPage")
NoticePage = page_of(NoticeOut, "NoticePage")


def row_key() -> str:
    """What makes a single report count once: the caller's key, else a new one."""
    return request.headers.get(HEADER) or secrets.token_urlsafe(16)


def report(rows: list[Row], cooperative: str) -> Any:
    """Write rows into the store of one's own cooperative."""
    mine = own_cooperative(db.session(), own_cooperative_ids(), cooperative)
    return apply_rows(db.session(), mine, rows, current_actor(), utcnow())


@api.route("/stock")
@door("cooperative", scope="stock:read", refuses=(404, 422))
@api.arguments(CooperativeQuery, location="query", unknown=ma.RAISE)
@api.response(200, StockPage)
def stock(query: dict[str, Any]) -> dict[str, Any]:
    """Stock by lot

    What the cooperative's own store holds, the lot that expires first on top of its SKU.
    """
    cooperative = own_cooperative(db.session(), own_cooperative_ids(), query["cooperative"])
    page, per_page = query["page"], query["per_page"]
    found, total = lots_page(db.session(), cooperative.id, query["sku"], page, per_page)
    return {"items": found, "page": page, "per_page": per_page, "total": total}


@api.route("/stock/receipts", methods=["POST"])
@door("cooperative", scope="stock:write", refuses=(404, 409, 422))
@api.arguments(ReceiptIn)
@api.creates(AppliedOut)
def receive(data: dict[str, Any]) -> Any:
    """Receive a lot

    Packs of a lot that came into the cooperative's store.
    """
    cooperative = data.pop("cooperative")
    return report([Row(0, row_key(), "receipt", **data)], cooperative)


@api.route("/stock/counts", methods=["POST"])
@door("cooperative", scope="stock:write", refuses=(404, 409, 422))
@api.arguments(CountIn)
@api.creates(AppliedOut)
def count(data: dict[str, Any]) -> Any:
    """Correct a count

    Sets what is there of a lot. Fewer packs than are promised send orders back to routing.
    """
    cooperative = data.pop("cooperative")
    return report([Row(0, row_key(), "count", **data)], cooperative)


@api.route("/stock/batch", methods=["POST"])
@door("cooperative", scope="stock:write", refuses=(404, 409, 422))
@api.arguments(BatchIn)
@api.creates(AppliedOut, 200)
def batch(data: dict[str, Any]) -> Any:
    """Receive and count many lots

    All rows or none: 422 `rows_refused` names every row at fault in `errors`. Safe to send again as a whole.
    """
    rows = [Row(index, row.pop("id"), row.pop("kind"), **row) for index, row in enumerate(data["rows"])]
    return report(rows, data["cooperative"])


@api.route("/notifications")
@door("cooperative", "counter", scope="notifications:read", refuses=(422,))
@api.arguments(NoticeQuery, location="query", unknown=ma.RAISE)
@api.response(200, NoticePage)
def notices(query: dict[str, Any]) -> dict[str, Any]:
    """Notices

    What one's cooperatives and counters were told, newest first.
    """
    page, per_page = query["page"], query["per_page"]
    found, total = inbox(
        db.session(), cooperative_ids=own_cooperative_ids(), counter_ids=own_counter_ids(),
        unseen_only=query["unseen"], page=page, per_page=per_page,
    )  # fmt: skip
    return {"items": found, "page": page, "per_page": per_page, "total": total}


@api.route("/notifications/<int:notification_id>/acknowledge", methods=["POST"])
@door("cooperative", "counter", scope="notifications:write", refuses=(404,))
@api.creates(NoticeOut, 200)
def seen(notification_id: int) -> Notification:
    """Acknowledge a notice

    The first to say so stays written down.
    """
    find_notice(db.session(), notification_id, cooperative_ids=own_cooperative_ids(), counter_ids=own_counter_ids())
    return acknowledge(db.session(), notification_id, current_actor())
