"""Orders for machines: placing, following, cancelling."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask import current_app, request
from sqlalchemy import select

from catalogue.models import Counter, Sku
from orders.access import access_key, check_access_key
from orders.bulk.place import BulkWish, place_bulk_order
from orders.bulk.quick_order import WantedRow, quick_lines
from orders.checkout import (
    Contact,
    Delivery,
    DraftLine,
    OrderDraft,
    Pickup,
    counter_of,
    hold_stock,
    on_sale,
    write_order,
)
from orders.history import find_order
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.payments.paying import begin_if_possible
from orders.payments.providers import payment_gateway
from orders.payments.sync import close_before_cancelling
from orders.record import OrderRecord, order_record, own_orders, placed_record
from orders.views.api_shapes import OrderIn, OrderOut, OrderPage, OrderQuery, PlacedOut, placed
from shop.accounts.models import Organisation, RoleName
from shop.accounts.policy import current_actor, current_person, has_role
from shop.api.blueprint import ACCESS_PARAMETER, ApiBlueprint, door
from shop.clock import utcnow
from shop.db import db
from shop.errors import Invalid, NotFound, NotSignedIn

api = ApiBlueprint("orders", __name__, description="Placing orders and following them.")


def own_organisation_list() -> list[int]:
    """The organisations this person is a member of; the office is a member of none."""
    person = current_person()
    members = person.memberships if person is not None else []
    return [one.organisation_id for one in members if one.organisation_id is not None]


def readable(number: str) -> Order:
    """The order, for its owner's token, its access key or the office. Raises NotFound for everybody else."""
    order = find_order(db.session(), number)
    if order is None:
        raise NotFound()
    key = request.headers.get("X-Access-Key") or request.args.get("access_key", "")
    if key and check_access_key(order.number, key):
        return order
    person = current_person()
    if person is not None and (
        order.user_id == person.id
        or order.organisation_id in own_organisation_list()
        or has_role(RoleName.OFFICE.value)
    ):
        return order
    raise NotFound()


def goods_wanted(lines: list[dict[str, Any]]) -> dict[str, Sku]:
    """The SKUs of the lines, by code. Raises Invalid naming each code that is not sold."""
    codes = [line["sku"] for line in lines]
    goods = on_sale(db.session(), codes)
    faults = [
        {"field": f"lines.{index}.sku", "sku": code, "message": "There is no such SKU on sale."}
        for index, code in enumerate(codes)
        if code not in goods
    ]
    if faults:
        raise Invalid(errors=faults)
    return goods


def place_wanted(fulfilment: Mapping[str, Any]) -> tuple[Pickup | Delivery, Counter | None]:
    """Where it goes, and the counter if it is collected. Raises Invalid for a counter that does not exist."""
    if fulfilment["method"] == "delivery":
        return Delivery(**fulfilment["address"]), None
    counter = counter_of(db.session(), fulfilment["counter"])
    if counter is None:
        raise Invalid(errors=[{"field": "fulfilment.counter", "message": "There is no such counter."}])
    return Pickup(counter.id), counter


def complete_payment(body: dict[str, Any]) -> None:
    """Begin the payment of an order placed to be paid online: what the customer's browser needs to pay it.

    When the provider is away the order stands without, and `GET /orders/{number}` has the rest later.
    """
    if body["payment"]["method"] != "stripe":
        return
    session = db.session()
    order_id = session.execute(select(Order.id).where(Order.number == body["number"])).scalar_one()
    seen = begin_if_possible(session, payment_gateway(), order_id, utcnow())
    if seen is not None:
        body["payment"] |= {"intent": seen.ref, "client_secret": seen.client_secret}


def close_payment_first(number: str) -> None:
    """An order that is cancelled must not be payable any more. Raises GatewayDown."""
    close_before_cancelling(db.session(), payment_gateway(), readable(number).id)


@api.route("/orders", methods=["POST"])
@door("anyone", scope="orders:write", refuses=(409, 422))
@api.arguments(OrderIn)
@api.creates(PlacedOut, after=complete_payment)
def place(data: dict[str, Any]) -> dict[str, Any]:
    """Place an order

    Holds the stock at once. 409 `insufficient_stock` names in `errors` what is left of each SKU, and nothing is held.
    On account: whole cases for a counter, for an `organisation` the token's owner buys for; 409 `credit_exceeded`.
    """
    if data["payment"]["method"] == "stripe" and payment_gateway() is None:
        raise Invalid(errors=[{"field": "payment.method", "message": "This shop takes no money online yet."}])
    if data["payment"]["method"] == "on_account":
        ordered = place_on_account(data)
        return told_to_buyer(order_record(db.session(), ordered))
    person = current_person()
    goods = goods_wanted(data["lines"])
    way, counter = place_wanted(data["fulfilment"])
    draft = OrderDraft(
        lines=tuple(DraftLine(goods[line["sku"]].id, line["quantity"]) for line in data["lines"]),
        contact=Contact(**data["contact"]),
        fulfilment=way,
        payment_method=data["payment"]["method"],
        user_id=person.id if person is not None else None,
        note=data["note"],
        expected_total_fen=data.get("expected_total_fen"),
    )
    written = write_order(
        db.session(), draft, placement_key=new_key(), actor=current_actor(), now=utcnow(),
        goods={sku.id: sku for sku in goods.values()}, counter=counter,
    )  # fmt: skip
    told = told_to_buyer(placed_record(written))
    # Last: nothing more is to be done once the hot rows are locked.
    hold_stock(db.session(), draft)
    return told


