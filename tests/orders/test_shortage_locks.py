"""Stock goes missing while a customer cancels: orders are locked before stock, so neither waits for the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from catalogue.stock.models import Channel, StockLevel
from orders.check import faults
from orders.fulfilment import steps
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Fulfilment
from orders.lifecycle import cancel_order
from orders.models import Order, Reservation
from orders.promises import lock_order
from orders.shortage import count_stock, cover_loss, withdraw_lot
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import REPEATABLE, sqlstate
from tests.builders import GUEST, Builder, order

KEEPER = Actor("keeper")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
Loss = Callable[[Session], object]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Connections for whoever works beside the test; nobody waits for a row for longer than five seconds."""
    made = create_engine(
        database_url.replace("postgresql://", "postgresql+psycopg://"),
        connect_args={"options": "-c lock_timeout=5000"},
    )
    yield made
    made.dispose()


class Beside:
    """A loss of stock that happens in a transaction of its own, in a thread."""

    def __init__(self, engine: Engine, loss: Loss) -> None:
        self.engine = engine
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self.run, args=(loss,))
        self.thread.start()

    def run(self, loss: Loss) -> None:
        try:
            with Session(self.engine) as session:
                loss(session)
                session.commit()
        except BaseException as error:  # noqa: BLE001  the test asks for it
            self.error = error

    def until_it_waits(self) -> None:
        """Come back when it waits for a row."""
        until = time.monotonic() + 4
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not connection.scalar(text(WAITING)):
                assert time.monotonic() < until
                time.sleep(0.02)

    def ends(self) -> None:
        """Wait until it is over; whatever went wrong there goes wrong here."""
        self.thread.join(20)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error


def a_short_count(session: Session, build: Builder) -> tuple[Order, Loss]:
    """An order that was promised all there is, and a count that finds too little."""
    eggs, desk = build.sku(), build.counter()
    lot = build.lot(eggs, at=desk, quantity=4)
    placed = order(session, {eggs: 4}, at=desk)
    level = session.scalars(select(StockLevel.id).where(StockLevel.lot_id == lot.id)).one()
    return placed, lambda own: count_stock(
        own, level_id=level, counted=1, actor=KEEPER, source_id="evening", now=utcnow()
    )


def a_withdrawn_lot(session: Session, build: Builder) -> tuple[Order, Loss]:
    """An order that was promised all there is, and a lot that may no longer be sold."""
    eggs, desk = build.sku(), build.counter()
    lot = build.lot(eggs, at=desk, quantity=4)
    placed = order(session, {eggs: 4}, at=desk)
    return placed, lambda own: withdraw_lot(own, lot.id, "recalled: test", KEEPER, utcnow())


def a_recalled_arrival(session: Session, build: Builder) -> tuple[Order, Loss]:
    """A newer order that waits for a counter, and a transfer for an older one whose packs were called back."""
    eggs, near, far = build.sku(), build.counter("NEAR"), build.counter("FAR", lat=30.6)
    sent = build.lot(eggs, at=far, quantity=2)
    older = order(session, {eggs: 2}, at=near)
    route_order(session, older.id, utcnow())
    transfer = session.scalars(select(Fulfilment).where(Fulfilment.role == "transfer")).one()
    steps.make_ready(session, transfer.id, KEEPER, utcnow())
    steps.dispatch(session, transfer.id, KEEPER, utcnow())
    build.lot(eggs, at=near, quantity=2)
    session.commit()
    newer = order(session, {eggs: 2}, at=near)
    withdraw_lot(session, sent.id, "recalled: test", KEEPER, utcnow())
    session.commit()
    return newer, lambda own: steps.receive_transfer(own, transfer.id, KEEPER, utcnow())


@pytest.mark.parametrize("loses", [a_short_count, a_withdrawn_lot, a_recalled_arrival])
def test_stock_goes_missing_while_the_customer_who_would_get_less_cancels(
    session: Session, build: Builder, engine: Engine, loses: Callable[[Session, Builder], tuple[Order, Loss]]
) -> None:
    placed, loss = loses(session, build)
    lock_order(session, placed.id)
    beside = Beside(engine, loss)
    beside.until_it_waits()
    cancel_order(session, placed.id, GUEST, utcnow())
    session.commit()
    beside.ends()
    session.expire_all()
    assert session.get_one(Order, placed.id).status == "cancelled"
    assert faults(session) == []


def test_where_enough_is_left_a_loss_waits_for_no_order(session: Session, build: Builder, engine: Engine) -> None:
    eggs, desk = build.sku(), build.counter()
    lot = build.lot(eggs, at=desk, quantity=9)
    placed = order(session, {eggs: 4}, at=desk)
    lock_order(session, placed.id)
    level = session.scalars(select(StockLevel.id).where(StockLevel.lot_id == lot.id)).one()
    beside = Beside(engine, lambda own: count_stock(
        own, level_id=level, counted=5, actor=KEEPER, source_id="evening", now=utcnow()
    ))  # fmt: skip
    beside.ends()
    session.rollback()
    assert session.scalars(select(Reservation.held)).all() == [4]
    assert faults(session) == []


def test_whoever_turns_up_only_when_stock_is_locked_is_not_waited_for(
    session: Session, build: Builder, engine: Engine
) -> None:
    eggs, desk = build.sku(), build.counter()
    build.lot(eggs, at=desk, quantity=4)
    placed = order(session, {eggs: 4}, at=desk)
    lock_order(session, placed.id)
    began = time.monotonic()
    with Session(engine) as own, pytest.raises(OperationalError) as refused:
        cover_loss(own, eggs.id, Channel.COUNTERS, 2, KEEPER, utcnow())
    assert sqlstate(refused.value) in REPEATABLE, "jobs repeat it and pages say: come again"
    assert time.monotonic() - began < 2
