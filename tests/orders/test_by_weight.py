"""Goods sold by weight: the most is charged first, the scale decides, the difference comes back to the fen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Counter, Sku
from orders.bulk.allocate import allocate_at_origin
from orders.bulk.credit import used_fen
from orders.check import faults
from orders.coop_stock import sold_lately
from orders.fulfilment import steps
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.weighing import LightPacks, Scale, WeightsMissing
from orders.models import Order, OrderLine
from orders.office.dashboard import income
from orders.payments.models import MoneyEntry
from shop.audit import Actor
from shop.clock import utcnow
from shop.errors import Invalid, WrongState
from shop.money import price_of_weight
from tests.builders import Builder, order
from tests.orders.supermarkets import bulk_order, buyer_of, supermarket

STAFF = Actor("counter staff")
KG = st.integers(1, 500_000)
GRAMS = st.integers(1, 100_000)


@settings(deadline=None)
@given(KG, GRAMS, GRAMS, st.lists(GRAMS, max_size=30))
def test_weighed_packs_never_cost_more_than_was_charged_and_add_up_to_the_fen(
    per_kg: int, one: int, other: int, packs: list[int]
) -> None:
    terms = ByWeight(per_kg, min(one, other), max(one, other))
    prices = [terms.price_of(grams) for grams in packs]
    assert all(0 <= price <= terms.most_fen for price in prices)
    charged, owed = terms.most_fen * len(packs), sum(prices)
    assert charged - owed == sum(terms.most_fen - price for price in prices)
    assert all(abs(1000 * price_of_weight(per_kg, grams) - per_kg * grams) <= 500 for grams in packs)


@settings(deadline=None)
@given(KG, GRAMS, GRAMS)
def test_more_grams_never_cost_less(per_kg: int, one: int, other: int) -> None:
    assert price_of_weight(per_kg, min(one, other)) <= price_of_weight(per_kg, max(one, other))


def chicken(build: Builder, **more: Any) -> Sku:
    """¥108.00 a kilogram, a bird of 1,000 to 1,400 g: at most ¥151.20."""
    return build.sku(by_weight=ByWeight(10_800, 1_000, 1_400), **more)


def routed(session: Session, wanted: dict[Sku, int], at: Counter) -> Order:
    """An order to be paid at the counter that has found its counters."""
    placed = order(session, wanted, at=at)
    route_order(session, placed.id, utcnow())
    session.commit()
    return session.get_one(Order, placed.id, populate_existing=True)


def part_in(session: Session, role: str = "hand_over") -> Fulfilment:
    """The open part in that role."""
    statement = select(Fulfilment).where(Fulfilment.role == role, Fulfilment.closed_at.is_(None))
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one()


def scale(session: Session, part: Fulfilment, *grams: int, light_is_meant: bool = False) -> Scale:
    """These packs on the scale, lot by lot; the last lot gets what is too many."""
    packs = select(Allocation).where(Allocation.fulfilment_id == part.id, Allocation.state == "reserved")
    shown, left = {}, list(grams)
    for one in session.scalars(packs.order_by(Allocation.id)):
        if session.get_one(OrderLine, one.order_line_id).by_weight is not None:
            shown[one.id], left = left[: one.quantity], left[one.quantity :]
    if shown:
        shown[max(shown)] += left
    return Scale(shown, light_is_meant)


def refused(error: type[Exception], work: Callable[[], object], session: Session) -> None:
    """It is refused, and nothing of it stays."""
    with pytest.raises(error):
        work()
    session.rollback()


def test_what_is_paid_at_the_counter_is_what_the_scale_showed(session: Session, build: Builder) -> None:
    bird, eggs, counter = chicken(build), build.sku(price_fen=2580), build.counter()
    build.lot(bird, at=counter, quantity=5)
    build.lot(eggs, at=counter, quantity=5)
    placed = routed(session, {bird: 2, eggs: 1}, counter)
    assert placed.total_fen == 2 * 15_120 + 2580
    part = part_in(session)
    refused(WeightsMissing, lambda: steps.make_ready(session, part.id, STAFF, utcnow()), session)
    for grams in ((1100,), (1100, 1200, 1300), (1100, 0)):
        shown = scale(session, part, *grams)
        refused(Invalid, lambda shown=shown: steps.make_ready(session, part.id, STAFF, utcnow(), scale=shown), session)
    # One bird is light, which somebody must confirm; the other is heavier than what is charged at most.
    shown = scale(session, part, 955, 1_480)
    refused(LightPacks, lambda: steps.make_ready(session, part.id, STAFF, utcnow(), scale=shown), session)
    shown = scale(session, part, 955, 1_480, light_is_meant=True)
    assert steps.make_ready(session, part.id, STAFF, utcnow(), scale=shown).heavy == (1_480,)
    session.commit()
    owed = 10_314 + 15_120 + 2580
    assert session.get_one(Order, placed.id, populate_existing=True).total_fen == owed
    assert faults(session) == []
    steps.hand_over(session, part.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    assert session.scalars(select(MoneyEntry.amount_fen)).all() == [owed]
    late = scale(session, part, 1000, 1000)
    refused(WrongState, lambda: steps.make_ready(session, part.id, STAFF, utcnow(), scale=late), session)
    sold = {row.packs: row.fen for row in sold_lately(session, cooperative_of(session, bird), utcnow())}
    assert sold == {2: 10_314 + 15_120}
    assert sum(one.total_fen for one in income(session, utcnow())) == owed
    assert faults(session) == []


def cooperative_of(session: Session, sku: Sku) -> int:
    """Who makes it."""
    return session.get_one(Sku, sku.id).product.cooperative_id


def test_birds_from_two_counters_and_a_rejected_one_add_up(session: Session, build: Builder) -> None:
    bird, near, far = chicken(build), build.counter(), build.counter(lat=30.6)
    build.lot(bird, at=near, quantity=1)
    build.lot(bird, at=far, quantity=4)
    placed = routed(session, {bird: 3}, near)
    away, desk = part_in(session, "transfer"), part_in(session)
    sent = session.scalars(select(Allocation.quantity).where(Allocation.fulfilment_id == away.id)).one()
    steps.make_ready(session, away.id, STAFF, utcnow(), scale=scale(session, away, *[1_100] * sent))
    session.commit()
    line = session.scalars(select(OrderLine).execution_options(populate_existing=True)).one()
    assert line.total_fen == 3 * 15_120 - sent * (15_120 - 11_880)
    # The far counter's freezer broke: its weighed packs cost the most again, until others are weighed.
    steps.reject_line(session, away.id, line.id, "thawed", STAFF, utcnow())
    session.commit()
    session.refresh(line)
    assert (line.weighed_packs, line.total_fen) == (0, 3 * 15_120)
    assert faults(session) == []
    build.lot(bird, at=near, quantity=5)
    build.commit()
    route_order(session, placed.id, utcnow())
    session.commit()
    packs = session.scalars(
        select(Allocation.quantity).where(Allocation.fulfilment_id == desk.id, Allocation.state == "reserved")
    ).all()
    assert sum(packs) == 3
    steps.make_ready(session, desk.id, STAFF, utcnow(), scale=scale(session, desk, 1_000, 1_250, 1_400))
    session.commit()
    assert session.get_one(Order, placed.id, populate_existing=True).total_fen == 10_800 + 13_500 + 15_120
    steps.hand_over(session, desk.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    assert faults(session) == []


def test_a_supermarket_owes_what_its_counter_weighed(session: Session, build: Builder) -> None:
    coop, counter = build.cooperative(), build.counter()
    bird = chicken(build, cooperative=coop)
    build.lot(bird, at=coop, quantity=12)
    mart = supermarket(session, 12 * 15_120)
    placed = bulk_order(session, buyer_of(session, mart), mart, {bird: 1}, at=counter)
    allocate_at_origin(session, placed.id, utcnow())
    session.commit()
    assert used_fen(session, mart.id) == 12 * 15_120
    part = part_in(session)
    steps.make_ready(session, part.id, STAFF, utcnow(), scale=scale(session, part, *[1_100] * 12))
    session.commit()
    assert used_fen(session, mart.id) == 12 * 11_880
    steps.hand_over(session, part.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    assert used_fen(session, mart.id) == 12 * 11_880
    assert session.scalars(select(MoneyEntry.amount_fen)).all() == []
    assert faults(session) == []


def test_the_database_refuses_weights_that_do_not_add_up(session: Session, build: Builder) -> None:
    bird, counter = chicken(build), build.counter()
    build.lot(bird, at=counter, quantity=5)
    routed(session, {bird: 1}, counter)
    part = part_in(session)
    steps.make_ready(session, part.id, STAFF, utcnow(), scale=scale(session, part, 1_234))
    session.commit()
    line = session.scalars(select(OrderLine)).one()
    line.weight_less_fen += 1
    line.order.lines_fen -= 1
    line.order.total_fen -= 1
    with pytest.raises(IntegrityError, match="less for weight"):
        session.commit()
    session.rollback()
    bird = session.get_one(Sku, bird.id)
    bird.price_fen += 1
    with pytest.raises(IntegrityError, match="ck_sku_terms"):
        session.commit()
