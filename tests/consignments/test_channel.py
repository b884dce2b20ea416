"""From a shelf that runs low to goods that stand on it: the green channel, step by step, and what may go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalogue.stock.availability import InsufficientStock, available
from catalogue.stock.models import Channel, Location, StockLevel
from orders.check import faults
from orders.consignments.models import Consignment, ConsignmentLot, ReorderPoint
from orders.consignments.proposals import propose_all, propose_by_hand
from orders.consignments.replenish import ROAD_DAYS, Shelf, StoreLot, Wish, share_out, wish_of
from orders.consignments.states import ConsignmentStatus
from orders.consignments.steps import NotSetAside, Outcome, PacksDoNotAddUp, confirm, dispatch, end, receive
from orders.fulfilment.assign import route_order
from orders.notifications.compose import notify_consignment
from orders.notifications.words import words_of
from orders.recall import recall_lot
from orders.shortage import count_stock
from shop.clock import utcnow
from shop.errors import WrongState
from shop.outbox import Job
from tests.builders import GUEST, Builder, order, today


@pytest.fixture(autouse=True)
def application(app: Flask) -> Iterator[Flask]:
    """Refusals are worded in an application."""
    with app.app_context():
        yield app


class Channel40:
    """Eggs in a store in Nedong, 40 packs of them young enough to travel, and a counter that has hardly any."""

    def __init__(self, session: Session, build: Builder) -> None:
        self.session, self.build = session, build
        self.cooperative = build.cooperative("YADUI")
        self.eggs = build.sku("EGG-30", cooperative=self.cooperative, min_life_days=3)
        self.counter = build.counter("WH-1")
        build.lot(self.eggs, at=self.cooperative, quantity=30, best_before_in=20, code="OLD")
        build.lot(self.eggs, at=self.cooperative, quantity=10, best_before_in=28, code="NEW")
        build.lot(self.eggs, at=self.cooperative, quantity=50, best_before_in=8, code="TOO-OLD-TO-TRAVEL")
        session.add(ReorderPoint(counter_id=self.counter.id, sku_id=self.eggs.id, point=6, up_to=24))
        session.commit()

    def proposed(self) -> Consignment:
        """What the night asks for."""
        propose_all(self.session, utcnow())
        return self.session.execute(select(Consignment)).scalar_one()

    def confirmed(self, packs: int) -> Consignment:
        """The cooperative says how many packs it sends."""
        consignment = self.proposed()
        confirm(self.session, consignment.id, {consignment.lines[0].id: packs}, GUEST, utcnow())
        self.session.commit()
        return consignment

    def left(self, channel: Channel) -> int:
        """Packs that may still be promised."""
        return available(self.session, [self.eggs.id], channel)[self.eggs.id]

    def level(self, lot: str) -> StockLevel:
        """A lot's level in the store."""
        statement = (
            select(StockLevel).join(Location, Location.id == StockLevel.location_id)
            .where(StockLevel.lot.has(code=lot), Location.channel == "origin")
        )  # fmt: skip
        return self.session.execute(statement.execution_options(populate_existing=True)).scalar_one()

    def all_is_well(self) -> None:
        """Everything that must be true is."""
        self.session.commit()
        assert faults(self.session) == []


@pytest.fixture
def channel(session: Session, build: Builder) -> Channel40:
    """A shelf that runs low."""
    return Channel40(session, build)


def test_a_shelf_under_its_point_becomes_goods_on_it(channel: Channel40) -> None:
    consignment = channel.proposed()
    assert (consignment.status, consignment.lines[0].proposed) == ("proposed", 12), "a first case: no demand is known"
    confirm(channel.session, consignment.id, {consignment.lines[0].id: 36}, GUEST, utcnow())
    channel.all_is_well()
    assert channel.left(Channel.ORIGIN) == 90 - 36, "set aside: nobody else may order these"
    dispatch(channel.session, consignment.id, "lorry 1", GUEST, utcnow())
    channel.all_is_well()
    assert channel.left(Channel.COUNTERS) == 0, "nothing is in stock before somebody received it"
    lots = channel.session.execute(select(ConsignmentLot).order_by(ConsignmentLot.id)).scalars().all()
    assert [(lot.level.lot.code, lot.quantity) for lot in lots] == [("OLD", 30), ("NEW", 6)], "oldest first"
    outcomes = {lots[0].id: Outcome(received=25, damaged=2, missing=2, too_warm=1), lots[1].id: Outcome(received=6)}
    receive(channel.session, consignment.id, outcomes, GUEST, utcnow())
    channel.all_is_well()
    assert channel.left(Channel.COUNTERS) == 31
    assert channel.left(Channel.ORIGIN) == 54


