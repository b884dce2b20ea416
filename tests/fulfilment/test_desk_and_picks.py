"""Who stands at the counter is found, what is scanned is checked, what is missing goes back alone."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.check import faults
from orders.fulfilment import picking, queue, steps
from orders.fulfilment.assign import route_order
from orders.fulfilment.desk import AlreadyHandedOver, AtAnotherCounter, find_waiting
from orders.fulfilment.labels import labels_of, labels_pdf
from orders.fulfilment.models import Allocation
from orders.fulfilment.picking import PickedAlready, WrongGoods, WrongLot
from orders.fulfilment.steps import NotAllPicked, WrongCode
from orders.models import Order, OrderLine
from shop.clock import utcnow
from tests.builders import Builder, order
from tests.fulfilment.test_steps import STAFF, part_of, routed


def test_an_order_is_found_by_code_number_or_phone_and_only_at_its_own_counter(
    session: Session, build: Builder
) -> None:
    eggs, counter, other = build.sku(), build.counter(), build.counter(lat=30.6)
    build.lot(eggs, at=counter, quantity=9)
    placed, second = routed(session, {eggs: 2}, counter), order(session, {eggs: 1}, at=counter)
    route_order(session, second.id, utcnow())
    session.commit()
    here, elsewhere = {counter.id}, {other.id}
    code = placed.pickup_code or ""
    spoken = placed.number.removeprefix("YL-").replace("-", " ").lower()
    for typed in (code, f"{code[:4]} {code[4:]}", placed.number, spoken):
        assert [one.order.number for one in find_waiting(session, here, typed)] == [placed.number]
    assert {one.order.number for one in find_waiting(session, here, "1234")} == {placed.number, second.number}
    with pytest.raises(AtAnotherCounter) as told:
        find_waiting(session, elsewhere, code)
    assert counter.code in str(told.value.detail)
    for typed in ("1234", "00000000", "hello", ""):
        with pytest.raises(WrongCode):
            find_waiting(session, elsewhere, typed)
    part = find_waiting(session, here, code)[0]
    steps.make_ready(session, part.id, STAFF, utcnow())
    steps.hand_over(session, part.id, code, STAFF, utcnow())
    session.commit()
    with pytest.raises(AlreadyHandedOver):
        find_waiting(session, here, code)


def test_scanning_ticks_off_the_lot_that_expires_first_and_refuses_what_does_not_belong(
    session: Session, build: Builder
) -> None:
    eggs, oil, counter = build.sku("EGGS"), build.sku("OIL"), build.counter()
    build.lot(eggs, at=counter, quantity=1, best_before_in=9, code="OLD")
    build.lot(eggs, at=counter, quantity=9, best_before_in=25, code="NEW")
    build.lot(eggs, at=counter, quantity=9, best_before_in=28, code="NEWEST")
    build.lot(oil, at=counter, quantity=9)
    routed(session, {eggs: 3}, counter)
    part = part_of(session, "hand_over")
    assert picking.tick(session, part.id, "eggs", STAFF, utcnow()).lot == "OLD"
    assert picking.tick(session, part.id, "EGGS", STAFF, utcnow()).lot == "NEW"
    session.commit()
    for code, refusal in (("OIL", WrongGoods), ("nonsense", WrongGoods), ("OLD", PickedAlready), ("NEWEST", WrongLot)):
        with pytest.raises(refusal):
            picking.tick(session, part.id, code, STAFF, utcnow())
        session.rollback()
    with pytest.raises(NotAllPicked):
        steps.make_ready(session, part.id, STAFF, utcnow())
    session.rollback()
    assert [(pick.lot, pick.picked, pick.quantity) for pick in queue.picks(session, part)] == [
        ("OLD", 1, 1), ("NEW", 1, 2)
    ]  # fmt: skip
    assert [(one.picked, one.packs) for one in queue.board(session, {counter.id}, utcnow())] == [(2, 3)]
    picking.tick(session, part.id, "NEW", STAFF, utcnow())
    steps.make_ready(session, part.id, STAFF, utcnow())
    session.commit()


def test_what_is_missing_goes_to_another_counter_and_what_is_ticked_off_stays(session: Session, build: Builder) -> None:
    eggs, near, far = build.sku(), build.counter(), build.counter(lat=30.6)
    build.lot(eggs, at=near, quantity=5)
    build.lot(eggs, at=far, quantity=5)
    placed = routed(session, {eggs: 5}, near)
    part = part_of(session, "hand_over")
    row = session.execute(select(Allocation.id)).scalar_one()
    picking.tick_row(session, part.id, row, 3, STAFF, utcnow())
    line = session.execute(select(OrderLine)).scalar_one()
    steps.reject_line(session, part.id, line.id, "two broken", STAFF, utcnow(), keep_picked=True)
    session.commit()
    assert [(pick.picked, pick.quantity) for pick in queue.picks(session, part)] == [(3, 3)]
    assert [(one.packs, one.where) for one in queue.elsewhere(session, part)] == [(2, "waiting")]
    assert faults(session) == []
    route_order(session, placed.id, utcnow())
    session.commit()
    transfer = part_of(session, "transfer")
    assert [(one.packs, one.where) for one in queue.elsewhere(session, part)] == [(2, "assigned")]
    steps.make_ready(session, transfer.id, STAFF, utcnow())
    steps.dispatch(session, transfer.id, STAFF, utcnow())
    steps.receive_transfer(session, transfer.id, STAFF, utcnow())
    session.commit()
    with pytest.raises(NotAllPicked):
        steps.make_ready(session, part.id, STAFF, utcnow())
    session.rollback()
    for pick in queue.picks(session, part):
        picking.tick_row(session, part.id, pick.allocation_id, pick.quantity, STAFF, utcnow())
    steps.make_ready(session, part.id, STAFF, utcnow())
    steps.hand_over(session, part.id, placed.pickup_code or "", STAFF, utcnow())
    session.commit()
    assert session.get_one(Order, placed.id, populate_existing=True).status == "completed"
    assert faults(session) == []


def test_one_round_gathers_all_open_orders_by_lot(session: Session, build: Builder) -> None:
    eggs, oil, counter = build.sku("EGGS"), build.sku("OIL", storage="chilled"), build.counter()
    build.lot(eggs, at=counter, quantity=9)
    build.lot(oil, at=counter, quantity=9)
    first, second = routed(session, {eggs: 2, oil: 1}, counter), routed(session, {eggs: 3}, counter)
    rows = picking.wave(session, {counter.id}, None)
    assert [(row.storage, row.sku, row.packs) for row in rows] == [("ambient", "EGGS", 5), ("chilled", "OIL", 1)]
    assert rows[0].shares == [(first.number, 2), (second.number, 3)]
    assert picking.wave(session, {counter.id + 1}, None) == []


def test_a_label_bears_what_others_may_read(app: object, session: Session, build: Builder) -> None:
    eggs, counter = build.sku(storage="chilled"), build.counter()
    build.lot(eggs, at=counter, quantity=9)
    placed = routed(session, {eggs: 2}, counter)
    part = part_of(session, "hand_over")
    with app.test_request_context():  # type: ignore[attr-defined]
        label = labels_of(session, {counter.id}, part.id)[0]
        assert (label.number, label.customer, label.packs, label.storage) == (placed.number, "顾* 1234", 2, "chilled")
        assert placed.pickup_code not in repr(label)
        assert labels_of(session, {counter.id + 1}, part.id) == []
        assert all(labels_pdf([label] * 9, shape).startswith(b"%PDF") for shape in ("single", "a4"))
