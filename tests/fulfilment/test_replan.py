"""The day changes: closures, broken freezers, early closing; the work follows, and nothing is oversold."""

from __future__ import annotations

import time as clock
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

import workers.tasks  # noqa: F401  registers the topics
from catalogue.counter_days import add_closure, close_all, close_early, open_all, set_day, start_outage
from catalogue.models import Counter, CounterClosure, CounterDay, Sku
from orders.check import faults
from orders.checkout import place_order
from orders.fulfilment import steps
from orders.fulfilment.assign import MOST_PLANS, route_orders
from orders.fulfilment.backlog import route_backlog
from orders.fulfilment.cases import try_again, waiting_cases
from orders.fulfilment.change_pickup import CannotChangeCounter, change_pickup
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.picking import tick_row
from orders.fulfilment.plan_models import RoutingPlan
from orders.fulfilment.touched import touched_by_closure, touched_by_early_closing, touched_by_outage
from orders.models import Order, OrderEvent, OrderLine, Reservation
from orders.shortage import count_stock, withdraw_lot
from shop.audit import Actor
from shop.clock import SHANGHAI, shanghai_day, utcnow
from shop.db import db
from shop.errors import WrongState
from shop.outbox import Job
from tests.builders import GUEST, Builder, draft_of, order, today
from tests.figures import Figures, size
from workers.jobs import run_job

OFFICE = Actor("office")
ROUTING = ("order.route", "orders.route", "counter.changed", "backlog.route")
Work = Callable[[], int]


@pytest.fixture
def work(app: Flask, session: Session) -> Work:
    """Does what workers would: every open routing job, until there is none; how many."""

    def do_all() -> int:
        session.commit()
        done = 0
        with app.app_context():
            while ids := open_jobs(db.session()):
                for job_id in ids:
                    run_job(db.session(), job_id)
                assert not set(ids) & set(open_jobs(db.session())), "each was done, by itself or along with others"
                done += len(ids)
        session.expire_all()
        return done

    return do_all


def open_jobs(session: Session) -> Sequence[int]:
    """Routing jobs that wait."""
    waiting = select(Job.id).where(Job.topic.in_(ROUTING), Job.done_at.is_(None), Job.dead_at.is_(None))
    found = session.scalars(waiting.order_by(Job.id)).all()
    session.commit()
    return found


def parts_of(session: Session, one: Order) -> list[tuple[str, str, str]]:
    """(counter, role, status) of an order's parts."""
    statement = (
        select(Counter.code, Fulfilment.role, Fulfilment.status)
        .join(Counter, Counter.id == Fulfilment.counter_id)
        .where(Fulfilment.order_id == one.id)
        .order_by(Fulfilment.id)
    )
    return [(code, role, status) for code, role, status in session.execute(statement)]


def delivered(session: Session, wanted: dict[Sku, int], to: tuple[float, float]) -> Order:
    """An order that is brought to a place."""
    draft = draft_of(wanted, to=to)
    placed = place_order(session, draft, placement_key=uuid.uuid4().hex, actor=GUEST, now=utcnow())
    session.commit()
    return placed


def notices(session: Session, kind: str) -> int:
    """How many notices counters get of a kind."""
    return len(session.scalars(select(Job.id).where(Job.topic == "counter.notice",
                                                    Job.payload["kind"].astext == kind)).all())  # fmt: skip