def test_each_side_hears_what_it_must_know(channel: Channel40) -> None:
    consignment = channel.confirmed(12)
    dispatch(channel.session, consignment.id, "", GUEST, utcnow())
    lot = channel.session.execute(select(ConsignmentLot)).scalar_one()
    receive(channel.session, consignment.id, {lot.id: Outcome(received=10, damaged=2)}, GUEST, utcnow())
    said = []
    for job in channel.session.execute(select(Job).where(Job.topic == "consignment.notice").order_by(Job.id)).scalars():
        notice = notify_consignment(
            channel.session, job.payload["consignment_id"], f"consignment.{job.payload['kind']}"
        )
        assert notice is not None
        text = words_of(channel.session, notice)
        said.append((notice.cooperative_id, notice.counter_id, text.lines[0].figure, text.lines[0].aside))
    cooperative, counter = channel.cooperative.id, channel.counter.id
    assert [one[:2] for one in said] == [(cooperative, None), (None, counter), (cooperative, None)]
    assert "12" in said[0][2] and "12" in said[1][2]
    assert "10" in said[2][2] and "2" in said[2][3], "the losses are told too"


def test_every_step_pressed_twice_is_done_once(channel: Channel40) -> None:
    consignment = channel.confirmed(12)
    for _ in range(2):
        dispatch(channel.session, consignment.id, "", GUEST, utcnow())
        channel.all_is_well()
    lot = channel.session.execute(select(ConsignmentLot)).scalar_one()
    for _ in range(2):
        receive(channel.session, consignment.id, {lot.id: Outcome(received=12)}, GUEST, utcnow())
        channel.all_is_well()
    assert channel.left(Channel.COUNTERS) == 12
    with pytest.raises(WrongState):
        confirm(channel.session, consignment.id, {consignment.lines[0].id: 1}, GUEST, utcnow())


def test_the_night_asks_once_and_counts_what_is_on_its_way(channel: Channel40) -> None:
    first = channel.proposed()
    assert channel.proposed().id == first.id, "an unanswered question is not asked twice"
    confirm(channel.session, first.id, {first.lines[0].id: 24}, GUEST, utcnow())
    channel.session.commit()
    assert propose_all(channel.session, utcnow()) == 0, "24 packs are coming"


def test_a_cooperative_confirms_no_more_than_can_travel_and_may_change_its_mind(channel: Channel40) -> None:
    consignment = channel.confirmed(40)
    with pytest.raises(InsufficientStock) as refused:
        confirm(channel.session, consignment.id, {consignment.lines[0].id: 41}, GUEST, utcnow())
    assert refused.value.errors == [{"sku": "EGG-30", "wanted": 41, "available": 40}]
    channel.session.rollback()
    confirm(channel.session, consignment.id, {consignment.lines[0].id: 5}, GUEST, utcnow())
    channel.all_is_well()
    assert channel.left(Channel.ORIGIN) == 85
    end(channel.session, consignment.id, ConsignmentStatus.DECLINED, "hail", GUEST, utcnow())
    channel.all_is_well()
    assert channel.left(Channel.ORIGIN) == 90


def test_a_count_below_what_was_set_aside_stops_the_lorry_until_it_is_confirmed_again(channel: Channel40) -> None:
    consignment = channel.confirmed(36)
    count_stock(
        channel.session, level_id=channel.level("OLD").id, counted=3, actor=GUEST, source_id="count-1", now=utcnow()
    )
    channel.all_is_well()
    with pytest.raises(NotSetAside):
        dispatch(channel.session, consignment.id, "", GUEST, utcnow())
    channel.session.rollback()
    confirm(channel.session, consignment.id, {consignment.lines[0].id: 13}, GUEST, utcnow())
    dispatch(channel.session, consignment.id, "", GUEST, utcnow())
    channel.all_is_well()


