"""A person the shop knows everything about: rows in every table that can hold something of a customer."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from orders.cart import Owner, add_packs
from orders.checkout import Contact, Delivery, OrderDraft, Pickup, place_order
from orders.fulfilment.plan_models import RoutingCosts, RoutingInstance, RoutingPlan
from orders.lifecycle import tell
from orders.models import Order
from orders.payments.models import MoneyEntry, Payment, Refund
from shop.accounts.models import Address, ApiToken, LoginAttempt, LoginSession, Organisation, User
from shop.accounts.people_office import add_member
from shop.accounts.policy import actor_of
from shop.accounts.throttle import account_key
from shop.clock import shanghai_day, utcnow
from tests.accounts.people import api_key, person
from tests.builders import Builder, draft_of


@dataclass(frozen=True)
class Words:
    """What only this person is called, in every field a person can fill in."""

    name: str
    phone: str
    mark: str

    @property
    def email(self) -> str:
        return f"{self.mark}@mail.example"

    @property
    def street(self) -> str:
        return f"{self.mark} 路 99 号"

    @property
    def note(self) -> str:
        return f"{self.name} {self.phone} {self.mark}"

    @property
    def all(self) -> tuple[str, ...]:
        """Words that may stand nowhere once the person is erased."""
        return (self.name, self.phone, self.mark)


ANNA = Words("卓玛央金-安娜", "13987650001", "canary-anna")
BELLA = Words("仓央白玛-贝拉", "13987650002", "canary-bella")


def known_person(app: Flask, session: Session, build: Builder, words: Words, *, employed: bool = True) -> User:
    """An account with everything: places, devices, keys, employers, a cart, a collected and a delivered order."""
    user = person(app, session, email=words.email)
    user.name, user.phone = words.name, words.phone
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=50)
    session.add_all([
        Address(user_id=user.id, name=words.name, phone=words.phone, district="江汉区", street=words.street,
                lat=30.58, lng=114.28, is_default=True),
        LoginSession(user_id=user.id, secret_hash=words.mark.encode(), user_agent=words.mark, ip="203.0.113.9"),
        LoginAttempt(kind="login", account_hash=account_key(words.email), ip="203.0.113.9"),
    ])  # fmt: skip
    api_key(app, session, user)
    session.execute(
        sa.update(ApiToken).where(ApiToken.user_id == user.id).values(name=words.mark, last_used_at=sa.func.now())
    )
    organisation = Organisation(code=f"ORG-{build.number()}", name="超市", credit_limit_fen=10_000)
    build.add(organisation)
    for employer, number in (("organisation_id", organisation.id), ("counter_id", counter.id),
                             ("cooperative_id", build.cooperative().id)):  # fmt: skip
        if employed:
            add_member(session, employer, number, words.email, actor_of(user), order_limit_fen=90_000)
    add_packs(session, Owner(user_id=user.id), eggs.code, 3)
    contact = Contact(words.name, words.phone, words.email)
    collected = draft_of({eggs: 2}, at=counter, user_id=user.id, note=words.note)
    places = (Pickup(counter.id), Delivery("江汉区", words.street, 30.58, 114.28))
    for key, place in zip(("collected", "delivered"), places, strict=True):
        draft = OrderDraft(collected.lines, contact, place, user_id=user.id, note=words.note,
                           po_number=f"PO {build.number()}", needed_by=shanghai_day(utcnow()))  # fmt: skip
        placed = place_order(session, draft, placement_key=f"{key}-{user.id}", actor=actor_of(user), now=utcnow())
        tell(session, placed, "order.counter_found", counter=counter.code, role="handover")
        plan(session, placed, words)
        pay_and_give_back(session, placed, words)
    session.commit()
    return user


def plan(session: Session, order: Order, words: Words) -> None:
    """Planned, with what the plan was made from: where the customer lives."""
    costs_id = session.scalars(sa.select(RoutingCosts.id).limit(1)).one()
    planned = RoutingPlan(order_id=order.id, version=1, costs_id=costs_id, cost_fen=0, bound_fen=0, proved=True,
                          solver="test", seconds=0.0, plan={})  # fmt: skip
    session.add(planned)
    session.flush()
    session.add(RoutingInstance(plan_id=planned.id, instance={"place": words.street}))


def pay_and_give_back(session: Session, order: Order, words: Words) -> None:
    """Paid online, and some of it given back with a friendly word of the staff."""
    payment = Payment(order_id=order.id, amount_fen=order.total_fen, received_fen=order.total_fen, state="succeeded",
                      means="card", idempotency_key=f"pay-{order.id}", intent_ref=f"pi_{order.id}")  # fmt: skip
    session.add(payment)
    session.flush()
    session.add_all([
        MoneyEntry(kind="charge", ref=f"ch_{order.id}", order_id=order.id, payment_id=payment.id,
                   amount_fen=order.total_fen, actor="payment provider"),
        Refund(payment_id=payment.id, amount_fen=100, why="goodwill", state="declined", note=words.note,
               idempotency_key=f"refund-{order.id}", requested_by="staff"),
    ])  # fmt: skip
