"""Who pays at the counter pays for what she takes, when she takes it; however her order ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from catalogue.stock.availability import available
from orders.check import faults
from orders.checkout import place_order
from orders.fulfilment import steps
from orders.fulfilment.assign import route_order
from orders.fulfilment.day import summary
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.steps import OtherSum
from orders.lifecycle import expire_overdue
from orders.models import DeliveryTariff, Order, OrderLine
from orders.payments.methods import due_now
from orders.payments.models import MoneyEntry
from orders.payments.standing import payment_standing
from shop.clock import utcnow
from shop.outbox import Job
from tests.builders import GUEST, Builder, draft_of, today
from tests.fulfilment.test_steps import STAFF, part_of, routed


def taken(session: Session) -> list[int]:
    """What counters took, fen."""
    return list(session.scalars(select(MoneyEntry.amount_fen).order_by(MoneyEntry.at)))


def now_of(session: Session, placed: Order) -> Order:
    """The order as it is now."""
    return session.get_one(Order, placed.id, populate_existing=True)


def one_line_rejected(session: Session, build: Builder) -> tuple[Order, Sku, Counter]:
    """Eggs (10 yuan) and two bottles of oil (40 yuan each) were packed; the oil leaks and goes back to the router."""
    eggs, oil, counter = build.sku(price_fen=1000), build.sku(price_fen=4000), build.counter()
    for sku in (eggs, oil):
        build.lot(sku, at=counter, quantity=5)
    placed = routed(session, {eggs: 1, oil: 2}, counter)
    desk = part_of(session, "hand_over")
    steps.make_ready(session, desk.id, STAFF, utcnow())
    line = session.scalars(select(OrderLine.id).where(OrderLine.sku_id == oil.id)).one()
    steps.reject_line(session, desk.id, line, "leaks", STAFF, utcnow())
    session.commit()
    return placed, oil, counter


def hand_over(session: Session, placed: Order) -> int:
    """The customer shows her code and takes what stands there; what the page said she pays (fen)."""
    desk = part_of(session, "hand_over")
    due = due_now(session, now_of(session, placed), desk)
    steps.hand_over(session, desk.id, placed.pickup_code or "", STAFF, utcnow(), taken_fen=due)
    session.commit()
    return due


def test_goods_taken_while_the_router_looks_for_the_rest_are_paid_though_the_rest_never_comes(
    session: Session, build: Builder
) -> None:
    placed, _, _ = one_line_rejected(session, build)
    assert hand_over(session, placed) == 1000
    assert now_of(session, placed).status == "confirmed"
    assert payment_standing(session, placed).status == "due"
    assert faults(session) == []
    route_order(session, placed.id, utcnow())
    session.commit()
    ended = now_of(session, placed)
    assert (ended.status, ended.total_fen, taken(session)) == ("completed", 1000, [1000])
    assert payment_standing(session, ended).status == "paid"
    assert faults(session) == []


def test_who_comes_again_for_the_rest_pays_the_rest_and_each_part_brings_its_own_money(
    session: Session, build: Builder
) -> None:
    placed, oil, counter = one_line_rejected(session, build)
    far = build.counter(lat=30.6)
    build.lot(oil, at=far, quantity=5)
    hand_over(session, placed)
    route_order(session, placed.id, utcnow())
    session.commit()
    coming = part_of(session, "transfer")
    steps.make_ready(session, coming.id, STAFF, utcnow())
    steps.dispatch(session, coming.id, STAFF, utcnow())
    steps.receive_transfer(session, coming.id, STAFF, utcnow())
    steps.make_ready(session, part_of(session, "hand_over").id, STAFF, utcnow())
    session.commit()
    assert hand_over(session, placed) == 8000
    assert (now_of(session, placed).status, taken(session)) == ("completed", [1000, 8000])
    day = summary(session, counter, today())
    assert ([one.collected_fen for one in day.handed_over], day.collected_fen) == ([1000, 8000], 9000)
    assert faults(session) == []


def test_of_a_delivery_by_two_counters_each_takes_what_it_brings_and_the_first_the_fee(
    session: Session, build: Builder
) -> None:
    eggs, oil, near, far = build.sku(price_fen=1000), build.sku(price_fen=4000), build.counter(), build.counter()
    build.lot(eggs, at=near, quantity=5)
    build.lot(oil, at=far, quantity=5)
    session.add(DeliveryTariff(fee_fen=600, cold_fee_fen=0, free_from_fen=99_900))
    session.flush()
    draft = draft_of({eggs: 1, oil: 1}, to=(30.58, 114.28))
    placed = place_order(session, draft, placement_key="two counters", actor=GUEST, now=utcnow())
    session.commit()
    route_order(session, placed.id, utcnow())
    parts = session.scalars(select(Fulfilment).order_by(Fulfilment.counter_id)).all()
    for part in parts:
        steps.make_ready(session, part.id, STAFF, utcnow())
        steps.dispatch(session, part.id, STAFF, utcnow())
    session.commit()
    code, due = placed.pickup_code or "", [due_now(session, placed, part) for part in parts]
    assert due == [1600, 4600]
    steps.hand_over(session, parts[0].id, code, STAFF, utcnow(), taken_fen=1600)
    session.commit()
    # The second courier's page still shows the fee: nobody pays it twice.
    with pytest.raises(OtherSum):
        steps.hand_over(session, parts[1].id, code, STAFF, utcnow(), taken_fen=4600)
    session.rollback()
    assert (now_of(session, placed).status, taken(session)) == ("ready", [1600])
    assert faults(session) == []
    steps.hand_over(session, parts[1].id, code, STAFF, utcnow(), taken_fen=4000)
    session.commit()
    assert (now_of(session, placed).status, taken(session)) == ("completed", [1600, 4000])
    assert faults(session) == []


def test_when_nobody_comes_for_the_rest_it_goes_back_on_sale_and_the_order_is_what_was_taken(
    session: Session, build: Builder
) -> None:
    placed, oil, counter = one_line_rejected(session, build)
    hand_over(session, placed)
    far = build.counter(lat=30.6)
    build.lot(oil, at=far, quantity=5)
    session.commit()
    route_order(session, placed.id, utcnow())
    coming = part_of(session, "transfer")
    for step in (steps.make_ready, steps.dispatch, steps.receive_transfer):
        step(session, coming.id, STAFF, utcnow())
    steps.make_ready(session, part_of(session, "hand_over").id, STAFF, utcnow())
    session.commit()
    assert expire_overdue(session, utcnow() + timedelta(hours=counter.hold_hours + 1)) == 1
    ended = now_of(session, placed)
    assert (ended.status, ended.total_fen, taken(session)) == ("completed", 1000, [1000])
    assert available(session, [oil.id]) == {oil.id: 10}
    assert session.scalars(select(Job.payload["kind"].astext).where(Job.dedupe_key == f"{placed.id}:rest")).all()
    assert expire_overdue(session, utcnow() + timedelta(days=30)) == 0
    assert faults(session) == []
