"""Turn what somebody wants into an order that holds its stock: one short transaction that cannot oversell."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, contains_eager, lazyload, load_only
from sqlalchemy.orm.attributes import set_committed_value

from catalogue.by_weight import terms_of
from catalogue.models import Counter, Product, Sku
from catalogue.stock.availability import promise
from catalogue.stock.models import Channel
from orders.bulk.credit import check_credit, lock_organisation
from orders.lifecycle import start_order, tell
from orders.models import DeliveryTariff, Order, OrderContact, OrderEvent
from orders.order_rows import write_rows
from orders.payments.methods import method_for
from orders.payments.sync import open_payment
from orders.pricing import PricedLine, Quote, Tariff, price
from orders.routing.problem import COLD, distance_m
from orders.states import OrderStatus
from shop import audit
from shop.audit import Actor
from shop.errors import DomainError, Invalid

MINUTES_TO_PAY = 30
MOST_LINES = 100
MOST_PACKS = 99_999
# No vowels and nothing that reads like something else on a small screen or over the phone.
NUMBER_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"


class CounterClosed(DomainError):
    """The chosen counter takes no orders."""

    code: ClassVar[str] = "counter_closed"
    title = _l("This counter takes no orders at present, please choose another")


class PriceChanged(DomainError):
    """The total is not what the customer saw; `errors` has the new one."""

    code: ClassVar[str] = "price_changed"
    title = _l("The price has changed, please look at the new total and order again")


class OutsideDeliveryArea(DomainError):
    """No counter delivers to that place."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "outside_delivery_area"
    title = _l("We do not deliver to this place yet, please collect at a counter")


@dataclass(frozen=True)
class DraftLine:
    """Packs wanted of a SKU."""

    sku_id: int
    quantity: int


@dataclass(frozen=True)
class Contact:
    """Who to tell; `email` may be empty."""

    name: str
    phone: str
    email: str = ""
    locale: str = "zh"


@dataclass(frozen=True)
class Pickup:
    """Collected at a counter."""

    counter_id: int


@dataclass(frozen=True)
class Delivery:
    """Brought to a place in Wuhan (WGS-84 when the position is known)."""

    district: str
    street: str
    lat: float | None = None
    lng: float | None = None


@dataclass(frozen=True)
class OrderDraft:
    """Everything an order is made from. `expected_total_fen` is what the customer was shown, if anything was;
    `means` how they would like to pay online (orders.payments.methods.MEANS).
    """

    lines: tuple[DraftLine, ...]
    contact: Contact
    fulfilment: Pickup | Delivery
    payment_method: str = "at_counter"
    user_id: int | None = None
    note: str = ""
    kind: str = "retail"
    organisation_id: int | None = None
    po_number: str | None = None
    needed_by: date | None = None
    expected_total_fen: int | None = None
    means: str | None = None


# The SKUs of an order as they are sold now, with what its answer says of them.
ON_SALE = (
    select(Sku)
    .join(Sku.product)
    .where(Sku.active, Product.active)
    .options(
        load_only(Sku.code, Sku.price_fen, Sku.storage, Sku.max_per_order, Sku.case_pack, Sku.per_kg_fen,
                  Sku.weight_from_g, Sku.weight_to_g),
        contains_eager(Sku.product).load_only(Product.names),
    )
    .execution_options(populate_existing=True)
)  # fmt: skip
ON_SALE_BY_ID = ON_SALE.where(Sku.id.in_(bindparam("sku_ids", expanding=True)))
ON_SALE_BY_CODE = ON_SALE.where(Sku.code.in_(bindparam("codes", expanding=True)))


def on_sale(session: Session, codes: Sequence[str]) -> dict[str, Sku]:
    """Those of these SKUs that are on sale, by code, with all that write_order() needs to know of them."""
    return {sku.code: sku for sku in session.scalars(ON_SALE_BY_CODE, {"codes": codes})}


def quote(session: Session, draft: OrderDraft) -> Quote:
    """Today's price of a draft. Raises Invalid with each line at fault."""
    return quote_of(session, draft, goods_of(session, draft))


def goods_of(session: Session, draft: OrderDraft) -> dict[int, Sku]:
    """The draft's SKUs that are on sale, by id."""
    return {sku.id: sku for sku in session.scalars(ON_SALE_BY_ID, {"sku_ids": [line.sku_id for line in draft.lines]})}