def test_a_closure_moves_the_work_of_its_days_and_leaves_packed_goods_alone(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    for counter in (near, far):
        build.lot(eggs, at=counter, quantity=10)
    open_one, packed = (delivered(session, {eggs: 2}, (30.58, 114.28)) for _ in range(2))
    work()
    part = session.scalars(select(Fulfilment).where(Fulfilment.order_id == packed.id)).one()
    steps.make_ready(session, part.id, OFFICE, utcnow())
    session.commit()
    add_closure(session, near.id, today(), today() + timedelta(days=1), "water damage", OFFICE)
    work()
    assert parts_of(session, open_one) == [("NEAR", "deliver", "cancelled"), ("FAR", "deliver", "assigned")]
    assert parts_of(session, packed) == [("NEAR", "deliver", "ready")]
    told = session.scalars(select(OrderEvent.data).where(OrderEvent.kind == "order.replanned")).all()
    assert told == [{"why": "closed", "from": ["NEAR"], "to": ["FAR"]}]
    assert (notices(session, "cancelled"), notices(session, "assigned")) == (1, 3)
    assert faults(session) == []


def test_a_closed_pickup_counter_hands_over_on_its_next_day_and_the_customer_hears_of_it(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, desk = build.sku(), build.counter()
    build.lot(eggs, at=desk, quantity=10)
    placed = order(session, {eggs: 2}, at=desk)
    work()
    before = session.scalars(select(Allocation.id)).all()
    add_closure(session, desk.id, today(), today() + timedelta(days=1), "", OFFICE)
    work()
    part = session.scalars(select(Fulfilment)).one()
    assert shanghai_day(part.due_at) == today() + timedelta(days=2)
    assert session.scalars(select(Allocation.id)).all() == before, "the goods stay where they are"
    mails = session.scalars(select(Job.payload["kind"].astext).where(Job.topic == "order.mail")).all()
    assert mails == ["confirmed", "later"]
    assert placed.status == "routed" or session.get_one(Order, placed.id).status == "routed"
    assert faults(session) == []


def test_a_counter_closed_for_weeks_parks_its_pickups_until_it_opens(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, desk = build.sku(), build.counter()
    build.lot(eggs, at=desk, quantity=10)
    placed = order(session, {eggs: 2}, at=desk)
    add_closure(session, desk.id, today(), today() + timedelta(days=30), "", OFFICE)
    work()
    assert [case.why for case in waiting_cases(session)] == ["pickup_closed"]
    assert session.get_one(Order, placed.id).status == "confirmed"
    assert faults(session) == []


def test_a_broken_freezer_sends_frozen_goods_elsewhere_and_nothing_else(
    session: Session, build: Builder, work: Work
) -> None:
    pork, oil = build.sku(storage="frozen"), build.sku()
    near, far = build.counter("NEAR"), build.counter("FAR", lat=30.6)
    for counter in (near, far):
        build.lot(pork, at=counter, quantity=10)
        build.lot(oil, at=counter, quantity=10)
    placed = delivered(session, {pork: 1, oil: 1}, (30.58, 114.28))
    work()
    start_outage(session, near.id, "frozen", "compressor", OFFICE, utcnow())
    work()
    assert parts_of(session, placed) == [("NEAR", "deliver", "assigned"), ("FAR", "deliver", "assigned")]
    assert faults(session) == []


def test_a_counter_that_closes_early_gives_away_what_is_due_later(session: Session, build: Builder, work: Work) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    for counter in (near, far):
        build.lot(eggs, at=counter, quantity=10)
    placed = delivered(session, {eggs: 2}, (30.58, 114.28))
    work()
    part = session.scalars(select(Fulfilment)).one()
    day = shanghai_day(part.due_at)
    set_day(session, near.id, day, closes=time(0, 1), capacity=None, reason="", actor=OFFICE, now=utcnow())
    work()
    assert parts_of(session, placed)[-1] == ("FAR", "deliver", "assigned")
    assert faults(session) == []


def test_a_holiday_of_all_counters_moves_its_work_behind_it_and_may_be_taken_back(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    for counter in (near, far):
        build.lot(eggs, at=counter, quantity=10)
    orders = [delivered(session, {eggs: 2}, (30.58, 114.28)), order(session, {eggs: 2}, at=far)]
    work()
    first, last = today(), today() + timedelta(days=1)
    foreseen = touched_by_closure(session, None, first, last, today())
    assert {one.number for one in foreseen} == {one.number for one in orders}
    assert close_all(session, first, last, "spring festival", OFFICE, utcnow()) == 2
    assert close_all(session, first, last, "spring festival", OFFICE, utcnow()) == 0, (
        "a second press closes nothing twice"
    )
    work()
    open_parts = select(Fulfilment.due_at).where(Fulfilment.status == "assigned")
    assert {shanghai_day(due) for due in session.scalars(open_parts)} == {last + timedelta(days=1)}
    assert len(session.scalars(open_parts).all()) == 2
    assert open_all(session, first, last, OFFICE) == 2
    work()
    assert session.scalars(select(CounterClosure.id)).all() == []
    assert faults(session) == []


def test_a_holiday_longer_than_a_week_takes_nothing_off_a_delivery_but_waits_for_a_person(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, near = build.sku(), build.counter("NEAR")
    build.lot(eggs, at=near, quantity=10)
    placed = delivered(session, {eggs: 2}, (30.58, 114.28))
    last = today() + timedelta(days=12)
    close_all(session, today(), last, "", OFFICE, utcnow())
    work()
    assert [case.why for case in waiting_cases(session)] == ["all_closed"]
    assert session.scalars(select(OrderLine.cancelled)).all() == [0]
    open_all(session, today(), last, OFFICE)
    try_again(session, placed.id, OFFICE, utcnow())
    work()
    assert session.get_one(Order, placed.id).status == "routed"
    assert faults(session) == []


def test_what_is_shown_before_a_counter_closes_early_or_a_freezer_breaks_is_what_moves(
    session: Session, build: Builder, work: Work
) -> None:
    pork, oil = build.sku(storage="frozen"), build.sku()
    near, far = build.counter("NEAR"), build.counter("FAR", lat=30.6)
    for counter in (near, far):
        for sku in (pork, oil):
            build.lot(sku, at=counter, quantity=20)
    orders = [
        delivered(session, goods, (30.58, 114.28)) for goods in ({pork: 1, oil: 2}, {oil: 1}, {pork: 3}, {pork: 1})
    ]
    work()
    parts = {one.order_id: one for one in session.scalars(select(Fulfilment))}
    packed, picked = parts[orders[2].id], parts[orders[3].id]
    steps.make_ready(session, packed.id, OFFICE, utcnow())
    row = session.scalars(select(Allocation).where(Allocation.fulfilment_id == picked.id)).one()
    tick_row(session, picked.id, row.id, 1, OFFICE, utcnow())
    session.commit()
    foreseen = touched_by_outage(session, near.id, "frozen")
    assert [(one.number, one.packs, one.packed) for one in foreseen] == [
        (orders[0].number, 1, False), (orders[2].number, 3, True),
    ]  # fmt: skip
    start_outage(session, near.id, "frozen", "compressor", OFFICE, utcnow())
    work()
    assert [parts_of(session, one)[-1][0] for one in orders] == ["FAR", "NEAR", "NEAR", "NEAR"]
    day, closes = shanghai_day(session.get_one(Fulfilment, packed.id).due_at), time(0, 1)
    foreseen = touched_by_early_closing(session, near.id, datetime.combine(day, closes, SHANGHAI), utcnow())
    assert {one.number for one in foreseen if not one.packed} == {orders[index].number for index in (0, 1, 3)}
    set_day(session, near.id, day, closes=closes, capacity=None, reason="", actor=OFFICE, now=utcnow())
    work()
    assert [parts_of(session, one)[-1][0] for one in orders] == ["FAR", "FAR", "NEAR", "NEAR"], "picked packs stay"
    assert faults(session) == []


def test_closing_early_leaves_todays_number_of_parcels_as_the_office_set_it(session: Session, build: Builder) -> None:
    counter = build.counter()
    set_day(session, counter.id, today(), closes=None, capacity=70, reason="", actor=OFFICE, now=utcnow())
    for closes in (time(15), None):
        close_early(session, counter.id, closes, "no electricity", OFFICE, utcnow())
        session.commit()
        kept = session.get_one(CounterDay, (counter.id, today()), populate_existing=True)
        assert (kept.closes, kept.capacity) == (closes, 70)


def test_nothing_changes_for_anybody_when_the_change_touches_nothing(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, near = build.sku(), build.counter()
    build.lot(eggs, at=near, quantity=10)
    placed = order(session, {eggs: 2}, at=near)
    work()
    add_closure(session, near.id, today() + timedelta(days=20), today() + timedelta(days=21), "", OFFICE)
    work()
    assert session.scalars(select(RoutingPlan.version)).all() == [1]
    assert parts_of(session, placed) == [(near.code, "hand_over", "assigned")]
    assert notices(session, "assigned") == 1


def test_a_short_count_takes_the_newest_packs_that_nobody_picked(session: Session, build: Builder, work: Work) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    build.lot(eggs, at=near, quantity=6)
    build.lot(eggs, at=far, quantity=6)
    orders = [delivered(session, {eggs: 2}, (30.58, 114.28)) for _ in range(3)]
    work()
    newest = session.scalars(select(Fulfilment).where(Fulfilment.order_id == orders[2].id)).one()
    steps.make_ready(session, newest.id, OFFICE, utcnow())
    level = session.scalars(select(Allocation.level_id).where(Allocation.fulfilment_id == newest.id)).one()
    count_stock(session, level_id=level, counted=4, actor=OFFICE, source_id="c1", now=utcnow())
    work()
    assert [parts_of(session, one)[-1][0] for one in orders] == ["NEAR", "FAR", "NEAR"]
    assert faults(session) == []


def test_an_order_planned_too_often_waits_for_a_person(session: Session, build: Builder, work: Work) -> None:
    eggs, desk = build.sku(), build.counter()
    build.lot(eggs, at=desk, quantity=10)
    placed = order(session, {eggs: 2}, at=desk)
    work()
    for number in range(MOST_PLANS):
        allocations = session.scalars(select(Allocation).where(Allocation.state == "reserved")).all()
        if not allocations:
            break
        lot = build.lot(eggs, at=desk, quantity=10, code=f"N{number}")
        session.commit()
        old = session.get_one(Allocation, allocations[0].id).level.lot_id
        assert old != lot.id
        withdraw_lot(session, old, "recalled: test", OFFICE, utcnow())
        work()
    assert [case.why for case in waiting_cases(session)] == ["planned_too_often"]
    assert len(session.scalars(select(RoutingPlan.id)).all()) == MOST_PLANS
    assert session.scalars(select(Reservation.held)).all() == [2], "the promise stands"
    assert faults(session) == []
    try_again(session, placed.id, OFFICE, utcnow())
    work()
    assert session.get_one(Order, placed.id).status == "routed"
    assert faults(session) == []


@pytest.mark.timeout(300)
def test_closing_a_counter_with_many_orders_replans_all_of_them(
    session: Session, build: Builder, work: Work, figures: Callable[[str], Figures]
) -> None:
    many = size(45, 200)
    goods = [build.sku(storage=kind) for kind in ("ambient", "chilled", "frozen", "ambient", "chilled")]
    counters = [build.counter(lat=30.5 + 0.01 * n, lng=114.2 + 0.013 * (n * 7 % 12)) for n in range(size(12, 65))]
    closing = counters[6]
    for counter in counters:
        for sku in goods:
            build.lot(sku, at=counter, quantity=2 * many if counter is closing else many // 6, best_before_in=12)
    build.commit()
    orders = []
    for number in range(many):
        wanted = {goods[number % 5]: 1 + number % 2, goods[(number + 2) % 5]: 1}
        if number % 4 == 3:
            orders.append(order(session, wanted, at=closing))
        else:
            orders.append(delivered(session, wanted, (closing.lat, closing.lng + 0.0005)))
    for start in range(0, many, 25):
        route_orders(session, [one.id for one in orders[start : start + 25]], utcnow())
        session.commit()
    at_it = select(Fulfilment.id).where(Fulfilment.counter_id == closing.id, Fulfilment.status == "assigned")
    assert len(session.scalars(at_it).all()) >= many
    for job in session.scalars(select(Job).where(Job.topic == "order.route")):
        job.done_at = utcnow()
    session.commit()
    add_closure(session, closing.id, today(), today() + timedelta(days=2), "flood", OFFICE)
    began = clock.perf_counter()
    work()
    took = clock.perf_counter() - began
    last_day = today() + timedelta(days=2)
    still = [
        part for part in session.scalars(select(Fulfilment).where(Fulfilment.id.in_(at_it)))
        if shanghai_day(part.due_at) <= last_day
    ]  # fmt: skip
    row = figures("R4")
    row.exactly("routed orders replanned off a closing counter", many - len(still), many, "orders")
    row.takes_at_most("seconds until all are replanned", took, 30)
    row.exactly("invariants broken afterwards (oversold ones included)", len(faults(session)), 0)


def test_a_customer_collects_elsewhere_while_nothing_is_packed(session: Session, build: Builder, work: Work) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    build.lot(eggs, at=near, quantity=10)
    placed = order(session, {eggs: 2}, at=near)
    work()
    change_pickup(session, placed.id, far.id, GUEST, utcnow())
    work()
    assert parts_of(session, placed)[1:] == [("FAR", "hand_over", "assigned"), ("NEAR", "transfer", "assigned")]
    assert faults(session) == []
    transfer = session.scalars(select(Fulfilment).where(Fulfilment.role == "transfer")).one()
    steps.make_ready(session, transfer.id, OFFICE, utcnow())
    session.commit()
    with pytest.raises(CannotChangeCounter):
        change_pickup(session, placed.id, near.id, GUEST, utcnow())


def test_a_backlog_planned_together_costs_no_more_than_one_by_one_and_leaves_nobody_out(
    session: Session, build: Builder, work: Work, app: Flask
) -> None:
    eggs, oil = build.sku(), build.sku()
    counters = [build.counter(lat=30.5 + 0.02 * n, lng=114.2 + 0.03 * n) for n in range(5)]
    for n, counter in enumerate(counters):
        build.lot(eggs, at=counter, quantity=3 + n % 2)
        build.lot(oil, at=counter, quantity=4 - n % 2)
    build.commit()
    orders = [delivered(session, {eggs: 1, oil: 1}, (30.5 + 0.005 * n, 114.2 + 0.006 * n)) for n in range(14)]
    session.commit()
    with app.app_context():
        done = route_backlog(db.session(), None, utcnow(), "backlog", 5.0)
    assert (done.orders, done.written) == (14, 14)
    assert done.bound_fen <= done.together_fen <= done.alone_fen
    session.expire_all()
    kept = session.scalars(select(RoutingPlan.cost_fen)).all()
    assert sum(kept) == done.together_fen
    assert {session.get_one(Order, one.id).status for one in orders} == {"routed"}
    assert work() == 14, "the orders' own jobs find nothing left to do"
    assert len(session.scalars(select(RoutingPlan.id)).all()) == 14
    assert faults(session) == []


def test_an_order_of_which_nothing_is_left_leaves_no_work_at_its_counter(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, desk = build.sku(), build.counter()
    lot = build.lot(eggs, at=desk, quantity=2)
    placed = order(session, {eggs: 2}, at=desk)
    work()
    withdraw_lot(session, lot.id, "recalled: test", OFFICE, utcnow())
    work()
    assert session.get_one(Order, placed.id).status == "cancelled"
    assert parts_of(session, placed) == [(desk.code, "hand_over", "cancelled")]
    assert notices(session, "cancelled") == 1
    assert faults(session) == []


def test_goods_that_are_ticked_off_are_collected_where_they_are(session: Session, build: Builder, work: Work) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    build.lot(eggs, at=near, quantity=10)
    placed = order(session, {eggs: 2}, at=near)
    work()
    packs = session.scalars(select(Allocation)).one()
    tick_row(session, packs.fulfilment_id, packs.id, 1, OFFICE, utcnow())
    session.commit()
    with pytest.raises(CannotChangeCounter):
        change_pickup(session, placed.id, far.id, GUEST, utcnow())


def test_a_lot_recalled_between_two_counters_is_handed_to_nobody(session: Session, build: Builder, work: Work) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    lot = build.lot(eggs, at=far, quantity=2)
    order(session, {eggs: 2}, at=near)
    work()
    transfer = session.scalars(select(Fulfilment).where(Fulfilment.role == "transfer")).one()
    steps.make_ready(session, transfer.id, OFFICE, utcnow())
    steps.dispatch(session, transfer.id, OFFICE, utcnow())
    session.commit()
    withdraw_lot(session, lot.id, "recalled: test", OFFICE, utcnow())
    build.lot(eggs, at=near, quantity=1)
    work()
    steps.receive_transfer(session, transfer.id, OFFICE, utcnow())
    work()
    assert session.scalars(select(Reservation.allocated)).all() == [1], "what can be had from elsewhere is given"
    assert session.scalars(select(OrderLine.cancelled)).all() == [1], "the rest is taken off"
    assert faults(session) == []


def test_a_lot_recalled_while_it_is_brought_to_the_customer_ends_that_way_and_costs_nothing(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    lot = build.lot(eggs, at=near, quantity=2)
    placed = delivered(session, {eggs: 2}, (30.58, 114.28))
    work()
    build.lot(eggs, at=far, quantity=2)
    part = session.scalars(select(Fulfilment)).one()
    steps.make_ready(session, part.id, OFFICE, utcnow())
    steps.dispatch(session, part.id, OFFICE, utcnow())
    session.commit()
    withdraw_lot(session, lot.id, "recalled: test", OFFICE, utcnow())
    session.commit()
    with pytest.raises(WrongState):
        steps.hand_over(session, part.id, placed.pickup_code or "", OFFICE, utcnow())
    session.rollback()
    work()
    assert parts_of(session, placed) == [("NEAR", "deliver", "cancelled"), ("FAR", "deliver", "assigned")]
    assert faults(session) == []


def test_a_part_whose_goods_were_called_back_and_cannot_be_had_is_over(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, pork, near, far = build.sku(), build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    lot = build.lot(eggs, at=near, quantity=2)
    build.lot(pork, at=far, quantity=2)
    placed = delivered(session, {eggs: 2, pork: 2}, (30.58, 114.28))
    work()
    parts = {part.counter_id: part.id for part in session.scalars(select(Fulfilment))}
    withdraw_lot(session, lot.id, "recalled: test", OFFICE, utcnow())
    session.commit()
    with pytest.raises(WrongState):
        steps.make_ready(session, parts[near.id], OFFICE, utcnow())
    session.rollback()
    work()
    assert set(parts_of(session, placed)) == {("NEAR", "deliver", "cancelled"), ("FAR", "deliver", "assigned")}
    steps.make_ready(session, parts[far.id], OFFICE, utcnow())
    steps.hand_over(session, parts[far.id], placed.pickup_code or "", OFFICE, utcnow())
    assert session.get_one(Order, placed.id).status == "completed"


def test_what_is_missing_of_a_delivery_on_its_way_may_come_from_the_same_counter(
    session: Session, build: Builder, work: Work
) -> None:
    eggs, pork, near = build.sku(), build.sku(), build.counter("NEAR")
    lot = build.lot(eggs, at=near, quantity=2)
    build.lot(pork, at=near, quantity=2)
    placed = delivered(session, {eggs: 2, pork: 2}, (30.58, 114.28))
    work()
    part = session.scalars(select(Fulfilment)).one()
    steps.make_ready(session, part.id, OFFICE, utcnow())
    steps.dispatch(session, part.id, OFFICE, utcnow())
    session.commit()
    build.lot(eggs, at=near, quantity=2)
    withdraw_lot(session, lot.id, "recalled: test", OFFICE, utcnow())
    work()
    assert parts_of(session, placed) == [("NEAR", "deliver", "dispatched"), ("NEAR", "deliver", "assigned")]
    second = session.scalars(select(Fulfilment.id).where(Fulfilment.status == "assigned")).one()
    steps.hand_over(session, part.id, placed.pickup_code or "", OFFICE, utcnow())
    steps.make_ready(session, second, OFFICE, utcnow())
    steps.hand_over(session, second, placed.pickup_code or "", OFFICE, utcnow())
    session.commit()
    assert session.get_one(Order, placed.id).status == "completed"
    assert faults(session) == []