def test_a_recalled_lot_does_not_travel_and_one_on_the_road_is_not_sold(channel: Channel40) -> None:
    consignment = channel.confirmed(30)
    recall_lot(channel.session, "EGG-30", "OLD", "salmonella", GUEST, utcnow())
    channel.all_is_well()
    with pytest.raises(NotSetAside):
        dispatch(channel.session, consignment.id, "", GUEST, utcnow())
    channel.session.rollback()
    confirm(channel.session, consignment.id, {consignment.lines[0].id: 10}, GUEST, utcnow())
    dispatch(channel.session, consignment.id, "", GUEST, utcnow())
    found = recall_lot(channel.session, "EGG-30", "NEW", "salmonella", GUEST, utcnow())
    channel.all_is_well()
    assert [(one.number, one.packs) for one in found.consignments] == [(consignment.number, 10)]
    lot = channel.session.execute(select(ConsignmentLot).where(ConsignmentLot.state == "on_the_road")).scalar_one()
    receive(channel.session, consignment.id, {lot.id: Outcome(received=10)}, GUEST, utcnow())
    channel.all_is_well()
    assert channel.left(Channel.COUNTERS) == 0, "it stands there, and nobody may be promised it"


def test_packs_that_nobody_accounts_for_are_not_received(channel: Channel40) -> None:
    consignment = channel.confirmed(12)
    dispatch(channel.session, consignment.id, "", GUEST, utcnow())
    lot = channel.session.execute(select(ConsignmentLot)).scalar_one()
    with pytest.raises(PacksDoNotAddUp):
        receive(channel.session, consignment.id, {lot.id: Outcome(received=11)}, GUEST, utcnow())
    channel.session.rollback()
    lot = channel.session.execute(select(ConsignmentLot)).scalar_one()
    lot.state, lot.received = "arrived", 5
    with pytest.raises(IntegrityError, match="every_pack_accounted_for"):
        channel.session.flush()


def test_what_arrived_is_sold_and_asked_for_again(channel: Channel40) -> None:
    asked = propose_by_hand(
        channel.session, channel.cooperative.id, channel.counter.id, today() + timedelta(days=ROAD_DAYS),
        {channel.eggs.id: 8}, GUEST, utcnow(),
    )  # fmt: skip
    confirm(channel.session, asked.id, {asked.lines[0].id: 8}, GUEST, utcnow())
    dispatch(channel.session, asked.id, "", GUEST, utcnow())
    lot = channel.session.execute(select(ConsignmentLot)).scalar_one()
    receive(channel.session, asked.id, {lot.id: Outcome(received=8)}, GUEST, utcnow())
    channel.session.commit()
    bought = order(channel.session, {channel.eggs: 4}, at=channel.counter)
    route_order(channel.session, bought.id, utcnow())
    channel.all_is_well()
    assert propose_all(channel.session, utcnow()) == 1, "4 left, 6 is the point"


SHELVES = st.builds(
    Shelf, counter_id=st.integers(1, 9), sku_id=st.just(1), point=st.integers(0, 30), up_to=st.integers(30, 90),
    free=st.integers(0, 40), coming=st.integers(0, 20), case_pack=st.integers(1, 12),
    demand=st.lists(st.floats(0, 9), min_size=8, max_size=40).map(tuple),
)  # fmt: skip
LOTS = st.lists(st.builds(StoreLot, quantity=st.integers(0, 60), days_to_sell=st.integers(1, 30)), max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(SHELVES, max_size=6, unique_by=lambda shelf: shelf.counter_id), LOTS, st.integers(0, 120))
def test_nobody_is_sent_parts_of_cases_or_more_than_there_is(
    shelves: list[Shelf], lots: list[StoreLot], free: int
) -> None:
    wishes: list[Wish] = [wish for shelf in shelves if (wish := wish_of(shelf, lots)) is not None]
    shared = share_out(wishes, free)
    assert sum(packs for _, packs in shared) <= free
    for wish, packs in shared:
        assert 0 < packs <= wish.packs and packs % wish.shelf.case_pack == 0
        assert wish.at_arrival + wish.packs < wish.shelf.up_to + wish.shelf.case_pack
    given_to: dict[Any, int] = {wish.shelf.counter_id: packs for wish, packs in shared}
    for wish in wishes:
        lacks = wish.packs - given_to.get(wish.shelf.counter_id, 0)
        assert not lacks or free - sum(given_to.values()) < wish.shelf.case_pack, "left in store though it is wanted"