def quote_of(session: Session, draft: OrderDraft, goods: Mapping[int, Sku]) -> Quote:
    """Today's price of a draft of these goods (by SKU id).

    Raises Invalid for too few lines or too many, for goods named twice, and with each line at fault.
    """
    wanted = [line.sku_id for line in draft.lines]
    if not wanted or len(wanted) != len(set(wanted)) or len(wanted) > MOST_LINES:
        raise Invalid(_l("An order has 1 to 100 different goods"), errors=[{"field": "lines"}])
    faults: list[dict[str, object]] = []
    lines = []
    for sku_id, quantity in ((line.sku_id, line.quantity) for line in draft.lines):
        row = goods.get(sku_id)
        most = MOST_PACKS if draft.kind == "bulk" else row.max_per_order if row else 0
        if row is None:
            faults.append({"field": "lines", "sku_id": sku_id, "reason": "not_sold"})
        elif not 1 <= quantity <= most:
            faults.append({"field": "lines", "sku": row.code, "reason": "quantity", "most": most})
        elif draft.kind == "bulk" and quantity % row.case_pack:
            faults.append({"field": "lines", "sku": row.code, "reason": "cases", "case_pack": row.case_pack})
        else:
            terms = terms_of(row.per_kg_fen, row.weight_from_g, row.weight_to_g)
            lines.append(PricedLine(row.id, row.code, quantity, row.price_fen, row.storage in COLD, terms))
    if faults:
        raise Invalid(_l("Some goods cannot be ordered like this"), errors=faults)
    tariff = None if isinstance(draft.fulfilment, Pickup) else current_tariff(session)
    return price(lines, tariff)


def current_tariff(session: Session) -> Tariff:
    """The delivery tariff that applies now."""
    row = session.execute(select(DeliveryTariff).order_by(DeliveryTariff.id.desc()).limit(1)).scalar_one()
    return Tariff(row.fee_fen, row.cold_fee_fen, row.free_from_fen)


def place_order(session: Session, draft: OrderDraft, *, placement_key: str, actor: Actor, now: datetime) -> Order:
    """Turn a draft into an order that holds its stock; the same `placement_key` gives the same order again.

    Raises InsufficientStock (nothing is held), PriceChanged, CounterClosed, OutsideDeliveryArea, CreditExceeded,
    Invalid.
    """
    placed = write_order(session, draft, placement_key=placement_key, actor=actor, now=now)
    if placed.is_new:
        hold_stock(session, draft)
    return placed.order


def hold_stock(session: Session, draft: OrderDraft) -> None:
    """Promise the draft's packs: the last step before the commit, so that the hot rows are locked briefly.

    Raises InsufficientStock; the caller rolls the written order back.
    """
    promise(session, {line.sku_id: line.quantity for line in draft.lines}, channel_of(draft.kind))


@dataclass(frozen=True)
class Placed:
    """An order that was written, with the steps of its story; or an earlier one, with none."""

    order: Order
    story: tuple[OrderEvent, ...] = ()

    @property
    def is_new(self) -> bool:
        return bool(self.story)


def write_order(
    session: Session,
    draft: OrderDraft,
    *,
    placement_key: str,
    actor: Actor,
    now: datetime,
    goods: Mapping[int, Sku] | None = None,
    counter: Counter | None = None,
) -> Placed:
    """All of an order but its stock, which hold_stock() must take in the same transaction if it is new.

    Who has read the SKUs (on_sale) and the counter (counter_of) in this very transaction hands them on, the `goods` by
    id. Raises what place_order raises, but InsufficientStock.
    """
    if draft.kind == "bulk":
        earlier = bulk_order_placed_with(session, draft, placement_key)
        if earlier is not None:
            return Placed(earlier)
    if goods is None:
        goods = goods_of(session, draft)
    offer = quote_of(session, draft, goods)
    if draft.expected_total_fen is not None and draft.expected_total_fen != offer.total_fen:
        raise PriceChanged(errors=[{"total_fen": offer.total_fen}])
    counter = check_fulfilment(session, draft.fulfilment, counter)
    if draft.organisation_id is not None:
        check_credit(session, lock_organisation(session, draft.organisation_id), offer.total_fen)
    order, is_new = insert_order(session, draft, offer, placement_key, now)
    if not is_new:
        return Placed(order)
    set_committed_value(order, "pickup_counter", counter)
    for line in order.lines:
        set_committed_value(line, "sku", goods[line.sku_id])
    story = tell(session, order, f"order.{order.status}")
    audit.record(session, actor, "order.placed", "order", order.id, after={"status": order.status})
    if order.status == OrderStatus.CONFIRMED:
        start_order(session, order, "placed")
    else:
        open_payment(session, order, draft.means, now)
    return Placed(order, (story,))


def bulk_order_placed_with(session: Session, draft: OrderDraft, placement_key: str) -> Order | None:
    """Lock the organisation, then look: an order sent twice must not be measured against the credit it used itself.

    Raises Invalid when nobody pays on account.
    """
    if draft.organisation_id is None:
        raise Invalid(_l("This way of paying is not offered"), errors=[{"field": "payment"}])
    lock_organisation(session, draft.organisation_id)
    return session.execute(select(Order).where(Order.placement_key == placement_key)).scalar_one_or_none()


def channel_of(kind: str) -> Channel:
    """Consumers buy what stands in Wuhan, supermarkets what stands at the cooperatives."""
    return Channel.ORIGIN if kind == "bulk" else Channel.COUNTERS


