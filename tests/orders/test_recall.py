"""A lot is called back: nobody is sold more of it, and the shop knows who has some."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from orders.check import faults
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.steps import hand_over, make_ready
from orders.recall import recall_lot
from shop.clock import utcnow
from shop.errors import Invalid, NotFound
from tests.builders import GUEST, Builder, order


@pytest.fixture(autouse=True)
def application(app: object) -> object:
    """Notices are worded in an application."""
    with app.app_context():  # type: ignore[attr-defined]
        yield app


def test_a_recalled_lot_is_found_wherever_it_is(session: Session, build: Builder) -> None:
    sku, counter = build.sku("EGG-30"), build.counter("WH-1")
    build.lot(sku, at=counter, quantity=10, code="BAD", best_before_in=10)
    build.lot(sku, at=counter, quantity=10, code="GOOD", best_before_in=20)
    taken, waiting = order(session, {sku: 3}, at=counter), order(session, {sku: 2}, at=counter)
    for one in (taken, waiting):
        route_order(session, one.id, utcnow())
    part = session.query(Fulfilment).filter_by(order_id=taken.id).one()
    make_ready(session, part.id, GUEST, utcnow())
    hand_over(session, part.id, taken.pickup_code or "", GUEST, utcnow())
    session.commit()

    found = recall_lot(session, "EGG-30", "BAD", "cracked shells", GUEST, utcnow())
    session.commit()
    assert found.new
    assert [(row.number, row.packs) for row in found.taken] == [(taken.number, 3)]
    assert [(row.place, row.packs) for row in found.standing] == [("WH-1", 7)]
    route_order(session, waiting.id, utcnow())
    session.commit()
    lots = {
        one.level.lot.code
        for one in session.query(Allocation).filter(Allocation.state == "reserved").all()
        if one.line.order_id == waiting.id
    }
    assert lots == {"GOOD"}
    assert faults(session) == []

    again = recall_lot(session, "EGG-30", "BAD", "cracked shells", GUEST, utcnow())
    assert not again.new
    assert again.taken == found.taken


def test_a_recall_wants_a_reason_and_a_lot_that_exists(session: Session, build: Builder) -> None:
    build.lot(build.sku("EGG-30"), at=build.counter(), quantity=1, code="L1")
    with pytest.raises(Invalid):
        recall_lot(session, "EGG-30", "L1", "  ", GUEST, utcnow())
    with pytest.raises(NotFound):
        recall_lot(session, "EGG-30", "L9", "cracked shells", GUEST, utcnow())
