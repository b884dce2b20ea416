"""The shapes of orders in the API: what is sent to place one, what is read of one."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields
from marshmallow.validate import Email, Length, OneOf, Range

from orders.checkout import MOST_LINES
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.queue import masked
from orders.phones import is_phone, plain_phone
from orders.record import OrderRecord
from orders.states import FulfilmentRole, FulfilmentStatus, OrderStatus
from shop.api.schemas import ByWeightOut, Names, Paging, Strict, Text, Whole, page_of
from shop.i18n import LOCALES

MOST_PACKS = 99_999
ORDER_STATUS = OneOf([one.value for one in OrderStatus])
WAYS_TO_PAY = OneOf(["at_counter", "stripe", "on_account"])


class Phone(Text):
    """A Chinese phone number."""

    default_error_messages = {"phone": "A mobile has 11 digits, a landline an area code, as in 027-88881234."}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not is_phone(text):
            raise self.make_error("phone")
        return plain_phone(text)


class LineIn(Strict):
    """Packs wanted of a SKU."""

    sku = Text(required=True, validate=Length(1, 60))
    quantity = Whole(required=True, validate=Range(1, MOST_PACKS))


class ContactIn(Strict):
    """Who to tell."""

    name = Text(required=True, validate=Length(1, 80))
    phone = Phone(required=True)
    email = Text(load_default="", validate=lambda text: text == "" or Email()(text))
    locale = fields.String(load_default="zh", validate=OneOf(list(LOCALES)))


class AddressIn(Strict):
    """A place in Wuhan."""

    district = Text(required=True, validate=Length(1, 20), metadata={"example": "武昌区"})
    street = Text(required=True, validate=Length(1, 200))
    lat = fields.Float(validate=Range(-90, 90), allow_nan=False)
    lng = fields.Float(validate=Range(-180, 180), allow_nan=False)

    @ma.validates_schema
    def whole_place(self, data: dict[str, Any], **_: Any) -> None:
        """A position has both parts."""
        if ("lat" in data) != ("lng" in data):
            raise ma.ValidationError("Give lat and lng, or neither.", "lat")


class FulfilmentIn(Strict):
    """How the customer gets it: `counter` with pickup, `address` with delivery."""

    method = fields.String(required=True, validate=OneOf(["pickup", "delivery"]))
    counter = Text(validate=Length(1, 40), metadata={"description": "A counter's code, with pickup"})
    address = fields.Nested(AddressIn, metadata={"description": "With delivery"})

    @ma.validates_schema
    def fits_method(self, data: dict[str, Any], **_: Any) -> None:
        """What belongs to the method is there, and nothing else."""
        wanted, other = ("counter", "address") if data["method"] == "pickup" else ("address", "counter")
        if wanted not in data:
            raise ma.ValidationError("Missing data for required field.", wanted)
        if other in data:
            raise ma.ValidationError(f"Does not go with {data['method']}.", other)


class PaymentIn(Strict):
    """How it is paid."""

    method = fields.String(required=True, validate=WAYS_TO_PAY)


class OrderIn(Strict):
    """An order to place."""

    lines = fields.List(fields.Nested(LineIn), required=True, validate=Length(1, MOST_LINES))
    contact = fields.Nested(ContactIn, required=True)
    fulfilment = fields.Nested(FulfilmentIn, required=True)
    payment = fields.Nested(PaymentIn, required=True)
    note = Text(load_default="", validate=Length(max=500))
    organisation = Text(validate=Length(1, 40), metadata={"description": "The organisation's code, on account"})
    po_number = Text(validate=Length(1, 60), metadata={"description": "On account: your number for it"})
    needed_by = fields.Date(metadata={"description": "On account: the day it must stand at the counter"})
    expected_total_fen = Whole(
        validate=Range(0), metadata={"description": "Refuse the order (409 price_changed) if it comes to another total"}
    )

    @ma.validates_schema
    def on_account_only(self, data: dict[str, Any], **_: Any) -> None:
        """What belongs to organisations goes with orders on account."""
        if data["payment"]["method"] != "on_account":
            for name in ("organisation", "po_number", "needed_by"):
                if name in data:
                    raise ma.ValidationError("Goes with payment on_account only.", name)

    @ma.validates("lines")
    def each_sku_once(self, lines: list[dict[str, Any]], **_: Any) -> None:
        """A SKU stands on one line."""
        seen: set[str] = set()
        for index, line in enumerate(lines):
            sku = line.get("sku")  # a line that is at fault itself comes without
            if sku in seen:
                raise ma.ValidationError({index: {"sku": ["Stands on an earlier line already."]}})
            if sku is not None:
                seen.add(sku)


class LineOut(Strict):
    """A line of an order; `cancelled` packs could not be given and are not charged.

    Of goods sold by weight, `price_fen` is the most a pack can cost. That is charged at first; once `weighed_packs` of
    them were weighed, `total_fen` is what they cost, and the difference goes back.
    """

    sku = fields.String(required=True, attribute="sku.code")
    names = fields.Nested(Names, required=True, attribute="sku.product.names")
    quantity = fields.Integer(required=True)
    cancelled = fields.Integer(required=True)
    price_fen = fields.Integer(required=True)
    total_fen = fields.Integer(required=True)
    by_weight = fields.Nested(ByWeightOut, required=True, allow_none=True)
    weighed_packs = fields.Integer(required=True)
    weighed_g = fields.Integer(required=True, metadata={"description": "What they weigh in all, in grams"})


class PackOut(Strict):
    """Packs of one lot for one SKU; `grams` of each once they were weighed."""

    sku = fields.String(required=True, attribute="line.sku.code")
    lot = fields.String(required=True, attribute="level.lot.code")
    best_before = fields.Date(required=True, attribute="level.lot.best_before")
    quantity = fields.Integer(required=True)
    by_weight = fields.Nested(ByWeightOut, required=True, attribute="line.by_weight", allow_none=True)
    grams = fields.Function(lambda pack: [one.grams for one in pack.weights], required=True)


class PartOut(Strict):
    """The part of an order that one counter does."""

    id = fields.Integer(required=True)
    counter = fields.String(required=True, attribute="counter.code")
    role = fields.String(required=True, validate=OneOf([one.value for one in FulfilmentRole]))
    status = fields.String(required=True, validate=OneOf([one.value for one in FulfilmentStatus]))
    due_at = fields.DateTime(required=True)
    packs = fields.Method("packs_of", required=True)

    def packs_of(self, part: Fulfilment) -> list[dict[str, Any]]:
        """What the counter gives, without what was taken back."""
        return PackOut(many=True).dump([one for one in part.allocations if one.state != "released"])  # type: ignore[no-any-return]


class QueuePartOut(PartOut):
    """A part as its counter sees it; `customer` is an initial and the last digits of the phone."""

    order = fields.String(required=True, attribute="order.number")
    customer = fields.Function(
        lambda part: masked(part.order.contact.name, part.order.contact.phone) if part.order.contact else ""
    )


class EventOut(Strict):
    """One step of an order's life."""

    at = fields.DateTime(required=True)
    kind = fields.String(required=True, metadata={"example": "order.routed"})


