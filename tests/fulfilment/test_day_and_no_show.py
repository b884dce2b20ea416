"""The day's close counts what is there; an order nobody collects is announced, then its goods go back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.stock.availability import available
from catalogue.stock.models import StockLevel
from orders.check import faults
from orders.fulfilment import queue, steps
from orders.fulfilment.day import Entry, close_day, shelf, summary
from orders.lifecycle import expire_overdue
from orders.models import Order
from orders.no_show import remind_to_collect
from shop.audit import AuditEntry
from shop.clock import utcnow
from shop.errors import Invalid
from shop.outbox import Job
from tests.builders import Builder, today
from tests.fulfilment.test_steps import STAFF, part_of, routed


def mails(session: Session, kind: str) -> int:
    """How many mails of that kind are to be written."""
    jobs = select(Job.payload).where(Job.topic == "order.mail")
    return sum(payload["kind"] == kind for payload in session.execute(jobs).scalars())


def test_a_day_closes_with_counts_waste_and_what_was_taken(session: Session, build: Builder) -> None:
    eggs, oil, potatoes, counter = build.sku(price_fen=2580), build.sku(), build.sku(), build.counter()
    for sku, packs in ((eggs, 10), (oil, 10), (potatoes, 10)):
        build.lot(sku, at=counter, quantity=packs)
    placed = routed(session, {eggs: 2}, counter)
    part = part_of(session, "hand_over")
    seen = {row.sku: row for row in shelf(session, counter.id)}
    # Sold after it was counted, before it was saved: it stays sold.
    steps.make_ready(session, part.id, STAFF, utcnow())
    steps.hand_over(session, part.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    entries = [
        Entry(seen[eggs.code].level_id, 10, 9, 0, ""),
        Entry(seen[oil.code].level_id, 10, 7, 2, "damaged"),
        Entry(seen[potatoes.code].level_id, 10, None, 1, "expired"),
    ]
    assert [one.difference for one in entries] == [-1, -1, 0]
    assert close_day(session, counter, entries, "evening", STAFF, utcnow()) == 4
    assert close_day(session, counter, entries, "evening", STAFF, utcnow()) == 0
    left = {row.sku: row.on_hand for row in shelf(session, counter.id)}
    assert left == {eggs.code: 7, oil.code: 7, potatoes.code: 9}
    assert faults(session) == []
    told = summary(session, counter, today())
    assert ([one.number for one in told.handed_over], told.packs, told.collected_fen) == ([placed.number], 2, 5160)
    assert (told.wasted, [one.packs for one in told.losses if one.kind == "count"]) == (3, [-1, -1])
    assert summary(session, counter, today() - timedelta(days=1)).handed_over == []
    assert session.scalars(select(AuditEntry.action).where(AuditEntry.action == "counter.day_closed")).all()


def test_a_count_below_what_is_promised_sends_the_rest_elsewhere_and_no_other_counter_is_counted(
    session: Session, build: Builder
) -> None:
    eggs, near, far = build.sku(), build.counter(), build.counter(lat=30.6)
    build.lot(eggs, at=near, quantity=5)
    build.lot(eggs, at=far, quantity=5)
    placed = routed(session, {eggs: 4}, near)
    row = shelf(session, near.id)[0]
    assert (row.on_hand, row.reserved) == (5, 4)
    foreign = shelf(session, far.id)[0]
    with pytest.raises(Invalid):
        close_day(session, near, [Entry(foreign.level_id, 5, 0, 0, "")], "k", STAFF, utcnow())
    close_day(session, near, [Entry(row.level_id, 5, 2, 0, "")], "k2", STAFF, utcnow())
    assert session.get_one(Order, placed.id, populate_existing=True).status == "confirmed"
    assert available(session, [eggs.id]) == {eggs.id: 3}
    assert faults(session) == []


def test_whoever_does_not_come_is_reminded_once_and_then_the_goods_go_back(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    counter.hold_hours = 10
    build.lot(eggs, at=counter, quantity=5)
    placed = routed(session, {eggs: 2}, counter)
    part = part_of(session, "hand_over")
    now = utcnow()
    steps.make_ready(session, part.id, STAFF, now)
    session.commit()
    assert session.get_one(Order, placed.id).collect_by == now + timedelta(hours=10)
    assert remind_to_collect(session, now + timedelta(hours=4)) == 0
    assert remind_to_collect(session, now + timedelta(hours=6)) == 1
    assert remind_to_collect(session, now + timedelta(hours=7)) == 0
    assert mails(session, "collect") == 1
    (ticket,) = queue.board(session, {counter.id}, now + timedelta(hours=6))
    assert ticket.collect_by == now + timedelta(hours=10)
    assert expire_overdue(session, now + timedelta(hours=9)) == 0
    assert expire_overdue(session, now + timedelta(hours=11)) == 1
    assert session.get_one(Order, placed.id, populate_existing=True).status == "expired"
    assert session.scalars(select(StockLevel.reserved).execution_options(populate_existing=True)).all() == [0]
    assert available(session, [eggs.id]) == {eggs.id: 5}
    assert queue.board(session, {counter.id}, utcnow()) == []
    assert faults(session) == []
