"""Two of everybody, each with things that bear their mark: what one of them must never see of the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Counter, Sku
from orders.checkout import Contact, place_order
from orders.consignments.models import Consignment, ConsignmentLine, ConsignmentLot
from orders.consignments.proposals import propose_by_hand
from orders.consignments.steps import confirm, dispatch
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Fulfilment
from orders.models import Order
from orders.notifications.models import Notification
from shop.accounts.models import Address, Organisation, User
from shop.clock import utcnow
from tests.accounts.people import person
from tests.builders import GUEST, Builder, draft_of, today


@dataclass
class Side:
    """One half of the world: its people by role, and the ids and names of what is theirs."""

    mark: str
    people: dict[str, User] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    order_id: int = 0
    consignment_ids: list[int] = field(default_factory=list)


def one_side(app: Flask, session: Session, build: Builder, mark: str) -> Side:
    """A cooperative that supplied a counter, an organisation, and a customer whose order waits there."""
    side = Side(mark)
    cooperative: Cooperative = build.cooperative(f"COOP-{mark}")
    counter: Counter = build.counter(f"WH-{mark}")
    goods = build.sku(f"GOODS-{mark}", cooperative=cooperative)
    build.lot(goods, at=counter, quantity=50, code=f"LOT-SHELF-{mark}")
    build.lot(goods, at=cooperative, quantity=70, code=f"LOT-STORE-{mark}")
    organisation = Organisation(code=f"ORG-{mark}", name=f"市场 {mark}", credit_limit_fen=500_000)
    session.add(organisation)
    session.commit()
    works = {
        "consumer": {},
        "cooperative": {"cooperative_id": cooperative.id},
        "counter": {"counter_id": counter.id},
        "buyer": {"organisation_id": organisation.id},
    }
    for role, employer in works.items():
        roles = [] if role == "consumer" else [role]
        email = f"{role}-{mark.lower()}@people.example"
        side.people[role] = person(app, session, *roles, email=email, **employer)
    customer = side.people["consumer"]
    session.add(Address(user_id=customer.id, name=f"收件 {mark}", phone="13900005678", district="江汉区",
                        street=f"{mark} 路 1 号", is_default=True))  # fmt: skip
    contact = Contact(f"顾客 {mark}", "13800001234", f"{mark.lower()}@mail.example")
    draft = draft_of({goods: 3}, at=counter, user_id=customer.id, note=f"便条 {mark}")
    draft = type(draft)(**{**vars(draft), "contact": contact})
    placed = place_order(session, draft, placement_key=f"world:{mark}", actor=GUEST, now=utcnow())
    session.commit()
    route_order(session, placed.id, utcnow())
    low = {"sku_id": goods.id, "left": 1}
    session.add(Notification(kind="stock.low", dedupe_key=mark, cooperative_id=cooperative.id, data=low))
    session.commit()
    side.order_id = placed.id
    side.consignment_ids = send_some(session, cooperative, counter, goods, mark)
    remember_ids(session, side, placed, cooperative, counter, organisation, goods.code)
    return side


def send_some(session: Session, cooperative: Cooperative, counter: Counter, goods: Sku, mark: str) -> list[int]:
    """Two consignments from store to counter: one that may still be changed, one on the road."""
    ids, now = [], utcnow()
    for _ in range(2):
        asked = propose_by_hand(session, cooperative.id, counter.id, today() + timedelta(days=5), {goods.id: 4}, GUEST,
                                now)  # fmt: skip
        confirm(session, asked.id, {line.id: 4 for line in asked.lines}, GUEST, now)
        ids.append(asked.id)
    dispatch(session, ids[1], f"车牌 {mark}", GUEST, now)
    session.commit()
    return ids


def remember_ids(
    session: Session, side: Side, placed: Order, cooperative: Cooperative, counter: Counter,
    organisation: Organisation, code: str,
) -> None:  # fmt: skip
    """Every number and name by which somebody might ask for what is theirs."""
    owned = {
        "order": sa.select(Order.id).where(Order.id == placed.id),
        "part": sa.select(Fulfilment.id).where(Fulfilment.order_id == placed.id),
        "line": sa.text("SELECT id FROM order_line WHERE order_id = :id").bindparams(id=placed.id),
        "level": sa.text(
            "SELECT level.id FROM stock_level level JOIN location l ON l.id = level.location_id"
            " WHERE l.counter_id = :counter OR l.cooperative_id = :cooperative"
        ).bindparams(counter=counter.id, cooperative=cooperative.id),
        "lot": sa.text("SELECT id FROM lot WHERE cooperative_id = :id").bindparams(id=cooperative.id),
        "address": sa.select(Address.id).where(Address.user_id == side.people["consumer"].id),
        "consignment": sa.select(Consignment.id).where(Consignment.counter_id == counter.id),
        "consignment lot": sa.select(ConsignmentLot.id)
        .join(ConsignmentLine)
        .where(ConsignmentLine.consignment_id.in_(side.consignment_ids)),
        "notice": sa.select(Notification.id).where(Notification.cooperative_id == cooperative.id),
    }
    for statement in owned.values():
        side.numbers |= {int(value) for value in session.execute(statement).scalars()}
    side.numbers |= {cooperative.id, counter.id, organisation.id, *(user.id for user in side.people.values())}
    side.names = {placed.number, organisation.code, f"LOT-SHELF-{side.mark}", f"LOT-STORE-{side.mark}", code,
                  cooperative.code, counter.code}  # fmt: skip