COUNTER = (
    select(Counter)
    .options(load_only(Counter.code, Counter.active), lazyload(Counter.hours))
    .execution_options(populate_existing=True)
)
COUNTER_BY_ID = COUNTER.where(Counter.id == bindparam("counter_id"))
COUNTER_BY_CODE = COUNTER.where(Counter.code == bindparam("code"))


def counter_of(session: Session, code: str) -> Counter | None:
    """The counter of that code, with all that write_order() needs to know of it."""
    return session.scalar(COUNTER_BY_CODE, {"code": code})


def check_fulfilment(session: Session, fulfilment: Pickup | Delivery, counter: Counter | None = None) -> Counter | None:
    """The counter of a pickup, read unless it is handed in.

    Raises CounterClosed or OutsideDeliveryArea when nobody could ever do this order.
    """
    if isinstance(fulfilment, Pickup):
        counter = counter or session.scalar(COUNTER_BY_ID, {"counter_id": fulfilment.counter_id})
        if counter is None or not counter.active:
            raise CounterClosed()
        return counter
    counters = session.execute(
        select(Counter.lat, Counter.lng, Counter.radius_m, Counter.district).where(Counter.active, Counter.delivers)
    ).all()
    place = place_of(fulfilment, [(row.lat, row.lng, row.district) for row in counters])
    if place is None or not any(distance_m(row.lat, row.lng, *place) <= row.radius_m for row in counters):
        raise OutsideDeliveryArea(errors=[{"field": "district"}])
    return None


def place_of(
    delivery: Delivery | OrderContact, counters: Sequence[tuple[float, float, str]]
) -> tuple[float, float] | None:
    """The delivery's position; without one, the middle of the district's counters (None if it has none)."""
    if delivery.lat is not None and delivery.lng is not None:
        return delivery.lat, delivery.lng
    near = [(lat, lng) for lat, lng, district in counters if district == delivery.district]
    if not near:
        return None
    return sum(lat for lat, _ in near) / len(near), sum(lng for _, lng in near) / len(near)


def insert_order(
    session: Session, draft: OrderDraft, offer: Quote, placement_key: str, now: datetime
) -> tuple[Order, bool]:
    """Insert the order with its parts; False with the earlier order when this key has already placed one.

    A rival with the same key in flight makes the insert wait, so there is no gap between look and leap.
    """
    method = method_for(draft.kind, draft.payment_method)
    if method is None:
        raise Invalid(_l("This way of paying is not offered"), errors=[{"field": "payment"}])
    pickup = draft.fulfilment if isinstance(draft.fulfilment, Pickup) else None
    place = draft.fulfilment if isinstance(draft.fulfilment, Delivery) else Delivery("", "")
    by_weight = [line.by_weight for line in offer.lines]
    waits = method.first_status == OrderStatus.AWAITING_PAYMENT
    values = {
        "kind": draft.kind,
        "status": method.first_status.value,
        "user_id": draft.user_id,
        "organisation_id": draft.organisation_id,
        "po_number": draft.po_number,
        "needed_by": draft.needed_by,
        "placement_key": placement_key,
        "method": "pickup" if pickup else "delivery",
        "pickup_counter_id": pickup.counter_id if pickup else None,
        "payment_method": draft.payment_method,
        "lines_fen": offer.lines_fen,
        "delivery_fen": offer.delivery_fen,
        "discount_fen": offer.discount_fen,
        "total_fen": offer.total_fen,
        "locale": draft.contact.locale,
        "note": draft.note,
        "expires_at": now + timedelta(minutes=MINUTES_TO_PAY) if waits else None,
        "name": draft.contact.name,
        "phone": draft.contact.phone,
        "email": draft.contact.email,
        "district": place.district,
        "street": place.street,
        "lat": place.lat,
        "lng": place.lng,
        "sku_ids": [line.sku_id for line in offer.lines],
        "quantities": [line.quantity for line in offer.lines],
        "prices_fen": [line.price_fen for line in offer.lines],
        "per_kg_fen": [terms.per_kg_fen if terms else None for terms in by_weight],
        "weights_from_g": [terms.from_g if terms else None for terms in by_weight],
        "weights_to_g": [terms.to_g if terms else None for terms in by_weight],
        "channel": channel_of(draft.kind).value,
    }
    while True:
        names = {"number": new_number(), "pickup_code": f"{secrets.randbelow(10**8):08d}"}
        order = write_rows(session, values | names)
        if order is not None:
            return order, True
        earlier = session.execute(select(Order).where(Order.placement_key == placement_key)).scalar_one_or_none()
        if earlier is not None:
            return earlier, False


def new_number() -> str:
    """A random order number people can read aloud: YL-7K3D-9QMF (28^8, about 3.8 × 10^11 of them)."""
    letters = [secrets.choice(NUMBER_ALPHABET) for _ in range(8)]
    return f"YL-{''.join(letters[:4])}-{''.join(letters[4:])}"
