"""What a counter's steps do to an order, its stock and its money."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from catalogue.stock.availability import available
from catalogue.stock.models import StockLevel
from orders.check import faults
from orders.fulfilment import queue, steps
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.steps import TransfersMissing, WrongCode
from orders.models import Order, OrderLine
from orders.payments.models import MoneyEntry
from shop.audit import Actor
from shop.clock import utcnow
from shop.errors import Invalid, NotFound, WrongState
from tests.builders import Builder, order

STAFF = Actor("counter staff")


def routed(session: Session, wanted: dict[Sku, int], at: Counter) -> Order:
    """An order that has found its counters."""
    placed = order(session, wanted, at=at)
    route_order(session, placed.id, utcnow())
    session.commit()
    return session.get_one(Order, placed.id, populate_existing=True)


def part_of(session: Session, role: str) -> Fulfilment:
    """The order's open part in that role."""
    statement = select(Fulfilment).where(Fulfilment.role == role, Fulfilment.closed_at.is_(None))
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one()


def test_from_the_queue_to_the_customer_the_stock_leaves_and_the_money_comes(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(price_fen=2580), build.counter()
    build.lot(eggs, at=counter, quantity=5)
    placed = routed(session, {eggs: 2}, counter)
    part = part_of(session, "hand_over")
    assert [ticket.status for ticket in queue.board(session, {counter.id}, utcnow())] == ["assigned"]
    steps.accept(session, part.id, STAFF, utcnow())
    steps.make_ready(session, part.id, STAFF, utcnow())
    session.commit()
    assert session.get_one(Order, placed.id).status == "ready"
    steps.hand_over(session, part.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    assert session.get_one(Order, placed.id).status == "completed"
    assert session.scalars(select(StockLevel.on_hand).execution_options(populate_existing=True)).all() == [3]
    assert session.execute(select(MoneyEntry.ref, MoneyEntry.amount_fen)).all() == [
        (f"{placed.number}/{part.id}", 5160)
    ]
    assert queue.board(session, {counter.id}, utcnow()) == []
    assert faults(session) == []


def test_a_wrong_code_gives_nothing_away(session: Session, build: Builder) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=5)
    placed = routed(session, {eggs: 2}, counter)
    part = part_of(session, "hand_over")
    steps.make_ready(session, part.id, STAFF, utcnow())
    session.commit()
    wrong = f"{(int(placed.pickup_code or 0) + 1) % 10**8:08d}"
    with pytest.raises(WrongCode):
        steps.hand_over(session, part.id, wrong, STAFF, utcnow())
    with pytest.raises(NotFound):
        steps.find_part(session, part.id, {counter.id + 1})


def test_a_code_shown_twice_at_once_is_honoured_once(session: Session, build: Builder, database_url: str) -> None:
    eggs, counter = build.sku(), build.counter()
    build.lot(eggs, at=counter, quantity=5)
    placed = routed(session, {eggs: 2}, counter)
    part = part_of(session, "hand_over")
    steps.make_ready(session, part.id, STAFF, utcnow())
    session.commit()
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), pool_size=8)

    def redeem(_: int) -> str:
        with Session(engine) as own:
            try:
                steps.hand_over(own, part.id, placed.pickup_code or "", STAFF, utcnow())
                own.commit()
            except WrongState:
                own.rollback()
                return "refused"
            return "handed over"

    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(redeem, range(8)))
    engine.dispose()
    assert sorted(answers) == ["handed over"] + ["refused"] * 7
    assert faults(session) == []


def test_goods_from_another_counter_are_handed_over_after_they_arrived(session: Session, build: Builder) -> None:
    eggs, oil, near, far = build.sku(), build.sku(), build.counter(), build.counter(lat=30.6)
    build.lot(eggs, at=near, quantity=5)
    build.lot(oil, at=far, quantity=5)
    placed = routed(session, {eggs: 1, oil: 2}, near)
    desk, transfer = part_of(session, "hand_over"), part_of(session, "transfer")
    with pytest.raises(TransfersMissing):
        steps.make_ready(session, desk.id, STAFF, utcnow())
    session.rollback()
    steps.make_ready(session, transfer.id, STAFF, utcnow())
    steps.dispatch(session, transfer.id, STAFF, utcnow())
    session.commit()
    assert faults(session) == []
    steps.receive_transfer(session, transfer.id, STAFF, utcnow())
    session.commit()
    assert faults(session) == []
    steps.make_ready(session, desk.id, STAFF, utcnow())
    steps.hand_over(session, desk.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    assert session.get_one(Order, placed.id).status == "completed"
    assert available(session, [oil.id]) == {oil.id: 3}
    assert faults(session) == []


def test_a_rejected_line_goes_to_another_counter(session: Session, build: Builder) -> None:
    eggs, near, far = build.sku(), build.counter(), build.counter(lat=30.6)
    build.lot(eggs, at=near, quantity=5)
    build.lot(eggs, at=far, quantity=5)
    placed = routed(session, {eggs: 2}, near)
    part = part_of(session, "hand_over")
    line = session.execute(select(OrderLine)).scalar_one()
    with pytest.raises(Invalid):
        steps.reject_line(session, part.id, line.id, "  ", STAFF, utcnow())
    session.rollback()
    steps.reject_line(session, part.id, line.id, "broken", STAFF, utcnow())
    session.commit()
    assert session.get_one(Order, placed.id).status == "confirmed"
    assert faults(session) == []
    route_order(session, placed.id, utcnow())
    session.commit()
    assert part_of(session, "transfer").counter_id == far.id
    assert part_of(session, "hand_over").counter_id == near.id
    assert faults(session) == []