class PaymentOut(Strict):
    """Where the money stands."""

    method = fields.String(required=True, validate=WAYS_TO_PAY)
    status = fields.String(required=True)
    paid_fen = fields.Integer(required=True)
    refunded_fen = fields.Integer(required=True)
    returning_fen = fields.Integer(required=True, metadata={"description": "On its way back to the customer"})
    intent = fields.String(required=True, allow_none=True, metadata={"description": "The provider's id of the payment"})
    expires_at = fields.DateTime(required=True, allow_none=True, metadata={"description": "While it waits for money"})


class PlacedPaymentOut(PaymentOut):
    """With what the customer's browser needs to pay."""

    client_secret = fields.String(required=True, allow_none=True)


class AwaitedOut(Strict):
    """Packs that come with the next delivery; without a day while another way to them is looked for."""

    sku = fields.String(required=True)
    packs = fields.Integer(required=True)
    expected_on = fields.Date(required=True, allow_none=True)


class OrderSummaryOut(Strict):
    """An order in a list."""

    number = fields.String(required=True)
    kind = fields.String(required=True, validate=OneOf(["retail", "bulk"]))
    status = fields.String(required=True, validate=ORDER_STATUS)
    method = fields.String(required=True, validate=OneOf(["pickup", "delivery"]))
    placed_at = fields.DateTime(required=True, attribute="created_at")
    total_fen = fields.Integer(required=True)


class ContactOut(Strict):
    """Who is told, and where it is brought."""

    name = fields.String(required=True)
    phone = fields.String(required=True)
    email = fields.String(required=True)
    district = fields.String(required=True)
    street = fields.String(required=True)


class OrderOut(OrderSummaryOut):
    """An order with all that belongs to it."""

    number = fields.String(required=True, attribute="order.number")
    kind = fields.String(required=True, attribute="order.kind", validate=OneOf(["retail", "bulk"]))
    status = fields.String(required=True, attribute="order.status", validate=ORDER_STATUS)
    method = fields.String(required=True, attribute="order.method", validate=OneOf(["pickup", "delivery"]))
    placed_at = fields.DateTime(required=True, attribute="order.created_at")
    lines_fen = fields.Integer(required=True, attribute="order.lines_fen")
    delivery_fen = fields.Integer(required=True, attribute="order.delivery_fen")
    discount_fen = fields.Integer(required=True, attribute="order.discount_fen")
    total_fen = fields.Integer(required=True, attribute="order.total_fen")
    lines = fields.List(fields.Nested(LineOut), required=True, attribute="order.lines")
    awaited = fields.List(fields.Nested(AwaitedOut), required=True)
    contact = fields.Nested(ContactOut, attribute="order.contact", allow_none=True)
    note = fields.String(attribute="order.note")
    po_number = fields.String(attribute="order.po_number", allow_none=True)
    needed_by = fields.Date(attribute="order.needed_by", allow_none=True)
    counter = fields.String(
        attribute="order.pickup_counter.code", allow_none=True, metadata={"description": "With pickup"}
    )
    pickup_code = fields.String(allow_none=True, metadata={"description": "While it is of use"})
    collect_by = fields.DateTime(attribute="order.collect_by", allow_none=True)
    payment = fields.Nested(PaymentOut, required=True)
    fulfilments = fields.List(fields.Nested(PartOut), required=True)
    timeline = fields.List(fields.Nested(EventOut), required=True)
    can_cancel = fields.Boolean(required=True)


class PlacedOut(OrderOut):
    """The order that was placed; the key lets a guest follow it."""

    access_key = fields.String(required=True)
    payment = fields.Nested(PlacedPaymentOut, required=True)


class OrderQuery(Paging):
    """Which of one's orders."""

    status = fields.String(validate=ORDER_STATUS)


OrderPage = page_of(OrderSummaryOut, "OrderPage")


def placed(record: OrderRecord, key: str) -> dict[str, Any]:
    """A new order's shape before it is dumped."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__} | {"access_key": key}
