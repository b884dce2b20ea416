"""Something else in the place of what is missing: only when the customer says yes, never for more money."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Sku
from catalogue.stock.availability import available
from catalogue.stock.models import StockLevel
from orders.check import faults
from orders.fulfilment import picking, queue, steps
from orders.fulfilment.models import Fulfilment, Substitution
from orders.fulfilment.steps import CustomerIsAsked
from orders.fulfilment.substitution import (
    NoLongerThere,
    accept_substitute,
    candidates,
    end_unanswered,
    propose,
    refuse_substitute,
)
from orders.models import Order, OrderLine
from orders.shortage import count_stock
from shop.audit import Actor
from shop.clock import utcnow
from shop.errors import Invalid, WrongState
from tests.builders import Builder
from tests.fulfilment.test_steps import STAFF, part_of, routed

GUEST = Actor("guest")


def asked_for(session: Session, build: Builder, price_fen: int) -> tuple[Order, Fulfilment, Substitution, Sku]:
    """An order of three eggs, one of them picked; two oils at that price are offered for the missing ones."""
    eggs, oil, counter = build.sku("EGGS", price_fen=2500), build.sku("OIL", price_fen=price_fen), build.counter()
    build.lot(eggs, at=counter, quantity=3)
    build.lot(oil, at=counter, quantity=5)
    placed = routed(session, {eggs: 3}, counter)
    part = part_of(session, "hand_over")
    picking.tick(session, part.id, "EGGS", STAFF, utcnow())
    line = session.execute(select(OrderLine)).scalar_one()
    asked = propose(session, part.id, line.id, oil.id, 2, STAFF, utcnow())
    session.commit()
    return placed, part, asked, oil


@pytest.mark.parametrize(("price_fen", "total_fen"), [(2000, 2500 + 2 * 2000), (9900, 3 * 2500)])
def test_a_yes_moves_stock_lines_and_total_and_never_costs_more(
    session: Session, build: Builder, price_fen: int, total_fen: int
) -> None:
    placed, part, asked, oil = asked_for(session, build, price_fen)
    with pytest.raises(CustomerIsAsked):
        steps.make_ready(session, part.id, STAFF, utcnow())
    session.rollback()
    accept_substitute(session, asked.id, placed.id, GUEST, utcnow())
    session.commit()
    order = session.get_one(Order, placed.id, populate_existing=True)
    assert order.total_fen == total_fen
    assert [(pick.sku, pick.quantity) for pick in queue.picks(session, part)] == [("EGGS", 1), ("OIL", 2)]
    assert available(session, [oil.id]) == {oil.id: 3}
    assert faults(session) == []
    with pytest.raises(WrongState):
        refuse_substitute(session, asked.id, placed.id, GUEST, utcnow())
    session.rollback()
    for _ in range(2):
        picking.tick(session, part.id, "OIL", STAFF, utcnow())
    steps.make_ready(session, part.id, STAFF, utcnow())
    steps.hand_over(session, part.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    assert faults(session) == []


@pytest.mark.parametrize("answer", ["no", "none"])
def test_a_no_and_no_answer_send_what_is_missing_back_to_routing(session: Session, build: Builder, answer: str) -> None:
    placed, part, asked, oil = asked_for(session, build, 2000)
    if answer == "no":
        refuse_substitute(session, asked.id, placed.id, GUEST, utcnow())
        session.commit()
    else:
        assert end_unanswered(session, utcnow()) == 0
        with pytest.raises(WrongState):
            accept_substitute(session, asked.id, placed.id, GUEST, utcnow() + timedelta(hours=2))
        session.rollback()
        assert end_unanswered(session, utcnow() + timedelta(hours=2)) == 1
    assert session.get_one(Order, placed.id, populate_existing=True).status == "confirmed"
    assert [(pick.picked, pick.quantity) for pick in queue.picks(session, part)] == [(1, 1)]
    assert available(session, [oil.id]) == {oil.id: 5}
    assert faults(session) == []


def test_what_was_sold_meanwhile_is_not_promised_and_what_is_not_there_is_not_offered(
    session: Session, build: Builder
) -> None:
    placed, part, asked, oil = asked_for(session, build, 2000)
    level = session.scalars(select(StockLevel.id).where(StockLevel.sku_id == oil.id)).one()
    count_stock(session, level_id=level, counted=1, actor=STAFF, source_id="c", now=utcnow())
    session.commit()
    with pytest.raises(NoLongerThere):
        accept_substitute(session, asked.id, placed.id, GUEST, utcnow())
    session.rollback()
    refuse_substitute(session, asked.id, placed.id, GUEST, utcnow())
    session.commit()
    line = session.get_one(OrderLine, asked.order_line_id)
    assert [one.free for one in candidates(session, session.get_one(Fulfilment, part.id), line, utcnow())] == [1]
    with pytest.raises(Invalid):
        propose(session, part.id, line.id, oil.id, 1, STAFF, utcnow())
    session.rollback()
    assert faults(session) == []