def new_key() -> str:
    """What the order is placed under; repeating a request is the Idempotency-Key's matter."""
    return f"api:{secrets.token_urlsafe(24)}"


def told_to_buyer(record: OrderRecord) -> dict[str, Any]:
    """A new order with the key that opens it."""
    number = record.order.number
    current_app.logger.info("order placed", extra={"order": number})
    return placed(record, access_key(number))


def place_on_account(data: dict[str, Any]) -> Order:
    """A bulk order of one's organisation: whole cases, collected at a counter. Raises Invalid, NotSignedIn …"""
    session, person = db.session(), current_person()
    if person is None:
        raise NotSignedIn
    way, _counter = place_wanted(data["fulfilment"])
    code = data.get("organisation", "")
    organisation_id = session.scalar(select(Organisation.id).where(Organisation.code == code))
    faults = []
    if organisation_id is None:
        faults.append({"field": "organisation", "message": "Name the organisation that buys, by its code."})
    if isinstance(way, Delivery):
        faults.append({"field": "fulfilment.method", "message": "Orders on account go to a counter."})
    if faults or organisation_id is None:
        raise Invalid(errors=faults)
    wish = BulkWish(
        organisation_id=organisation_id,
        counter_code=data["fulfilment"]["counter"],
        po_number=data.get("po_number", ""),
        needed_by=data.get("needed_by"),
        note=data["note"],
        contact=Contact(**data["contact"]),
        expected_total_fen=data.get("expected_total_fen"),
    )
    lines = quick_lines(session, whole_cases(data["lines"]))
    return place_bulk_order(session, person, wish, lines, placement_key=new_key(), actor=current_actor(), now=utcnow())


def whole_cases(lines: list[dict[str, Any]]) -> list[WantedRow]:
    """Packs as cases. Raises Invalid naming each line that is not a number of whole cases, or not on sale."""
    cases = {code: sku.case_pack for code, sku in goods_wanted(lines).items()}
    faults = [
        {"field": f"lines.{index}.quantity", "sku": line["sku"], "case_pack": cases[line["sku"]],
         "message": f"Order whole cases of {cases[line['sku']]} packs."}
        for index, line in enumerate(lines)
        if line["quantity"] % cases[line["sku"]]
    ]  # fmt: skip
    if faults:
        raise Invalid(errors=faults)
    return [WantedRow(line["sku"], line["quantity"] // cases[line["sku"]]) for line in lines]


@api.route("/orders", methods=["GET"])
@door("signed_in", scope="orders:read", refuses=(422,))
@api.arguments(OrderQuery, location="query", unknown=ma.RAISE)
@api.response(200, OrderPage)
def mine(query: dict[str, Any]) -> dict[str, Any]:
    """One's own orders

    Newest first; with those of the organisations one buys for.
    """
    person = current_person()
    if person is None:
        raise NotSignedIn
    page, per_page = query["page"], query["per_page"]
    found, total = own_orders(db.session(), person.id, own_organisation_list(), query.get("status", ""), page, per_page)
    return {"items": found, "page": page, "per_page": per_page, "total": total}


@api.route("/orders/<number>")
@door("anyone", scope="orders:read", refuses=(404,))
@api.doc(parameters=[ACCESS_PARAMETER])
@api.response(200, OrderOut)
def read(number: str) -> OrderRecord:
    """One order

    For its owner: a token, or the `access_key` it was placed with.
    """
    return order_record(db.session(), readable(number))


@api.route("/orders/<number>/cancel", methods=["POST"])
@door("anyone", scope="orders:write", refuses=(404, 409))
@api.doc(parameters=[ACCESS_PARAMETER])
@api.creates(OrderOut, 200, before=close_payment_first)
def cancel(number: str) -> OrderRecord:
    """Cancel an order

    While nothing of it has left a counter; its stock is free again at once.
    """
    order = cancel_order(db.session(), readable(number).id, current_actor(), utcnow())
    return order_record(db.session(), order)
