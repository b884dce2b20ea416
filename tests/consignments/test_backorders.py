"""What no counter can give is promised from what is on the road: never twice, and never silently broken."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure
from catalogue.stock.models import StockLevel
from orders.check import faults
from orders.checkout import place_order
from orders.consignments.models import Backorder, Consignment, ConsignmentLine, ConsignmentLot, ReorderPoint
from orders.consignments.proposals import coming_to_counters, propose_by_hand
from orders.consignments.replenish import ROAD_DAYS
from orders.consignments.states import ConsignmentStatus
from orders.consignments.steps import Outcome, confirm, end, receive
from orders.consignments.waiting import give_up_hope
from orders.fulfilment.assign import route_orders
from orders.fulfilment.cases import waiting_cases
from orders.fulfilment.change_pickup import change_pickup
from orders.fulfilment.coming import unpromised
from orders.fulfilment.do_without import NotAwaited, do_without
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.replan import counter_changed, waiting_orders
from orders.fulfilment.steps import make_ready, reject_line
from orders.lifecycle import cancel_order, expire_overdue
from orders.models import Order
from orders.payments.models import MoneyEntry
from orders.recall import recall_lot
from orders.shortage import count_stock
from shop.clock import SHANGHAI, shanghai_day, utcnow
from shop.db import in_transaction
from shop.errors import DomainError
from shop.outbox import Job
from tests.builders import GUEST, Builder, draft_of, order, today
from tests.consignments.road import Road


@pytest.fixture(autouse=True)
def application(app: Flask) -> Iterator[Flask]:
    """Refusals are worded in an application."""
    with app.app_context():
        yield app


@pytest.fixture
def road(session: Session, build: Builder) -> Road:
    """Three packs on the shelf."""
    return Road(session, build)


def test_what_is_counted_short_comes_with_the_next_delivery_and_the_order_ends_paid(road: Road) -> None:
    consignment = road.coming(40)
    bought = road.ordered(3, promised_anyway=2)
    road.all_is_well()
    assert road.waits(bought) == 2 and bought.total_fen == 3 * 2500, "nothing is taken off"
    line = road.session.scalars(select(ConsignmentLine)).one()
    assert line.promised == 2
    assert road.told(bought) == ["confirmed", "awaited"]
    road.hands_over(bought)
    road.all_is_well()
    assert road.status(bought) == "confirmed", "one pack is collected and paid, two are on the road"
    road.arrives(consignment, 40)
    road.all_is_well()
    assert road.free() == 38, "the customer's two packs are nobody else's"
    road.work()
    road.all_is_well()
    assert road.status(bought) == "preparing" and road.waits(bought) == 0
    road.hands_over(bought)
    road.all_is_well()
    assert road.status(bought) == "completed"
    paid = road.session.scalars(select(MoneyEntry.amount_fen).order_by(MoneyEntry.at)).all()
    assert paid == [2500, 5000], "each part its own"


def test_who_loses_another_pack_awaits_both_from_the_same_delivery_and_is_told_again(road: Road) -> None:
    consignment = road.coming(40)
    bought = road.ordered(3, promised_anyway=1)
    road.session.add(CounterClosure(
        counter_id=road.counter.id, from_day=today() + timedelta(days=ROAD_DAYS),
        to_day=today() + timedelta(days=ROAD_DAYS), reason="moving",
    ))  # fmt: skip
    level = road.session.scalars(select(StockLevel).where(StockLevel.lot.has(code="SHELF"))).one()
    count_stock(road.session, level_id=level.id, counted=1, actor=GUEST, source_id="again", now=utcnow())
    road.session.commit()
    road.work()
    road.all_is_well()
    awaited = road.session.scalars(select(Backorder).where(Backorder.state == "awaited")).one()
    assert (awaited.packs, awaited.expected_on) == (2, today() + timedelta(days=ROAD_DAYS + 1)), "one day for both"
    assert road.told(bought) == ["confirmed", "awaited", "awaited"]
    road.arrives(consignment, 40)
    road.work()
    road.all_is_well()
    assert (road.waits(bought), road.promise(bought).allocated) == (0, 3)


def test_without_anything_on_the_road_packs_are_taken_off_as_before(road: Road) -> None:
    bought = road.ordered(3, promised_anyway=2)
    road.all_is_well()
    assert (road.waits(bought), road.promise(bought).released, bought.lines[0].cancelled) == (0, 2, 2)
    assert road.told(bought) == ["confirmed", "changed"]


def test_a_line_a_counter_refuses_waits_for_what_is_brought_to_that_counter(road: Road) -> None:
    bought = road.ordered(3)
    consignment = road.coming(12)
    part = road.session.scalars(select(Fulfilment)).one()
    reject_line(road.session, part.id, bought.lines[0].id, "broken in the cold", GUEST, utcnow())
    road.session.commit()
    road.work()
    road.all_is_well()
    assert road.waits(bought) == 3
    road.arrives(consignment, 12)
    road.work()
    road.all_is_well()
    parts = road.session.scalars(select(Fulfilment).order_by(Fulfilment.id)).all()
    assert [(one.counter_id, one.status) for one in parts] == [
        (road.counter.id, "rejected"), (road.counter.id, "assigned")
    ], "it is asked again, for it has them now"  # fmt: skip


def test_what_comes_to_another_counter_is_sent_on_to_where_it_is_collected(road: Road) -> None:
    consignment = road.coming(12, to=road.other)
    bought = road.ordered(3, promised_anyway=1)
    assert road.waits(bought) == 1
    road.arrives(consignment, 12)
    road.work()
    road.all_is_well()
    roles = road.session.scalars(select(Fulfilment.role).where(Fulfilment.status == "assigned")).all()
    assert sorted(roles) == ["hand_over", "transfer"]


def test_what_is_late_or_only_asked_for_is_promised_to_nobody(road: Road) -> None:
    late = road.session.get_one(Consignment, road.coming(12))
    late.arrives_on = today() - timedelta(days=1)
    arrives = today() + timedelta(days=ROAD_DAYS)
    propose_by_hand(road.session, road.cooperative.id, road.counter.id, arrives, {road.eggs.id: 9}, GUEST, utcnow())
    road.session.commit()
    assert road.waits(road.ordered(3, promised_anyway=1)) == 0, "nobody knows when, or whether, it comes"
    road.all_is_well()


@pytest.mark.parametrize(("days_off", "waits"), [(2, 2), (5, 0)])
def test_the_day_is_one_on_which_the_counter_works_and_the_goods_keep(
    session: Session, build: Builder, days_off: int, waits: int
) -> None:
    road = Road(session, build)
    road.store.best_before = today() + timedelta(days=ROAD_DAYS + 6)  # 3 of them are the customer's
    arrives = today() + timedelta(days=ROAD_DAYS)
    until = arrives + timedelta(days=days_off - 1)
    session.add(CounterClosure(counter_id=road.counter.id, from_day=arrives, to_day=until, reason="moving"))
    road.coming(12)
    bought = road.ordered(3, promised_anyway=2)
    assert road.waits(bought) == waits
    days = session.scalars(select(Backorder.expected_on).where(Backorder.state == "awaited")).all()
    assert days == ([until + timedelta(days=1)] if waits else [])
    road.all_is_well()


@pytest.mark.parametrize(("radius_m", "waits"), [(10_000, 2), (1_000, 0)])
def test_a_delivery_waits_for_what_comes_within_reach(
    session: Session, build: Builder, radius_m: int, waits: int
) -> None:
    road = Road(session, build)
    road.other.radius_m = radius_m
    road.coming(12, to=road.other)
    draft = draft_of({road.eggs: 3}, to=(30.58, 114.281))
    placed = place_order(session, draft, placement_key="delivery", actor=GUEST, now=utcnow())
    level = session.scalars(select(StockLevel).where(StockLevel.lot.has(code="SHELF"))).one()
    count_stock(session, level_id=level.id, counted=1, actor=GUEST, source_id="c", now=utcnow())
    session.commit()
    road.work()
    road.all_is_well()
    assert road.waits(placed) == waits


def test_a_short_consignment_serves_the_oldest_and_the_next_one_the_others(road: Road) -> None:
    road.build.lot(road.eggs, at=road.counter, quantity=3, code="SECOND")
    road.session.commit()
    first_lorry = road.coming(4)
    older, newer = order(road.session, {road.eggs: 3}, at=road.counter), order(
        road.session, {road.eggs: 3}, at=road.counter
    )  # fmt: skip
    for number, code in enumerate(("SHELF", "SECOND")):
        level = road.session.scalars(select(StockLevel).where(StockLevel.lot.has(code=code))).one()
        count_stock(road.session, level_id=level.id, counted=1, actor=GUEST, source_id=f"c{number}", now=utcnow())
        road.session.commit()
    road.work()
    road.all_is_well()
    assert road.waits(older) + road.waits(newer) == 4
    second_lorry = road.coming(9, sent=False)
    road.arrives(first_lorry, 2, damaged=1)
    road.all_is_well()
    road.work()
    road.all_is_well()
    waiting = road.waits(older) + road.waits(newer)
    assert waiting == 2, "two came, two wait for the next lorry"
    assert road.waits(newer) == min(2, waiting), "the older order was served first"
    lines = road.session.scalars(select(ConsignmentLine).order_by(ConsignmentLine.id)).all()
    assert [(one.consignment_id == second_lorry, one.promised) for one in lines] == [(False, 0), (True, 2)]
    assert "changed" not in road.told(older) + road.told(newer)


def test_nothing_came_and_nothing_more_comes_so_it_is_taken_off_with_an_apology(road: Road) -> None:
    consignment = road.coming(4)
    bought = road.ordered(3, promised_anyway=2)
    road.hands_over(bought)
    road.arrives(consignment, 0, damaged=4)
    road.work()
    road.all_is_well()
    road.session.refresh(bought)
    assert (bought.status, bought.total_fen) == ("completed", 2500), "she paid for what she has, and that is all of it"
    assert road.told(bought)[-1] == "changed"


def test_stock_that_came_otherwise_is_taken_before_an_apology(road: Road) -> None:
    consignment = road.coming(4)
    bought = road.ordered(3, promised_anyway=2)
    road.build.lot(road.eggs, at=road.other, quantity=1, code="BY-CHANCE")
    end(road.session, road.coming(1, sent=False), ConsignmentStatus.WITHDRAWN, "no", GUEST, utcnow())
    road.session.commit()
    road.arrives(consignment, 0)
    road.work()
    road.all_is_well()
    assert (road.promise(bought).allocated, bought.lines[0].cancelled) == (2, 1)


@pytest.mark.parametrize(
    "how", ["declined", "withdrawn", "less", "late", "recalled", "recalled before it left", "counted before it left"]
)
def test_however_a_consignment_falls_through_its_customers_are_planned_anew(road: Road, how: str) -> None:
    consignment = road.coming(10, sent=how == "recalled")
    bought = road.ordered(3, promised_anyway=2)
    assert road.waits(bought) == 2
    line = road.session.scalars(select(ConsignmentLine)).one()
    if how == "less":
        confirm(road.session, consignment, {line.id: 1}, GUEST, utcnow())
    elif how == "recalled":
        recall_lot(road.session, "EGG-30", "STORE", "salmonella", GUEST, utcnow())
        road.session.commit()
        assert give_up_hope(road.session, utcnow()) == 2
    elif how == "recalled before it left":
        recall_lot(road.session, "EGG-30", "STORE", "salmonella", GUEST, utcnow())
        road.session.commit()
        assert give_up_hope(road.session, utcnow()) == 2, "nobody waits until the day for what never leaves"
    elif how == "counted before it left":
        level = road.session.scalars(select(StockLevel).where(StockLevel.reserved == 10)).one()
        count_stock(road.session, level_id=level.id, counted=1, actor=GUEST, source_id="store", now=utcnow())
        road.session.commit()
        assert give_up_hope(road.session, utcnow()) == 2
    elif how == "late":
        assert give_up_hope(road.session, utcnow() + timedelta(days=ROAD_DAYS + 1)) == 0, "a day late is no reason"
        assert give_up_hope(road.session, utcnow() + timedelta(days=ROAD_DAYS + 2)) == 2
        road.session.get_one(Consignment, consignment).arrives_on = today() - timedelta(days=2)
    else:
        end(road.session, consignment, ConsignmentStatus(how), "hail", GUEST, utcnow())
    road.session.commit()
    road.work()
    road.all_is_well()
    assert (road.waits(bought), bought.lines[0].cancelled) == ((1, 1) if how == "less" else (0, 2))
    road.session.refresh(bought)
    assert bought.total_fen == (3 - bought.lines[0].cancelled) * 2500


def test_who_does_without_pays_less_and_the_pack_is_free_for_the_next(road: Road) -> None:
    road.coming(2)
    bought = road.ordered(3, promised_anyway=2)
    do_without(road.session, bought.id, bought.lines[0].position, GUEST, utcnow())
    road.all_is_well()
    assert (road.waits(bought), bought.total_fen, road.status(bought)) == (0, 2500, "routed")
    assert road.session.scalars(select(ConsignmentLine.promised)).one() == 0
    with pytest.raises(NotAwaited):
        do_without(road.session, bought.id, bought.lines[0].position, GUEST, utcnow())
    road.session.rollback()


def test_who_does_without_all_of_it_has_no_order_any_more(road: Road) -> None:
    road.coming(9)
    bought = road.ordered(3, promised_anyway=3)
    do_without(road.session, bought.id, 1, GUEST, utcnow())
    road.all_is_well()
    assert road.status(bought) == "cancelled"


def test_who_does_without_between_arrival_and_planning_leaves_the_pack_to_others(road: Road) -> None:
    consignment = road.coming(4)
    bought = road.ordered(3, promised_anyway=2)
    road.arrives(consignment, 4)
    assert road.free() == 2
    do_without(road.session, bought.id, 1, GUEST, utcnow())
    road.work()
    road.all_is_well()
    assert road.free() == 4


def test_a_cancelled_order_waits_for_nothing(road: Road) -> None:
    road.coming(9)
    bought = road.ordered(3, promised_anyway=2)
    cancel_order(road.session, bought.id, GUEST, utcnow())
    road.all_is_well()
    assert road.waits(bought) == 0 and road.promise(bought).released == 3


def test_who_waits_may_collect_once_for_everything_and_elsewhere(road: Road) -> None:
    consignment = road.coming(9)
    bought = road.ordered(3, promised_anyway=2)
    change_pickup(road.session, bought.id, road.other.id, GUEST, utcnow())
    road.session.commit()
    road.work()
    road.all_is_well()
    assert road.waits(bought) == 2, "what is on the road stays promised"
    for part in road.session.scalars(select(Fulfilment).where(Fulfilment.status == "assigned")).all():
        road.session.refresh(part)
    road.arrives(consignment, 9)
    road.work()
    road.all_is_well()
    assert road.waits(bought) == 0 and road.promise(bought).allocated == 3


def test_what_arrived_while_its_counter_is_closed_is_planned_when_that_opens_again(road: Road) -> None:
    consignment = road.coming(9)
    bought = road.ordered(3, promised_anyway=3)
    closure = CounterClosure(
        counter_id=road.counter.id, from_day=today(), to_day=today() + timedelta(days=30), reason="water"
    )
    road.session.add(closure)
    road.session.commit()
    road.arrives(consignment, 9)
    road.work()
    road.all_is_well()
    assert [case.why for case in waiting_cases(road.session)] == ["pickup_closed"]
    assert road.waits(bought) == 3, "it stands there, set aside"
    road.session.delete(closure)
    assert waiting_orders(road.session) == [bought.id], "a person who has all of them planned does not miss it"
    counter_changed(road.session, road.counter.id, "opened", "opened")
    road.work()
    road.all_is_well()
    assert road.promise(bought).allocated == 3 and waiting_cases(road.session) == []


def test_a_part_that_is_ready_is_kept_until_the_rest_has_come(road: Road) -> None:
    road.coming(9)
    bought = road.ordered(3, promised_anyway=2)
    part = road.session.scalars(select(Fulfilment).where(Fulfilment.status == "assigned")).one()
    make_ready(road.session, part.id, GUEST, utcnow())
    road.session.commit()
    road.session.refresh(bought)
    assert bought.status == "ready", "she may come for what is there"
    assert bought.collect_by is not None
    assert shanghai_day(bought.collect_by) > today() + timedelta(days=ROAD_DAYS)
    assert expire_overdue(road.session, bought.collect_by + timedelta(seconds=1)) == 1
    road.all_is_well()
    assert road.waits(bought) == 0


def test_a_lorry_that_is_a_day_late_expires_nobody_who_waits_for_it(road: Road) -> None:
    road.counter.hold_hours = 12
    road.coming(9)
    bought = road.ordered(3, promised_anyway=2)
    part = road.session.scalars(select(Fulfilment).where(Fulfilment.status == "assigned")).one()
    make_ready(road.session, part.id, GUEST, utcnow())
    road.session.commit()
    expected = road.session.scalars(select(Backorder.expected_on).where(Backorder.state == "awaited")).one()
    assert expected is not None
    a_day_late = datetime.combine(expected + timedelta(days=1), time(15), SHANGHAI)
    assert give_up_hope(road.session, a_day_late) == 0
    assert expire_overdue(road.session, a_day_late) == 0
    assert road.status(bought) == "ready"


def test_who_took_a_part_and_never_comes_again_waits_for_nothing_more(session: Session, build: Builder) -> None:
    road = Road(session, build, on_shelf=4)
    first, _second = road.coming(2), road.coming(5)
    bought = road.ordered(4, promised_anyway=3)
    assert sorted(road.session.scalars(select(Backorder.packs).where(Backorder.state == "awaited"))) == [1, 2]
    road.hands_over(bought)
    road.arrives(first, 2)
    road.work()
    part = road.session.scalars(select(Fulfilment).where(Fulfilment.status == "assigned")).one()
    make_ready(road.session, part.id, GUEST, utcnow())
    road.session.commit()
    road.session.refresh(bought)
    assert (bought.status, road.waits(bought)) == ("ready", 1) and bought.collect_by is not None
    assert expire_overdue(road.session, bought.collect_by + timedelta(seconds=1)) == 1
    road.all_is_well()
    road.session.refresh(bought)
    assert (bought.status, bought.total_fen, road.waits(bought)) == ("completed", 2500, 0), "one pack is what she took"


def test_what_was_set_aside_for_a_customer_and_breaks_before_it_is_planned_is_looked_for_again(road: Road) -> None:
    consignment = road.coming(2)
    bought = road.ordered(3, promised_anyway=2)
    road.arrives(consignment, 2)
    arrived = road.session.scalars(select(Backorder).where(Backorder.state == "arrived")).one()
    road.coming(5)
    assert arrived.level_id is not None
    count_stock(road.session, level_id=arrived.level_id, counted=1, actor=GUEST, source_id="c", now=utcnow())
    road.all_is_well()
    road.work()
    road.all_is_well()
    promise = road.promise(bought)
    assert (promise.allocated, promise.awaited, promise.released) == (2, 1, 0)


def test_what_arrived_for_a_customer_is_taken_by_no_older_order_that_waits_for_a_counter(road: Road) -> None:
    road.build.lot(road.eggs, at=road.other, quantity=2, code="ELSEWHERE")
    older = order(road.session, {road.eggs: 2}, at=road.counter)
    for job in road.session.scalars(select(Job).where(Job.topic == "order.route")):
        job.done_at = utcnow()  # nobody gets to it
    consignment = road.coming(2)
    bought = road.ordered(3, promised_anyway=2)
    road.other.active = False
    assert road.waits(bought) == 2
    road.arrives(consignment, 2)
    assert road.free() == 0, "two packs at the closed counter are promised to the older order"
    route_orders(road.session, [older.id, bought.id], utcnow(), "arrived")
    road.session.commit()
    assert (road.promise(bought).allocated, road.promise(older).allocated) == (3, 0)
    road.work()
    road.all_is_well()


def test_customers_go_before_the_shelf(road: Road) -> None:
    road.session.add(ReorderPoint(counter_id=road.counter.id, sku_id=road.eggs.id, point=6, up_to=24))
    road.coming(10)
    road.ordered(3, promised_anyway=2)
    assert coming_to_counters(road.session, [road.eggs.id]) == {(road.counter.id, road.eggs.id): 8}


def test_the_database_promises_no_pack_on_the_road_twice(road: Road) -> None:
    road.coming(2)
    bought = road.ordered(3, promised_anyway=2)
    road.session.scalars(select(Backorder).where(Backorder.state == "awaited")).one().packs = 3
    with pytest.raises(IntegrityError, match="never_promised_twice"):
        road.session.flush()
    road.session.rollback()
    assert road.waits(bought) == 2


def test_two_orders_race_for_the_last_pack_on_the_road(road: Road, database_url: str) -> None:
    road.coming(1)
    both = [order(road.session, {road.eggs: 1}, at=road.counter) for _ in range(2)]
    level = road.session.scalars(select(StockLevel).where(StockLevel.lot.has(code="SHELF"))).one()
    count_stock(road.session, level_id=level.id, counted=0, actor=GUEST, source_id="gone", now=utcnow())
    for job in road.session.scalars(select(Job).where(Job.topic.in_(("order.route", "orders.route")))):
        job.done_at = utcnow()
    road.session.commit()
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    together, failed = threading.Barrier(2), []

    def plan(order_id: int) -> None:
        with Session(engine) as own:
            together.wait()
            try:
                in_transaction(own, lambda: route_orders(own, [order_id], utcnow(), "counted"), tries=20)
            except Exception as error:  # noqa: BLE001  told below
                failed.append(error)

    threads = [threading.Thread(target=plan, args=(one.id,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert failed == []
    road.all_is_well()
    assert sorted(road.waits(one) for one in both) == [0, 1]
    assert sorted(road.status(one) for one in both) == ["cancelled", "confirmed"]


def test_who_cancels_and_a_planner_do_not_wait_for_each_other(road: Road, database_url: str) -> None:
    """A planner holds levels when it locks the lines of what is on the road; so whoever cancels takes levels first."""
    consignment = road.coming(9)
    bought = road.ordered(3, promised_anyway=2)
    level = road.session.scalars(select(StockLevel.id).where(StockLevel.lot.has(code="SHELF"))).one()
    order_id, sku_id = bought.id, road.eggs.id
    road.session.commit()
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def cancel() -> None:
        with Session(engine) as own:
            cancel_order(own, order_id, GUEST, utcnow())
            own.commit()

    with Session(engine) as planner, engine.connect() as looker, ThreadPoolExecutor(1) as people:
        planner.execute(select(StockLevel.id).where(StockLevel.id == level).with_for_update())
        cancelled = people.submit(cancel)
        while not looker.execute(text(waiting)).scalar():
            looker.rollback()
        unpromised(planner, [consignment], [sku_id])
        planner.rollback()
        cancelled.result(20)
    engine.dispose()
    road.all_is_well()
    assert road.status(bought) == "cancelled"


def test_planners_and_a_counter_that_receives_do_not_wait_for_each_other_for_ever(
    road: Road, database_url: str
) -> None:
    """The counter has the very lot that comes: planners hold its level when they look at the road."""
    road.build.session.commit()
    road.arrives(road.coming(6), 6)
    consignment = road.coming(6)
    both = [order(road.session, {road.eggs: 4}, at=road.counter) for _ in range(2)]
    level = road.session.scalars(select(StockLevel).where(StockLevel.lot.has(code="SHELF"))).one()
    count_stock(road.session, level_id=level.id, counted=0, actor=GUEST, source_id="gone", now=utcnow())
    road.session.commit()
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    together, failed = threading.Barrier(3), []
    lot = road.session.scalars(select(ConsignmentLot).where(ConsignmentLot.state == "on_the_road")).one()

    def do(work: Any) -> None:
        with Session(engine) as own:
            together.wait()
            try:
                in_transaction(own, lambda: work(own), tries=20)
            except Exception as error:  # noqa: BLE001  told below
                failed.append(error)

    works = [lambda own, one=one: route_orders(own, [one.id], utcnow(), "counted") for one in both]
    works.append(lambda own: receive(own, consignment, {lot.id: Outcome(6)}, GUEST, utcnow()))
    threads = [threading.Thread(target=do, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert failed == []
    road.session.expire_all()
    road.work()
    road.all_is_well()
    assert sum(road.promise(one).allocated for one in both) == 8


class AnyDay:
    """What customers, counters and cooperatives may do, by the dice. Each may be refused."""

    def __init__(self, road: Road, seed: int) -> None:
        self.road, self.session, self.dice = road, road.session, random.Random(seed)
        self.lorries: list[int] = []

    def something(self) -> None:
        """One deed of anybody; what is refused, or asks for what is not there, is as if it had never been."""
        deeds = [
            *[self.buy] * 4, *[self.send] * 3, *[self.land] * 2, *[self.miscount] * 3, *[self.road.work] * 3,
            self.miscount_the_store, self.serve, self.fall_through, self.say_less, self.recall, self.collect_elsewhere,
            self.do_without, self.cancel,
        ]  # fmt: skip
        try:
            self.dice.choice(deeds)()
            self.session.commit()
        except (DomainError, IndexError):
            self.session.rollback()
        self.session.expire_all()

    def buy(self) -> None:
        draft = draft_of({self.road.eggs: self.dice.randint(1, 4)}, at=self.a_counter())
        place_order(self.session, draft, placement_key=str(self.dice.random()), actor=GUEST, now=utcnow())

    def send(self) -> None:
        sent = self.dice.random() < 0.6
        self.lorries.append(self.road.coming(self.dice.randint(1, 6), to=self.a_counter(), sent=sent))

    def land(self) -> None:
        self.road.arrives(self.dice.choice(self.lorries), self.dice.randint(0, 6), self.dice.randint(0, 2))

    def fall_through(self) -> None:
        end(self.session, self.dice.choice(self.lorries), ConsignmentStatus.DECLINED, "hail", GUEST, utcnow())

    def say_less(self) -> None:
        lorry = self.dice.choice(self.lorries)
        line = self.session.scalars(select(ConsignmentLine).where(ConsignmentLine.consignment_id == lorry)).one()
        confirm(self.session, lorry, {line.id: self.dice.randint(1, 5)}, GUEST, utcnow())

    def miscount(self) -> None:
        shelves = select(StockLevel).where(StockLevel.on_hand > 0, StockLevel.location.has(channel="counters"))
        level = self.dice.choice(self.session.scalars(shelves.order_by(StockLevel.id)).all())
        count_stock(
            self.session, level_id=level.id, counted=self.dice.randint(0, level.on_hand // 2), actor=GUEST,
            source_id=str(self.dice.random()), now=utcnow(),
        )  # fmt: skip

    def miscount_the_store(self) -> None:
        stores = select(StockLevel).where(StockLevel.on_hand > 0, StockLevel.location.has(channel="origin"))
        level = self.dice.choice(self.session.scalars(stores.order_by(StockLevel.id)).all())
        count_stock(
            self.session, level_id=level.id, counted=level.on_hand - 1, actor=GUEST,
            source_id=str(self.dice.random()), now=utcnow(),
        )  # fmt: skip

    def recall(self) -> None:
        if self.dice.random() < 0.04:
            recall_lot(self.session, "EGG-30", "STORE", "salmonella", GUEST, utcnow())
        give_up_hope(self.session, utcnow())

    def collect_elsewhere(self) -> None:
        change_pickup(self.session, self.an_order().id, self.a_counter().id, GUEST, utcnow())

    def do_without(self) -> None:
        do_without(self.session, self.an_order().id, 1, GUEST, utcnow())

    def cancel(self) -> None:
        cancel_order(self.session, self.an_order().id, GUEST, utcnow())

    def serve(self) -> None:
        self.road.hands_over(self.an_order())

    def an_order(self) -> Order:
        return self.dice.choice(self.session.scalars(select(Order).order_by(Order.id)).all())

    def a_counter(self) -> Counter:
        return self.dice.choice((self.road.counter, self.road.other))


@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_whatever_happens_no_promise_is_lost_or_made_twice(session: Session, build: Builder, seed: int) -> None:
    road = Road(session, build, on_shelf=24)
    day = AnyDay(road, seed)
    for step in range(80):
        day.something()
        assert faults(session) == [], f"seed {seed}, step {step}"
    road.work()
    road.all_is_well()
    assert session.scalar(select(Backorder.id).limit(1)) is not None, "somebody waited for something"


def test_routing_with_nothing_missing_asks_nothing_more(road: Road) -> None:
    road.coming(9)
    placed = order(road.session, {road.eggs: 2}, at=road.counter)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    engine = road.session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    route_orders(road.session, [placed.id], utcnow())
    event.remove(engine, "before_cursor_execute", note)
    assert not [one for one in asked if "backorder" in one or "consignment" in one]
