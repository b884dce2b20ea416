"""Fill the demonstration's day: orders of today at every step, so that each room has something to look at.

They are placed, planned and carried out by the steps people would take. The first two are left for the router.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from catalogue.seed.demo import ACTOR
from orders.bulk.place import BulkWish, earliest_day, place_bulk_order
from orders.bulk.quick_order import WantedRow, quick_lines
from orders.checkout import Contact, Delivery, DraftLine, OrderDraft, Pickup, place_order
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.steps import accept, dispatch, hand_over, make_ready, receive_transfer
from orders.fulfilment.weighing import Scale, by_weight_packs
from orders.lifecycle import cancel_order, fulfilments_of
from orders.models import Order
from orders.states import FulfilmentRole, OrderStatus
from shop.accounts.models import Organisation, User
from shop.accounts.policy import actor_of
from shop.audit import Actor

S = OrderStatus
SEED = Actor(ACTOR)
GUEST = Contact("Demo guest", "13800000000")
CONSUMER, BUYER, ORGANISATION = "consumer@demo.example", "buyer@demo.example", "DEMO"


@dataclass(frozen=True)
class Basket:
    """An order of the demonstration: `packs` by SKU, collected at a counter or brought to a district, and how far it
    came. `known` ones are of the demo consumer, the others of guests.
    """

    to: str
    packs: Mapping[str, int]
    status: OrderStatus
    known: bool = False


BASKETS = (
    Basket("WH-JH-01", {"ZE-10": 1, "RP-2500": 1}, S.CONFIRMED),
    Basket("WH-WC-01", {"ZH-OIL-500": 2}, S.CONFIRMED),
    Basket("WH-JH-01", {"RP-1000": 3, "TS-500": 1}, S.ROUTED, known=True),
    Basket("WH-JH-01", {"ZP-BELLY-500": 2, "IN-30": 1}, S.ROUTED),
    Basket("江汉区", {"ZH-OIL-1800": 1, "ZE-30": 1}, S.ROUTED),
    Basket("WH-JH-01", {"ZE-10": 2, "ZC-HALF": 1}, S.PREPARING),
    Basket("WH-HS-02", {"RP-5000": 1, "YW-BOX": 1}, S.PREPARING, known=True),
    Basket("WH-JH-01", {"RP-1000": 2, "ZH-OIL-500": 1}, S.READY, known=True),
    Basket("WH-JH-01", {"ZP-RIBS-500": 1, "TS-1000": 1}, S.READY),
    Basket("WH-JA-01", {"ZE-30": 1, "WB-SMALL": 1}, S.READY),
    Basket("WH-JH-01", {"ZH-OIL-5000": 1, "RP-2500": 2}, S.COMPLETED, known=True),
    Basket("WH-JH-01", {"ZC-WHOLE": 1, "ZE-10": 3}, S.COMPLETED),
    Basket("WH-JH-01", {"TS-500": 2, "IN-100": 1}, S.COMPLETED),
    Basket("WH-WC-01", {"ZP-LEG-1000": 1, "RP-5000": 1}, S.COMPLETED),
    Basket("WH-HS-01", {"BD-ONE": 1, "YW-4000": 2}, S.COMPLETED),
    Basket("WH-HY-01", {"ZE-30": 1, "TS-1000": 1}, S.CANCELLED),
)
CASES = {"RP-5000": 6, "ZH-OIL-1800": 4, "ZE-30": 3}
BULK_COUNTER = "WH-WC-01"


def seed_orders(session: Session, now: datetime) -> None:
    """Today's orders of consumers, and one of a supermarket; in a shop that has orders nothing happens."""
    if session.execute(select(Order.id).limit(1)).first() is not None:
        return
    consumer = session.execute(select(User).where(User.email == CONSUMER)).scalar_one()
    for number, basket in enumerate(BASKETS):
        order = place(session, basket, consumer if basket.known else None, f"seed:{number}", now)
        if basket.status != S.CONFIRMED:
            route_order(session, order.id, now)
            carry_on(session, order, basket.status, now)
    seed_bulk_order(session, now)
    session.commit()


def place(session: Session, basket: Basket, person: User | None, key: str, now: datetime) -> Order:
    """Order what is in the basket, to be paid at the counter."""
    skus = session.execute(select(Sku).where(Sku.code.in_(basket.packs)).order_by(Sku.id)).scalars()
    counter_id = session.scalar(select(Counter.id).where(Counter.code == basket.to))
    contact = Contact(person.name, "13800000001", person.email, person.locale) if person is not None else GUEST
    draft = OrderDraft(
        lines=tuple(DraftLine(sku.id, basket.packs[sku.code]) for sku in skus),
        contact=contact,
        fulfilment=Pickup(counter_id) if counter_id is not None else Delivery(basket.to, "示范路 1 号"),
        user_id=person.id if person is not None else None,
    )
    actor = actor_of(person) if person is not None else SEED
    return place_order(session, draft, placement_key=key, actor=actor, now=now)


def carry_on(session: Session, order: Order, status: OrderStatus, now: datetime) -> None:
    """Let the counters do their part, up to that status."""
    if status == S.CANCELLED:
        cancel_order(session, order.id, SEED, now)
    if status not in {S.PREPARING, S.READY, S.COMPLETED}:
        return
    parts = fulfilments_of(session, order.id)
    for part in parts:
        accept(session, part.id, SEED, now)
    if status == S.PREPARING:
        return
    for part in parts:
        if part.role == FulfilmentRole.TRANSFER:
            pack(session, part, now)
            dispatch(session, part.id, SEED, now)
            receive_transfer(session, part.id, SEED, now)
    for part in parts:
        if part.role == FulfilmentRole.HAND_OVER:
            pack(session, part, now)
            if status == S.COMPLETED:
                hand_over(session, part.id, order.pickup_code or "", SEED, now)


def pack(session: Session, part: Fulfilment, now: datetime) -> None:
    """Pick the part, and put what is sold by weight on the scale: each pack weighs something between its limits."""
    grams = {
        one.id: [((one.line.weight_from_g or 0) + 2 * (one.line.weight_to_g or 0)) // 3] * one.quantity
        for one in by_weight_packs(session, part)
    }
    make_ready(session, part.id, SEED, now, scale=Scale(grams) if grams else None)


def seed_bulk_order(session: Session, now: datetime) -> None:
    """Cases for the demo supermarket, on account."""
    buyer = session.execute(select(User).where(User.email == BUYER)).scalar_one()
    organisation_id = session.execute(select(Organisation.id).where(Organisation.code == ORGANISATION)).scalar_one()
    wish = BulkWish(organisation_id, BULK_COUNTER, "PO-2026-001", earliest_day(now))
    lines = quick_lines(session, [WantedRow(code, cases) for code, cases in CASES.items()])
    place_bulk_order(session, buyer, wish, lines, placement_key="seed:bulk", actor=actor_of(buyer), now=now)
