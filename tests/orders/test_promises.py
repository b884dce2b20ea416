"""What a placed order promises, and how the promise ends."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.stock.availability import InsufficientStock, available
from catalogue.stock.models import StockLevel
from orders.check import faults
from orders.checkout import PriceChanged, place_order
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.plan_models import RoutingPlan
from orders.fulfilment.steps import make_ready
from orders.lifecycle import CannotCancel, cancel_order, expire_overdue
from orders.models import Order, OrderLine
from orders.shortage import count_stock, withdraw_lot
from shop.clock import utcnow
from shop.outbox import Job
from tests.builders import GUEST, Builder, draft_of, order


def test_an_order_holds_its_stock_until_it_is_cancelled(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=10)
    placed = order(session, {eggs: 4}, at=counter)
    assert available(session, [eggs.id]) == {eggs.id: 6}
    cancel_order(session, placed.id, GUEST, utcnow())
    session.commit()
    assert available(session, [eggs.id]) == {eggs.id: 10}
    assert faults(session) == []


def test_more_than_is_left_is_refused_with_what_is_left_and_holds_nothing(session: Session, build: Builder) -> None:
    eggs, potatoes, counter = build.sku("EGGS"), build.sku("POTATOES"), build.counter()
    build.lot(eggs, at=counter, quantity=3)
    build.lot(potatoes, at=counter, quantity=100)
    build.commit()
    with pytest.raises(InsufficientStock) as refusal:
        order(session, {potatoes: 5, eggs: 4}, at=counter)
    session.rollback()
    assert refusal.value.errors == [{"sku": "EGGS", "wanted": 4, "available": 3}]
    assert available(session, [eggs.id, potatoes.id]) == {eggs.id: 3, potatoes.id: 100}


def test_the_same_placement_key_places_one_order(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=10)
    first = order(session, {eggs: 1}, at=counter, key="form:abc")
    second = order(session, {eggs: 1}, at=counter, key="form:abc")
    assert first.id == second.id
    assert available(session, [eggs.id]) == {eggs.id: 9}


def test_a_total_the_customer_did_not_see_is_not_charged(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(price_fen=1000), build.counter()
    build.lot(eggs, at=counter, quantity=10)
    draft = draft_of({eggs: 2}, at=counter, expected_total_fen=1999)
    with pytest.raises(PriceChanged) as refusal:
        place_order(session, draft, placement_key="k", actor=GUEST, now=utcnow())
    assert refusal.value.errors == [{"total_fen": 2000}]


def test_routing_takes_the_oldest_lot_of_the_pickup_counter_and_says_why(session: Session, build: Builder) -> None:
    eggs, near, far = build.sku(), build.counter(lat=30.58), build.counter(lat=30.62)
    old = build.lot(eggs, at=near, quantity=3, best_before_in=8)
    build.lot(eggs, at=near, quantity=10, best_before_in=20)
    build.lot(eggs, at=far, quantity=50, best_before_in=6)
    placed = order(session, {eggs: 5}, at=near)
    plan = route_order(session, placed.id, utcnow())
    session.commit()
    assert plan is not None and plan.proved and plan.bound_fen == plan.cost_fen
    allocations = session.execute(select(Allocation).order_by(Allocation.quantity)).scalars().all()
    assert sorted((a.quantity, a.level.lot_id == old.id) for a in allocations) == [(2, False), (3, True)]
    assert session.scalars(select(Fulfilment.role)).all() == ["hand_over"]
    assert {(r["counter"], r["used"]) for r in plan.plan["reasons"]} == {(near.code, True), (far.code, False)}
    assert session.get_one(Order, placed.id).status == "routed"
    assert faults(session) == []


def test_what_the_pickup_counter_lacks_is_sent_to_it_from_another(session: Session, build: Builder) -> None:
    eggs, oil, near, far = build.sku(), build.sku(), build.counter(), build.counter(lat=30.6)
    build.lot(eggs, at=near, quantity=5)
    build.lot(oil, at=far, quantity=5)
    placed = order(session, {eggs: 1, oil: 2}, at=near)
    route_order(session, placed.id, utcnow())
    session.commit()
    parts = {(part.counter_id, part.role) for part in session.scalars(select(Fulfilment))}
    assert parts == {(near.id, "hand_over"), (far.id, "transfer")}
    assert faults(session) == []


def test_routing_twice_assigns_once(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=5)
    placed = order(session, {eggs: 5}, at=counter)
    route_order(session, placed.id, utcnow())
    session.commit()
    assert route_order(session, placed.id, utcnow()) is None
    session.commit()
    assert len(session.scalars(select(RoutingPlan)).all()) == 1
    assert faults(session) == []


def test_what_no_counter_can_give_is_taken_off_the_order_and_told(session: Session, build: Builder) -> None:
    frozen = build.sku(storage="frozen", price_fen=5000)
    eggs, counter = build.sku(price_fen=1000), build.counter(storage=("ambient",))
    build.lot(frozen, at=counter, quantity=5)
    build.lot(eggs, at=counter, quantity=5)
    placed = order(session, {frozen: 1, eggs: 1}, at=counter)
    route_order(session, placed.id, utcnow())
    session.commit()
    found = session.get_one(Order, placed.id, populate_existing=True)
    assert (found.status, found.total_fen) == ("routed", 1000)
    kinds = {job.payload["kind"] for job in session.scalars(select(Job).where(Job.topic == "order.mail"))}
    assert kinds == {"confirmed", "changed"}
    assert faults(session) == []


def test_cancelling_a_routed_order_gives_every_lot_back(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=5)
    placed = order(session, {eggs: 5}, at=counter)
    route_order(session, placed.id, utcnow())
    session.commit()
    cancel_order(session, placed.id, GUEST, utcnow())
    session.commit()
    assert session.scalars(select(StockLevel.reserved)).all() == [0]
    assert available(session, [eggs.id]) == {eggs.id: 5}
    with pytest.raises(CannotCancel):
        cancel_order(session, placed.id, GUEST, utcnow())
    session.rollback()
    assert faults(session) == []


def test_an_order_nobody_collects_returns_its_stock(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=5)
    placed = order(session, {eggs: 5}, at=counter)
    route_order(session, placed.id, utcnow())
    part = session.execute(select(Fulfilment)).scalar_one()
    part.status = "ready"
    found = session.get_one(Order, placed.id)
    found.status, found.collect_by = "ready", utcnow()
    session.commit()
    assert expire_overdue(session, utcnow()) == 1
    assert session.get_one(Order, placed.id, populate_existing=True).status == "expired"
    assert available(session, [eggs.id]) == {eggs.id: 5}
    assert faults(session) == []


def test_a_count_below_what_is_promised_shortens_the_newest_order_first(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(price_fen=100), build.counter()
    build.lot(eggs, at=counter, quantity=10)
    older = order(session, {eggs: 6}, at=counter)
    newer = order(session, {eggs: 4}, at=counter)
    route_order(session, older.id, utcnow())
    session.commit()
    level = session.execute(select(StockLevel)).scalar_one()
    count_stock(session, level_id=level.id, counted=7, actor=GUEST, source_id="count-1", now=utcnow())
    session.commit()
    given = {
        line.order_id: line.quantity - line.cancelled
        for line in session.scalars(select(OrderLine).execution_options(populate_existing=True))
    }
    assert given == {older.id: 6, newer.id: 1}
    assert available(session, [eggs.id]) == {eggs.id: 0}
    assert faults(session) == []


def test_a_withdrawn_lot_sends_its_orders_to_other_lots(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    bad = build.lot(eggs, at=counter, quantity=5, best_before_in=9)
    build.lot(eggs, at=counter, quantity=3, best_before_in=20)
    placed = order(session, {eggs: 5}, at=counter)
    route_order(session, placed.id, utcnow())
    session.commit()
    assert withdraw_lot(session, bad.id, "recalled", GUEST, utcnow())
    session.commit()
    assert faults(session) == []
    route_order(session, placed.id, utcnow())
    session.commit()
    assert session.scalars(select(OrderLine.cancelled).execution_options(populate_existing=True)).all() == [2]
    live = session.scalars(select(Allocation).where(Allocation.state == "reserved")).all()
    assert sum(a.quantity for a in live) == 3 and all(a.level.lot_id != bad.id for a in live)
    assert faults(session) == []


def test_a_lot_recalled_after_it_was_packed_sends_the_part_back_to_work(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    bad = build.lot(eggs, at=counter, quantity=5, best_before_in=9)
    build.lot(eggs, at=counter, quantity=9, best_before_in=20)
    placed = order(session, {eggs: 5}, at=counter)
    route_order(session, placed.id, utcnow())
    part = session.execute(select(Fulfilment)).scalar_one()
    make_ready(session, part.id, GUEST, utcnow())
    session.commit()
    assert withdraw_lot(session, bad.id, "recalled", GUEST, utcnow())
    session.commit()
    assert route_order(session, placed.id, utcnow()) is not None
    session.commit()
    assert session.get_one(Order, placed.id, populate_existing=True).status == "preparing"
    assert session.scalars(select(Fulfilment.status)).all() == ["accepted"]
    assert faults(session) == []


def test_a_count_sent_twice_is_applied_once(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=5)
    level = session.execute(select(StockLevel)).scalar_one()
    source = uuid.uuid4().hex
    assert count_stock(session, level_id=level.id, counted=8, actor=GUEST, source_id=source, now=utcnow())
    build.lot(eggs, at=counter, quantity=1)
    assert not count_stock(session, level_id=level.id, counted=9, actor=GUEST, source_id=source, now=utcnow())
    session.commit()
    assert session.scalars(select(StockLevel.on_hand).order_by(StockLevel.id)).all() == [8, 1]
