"""A7: whatever people do to stock in whatever order, nothing is oversold and every invariant holds."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalogue.stock.availability import InsufficientStock, available
from catalogue.stock.lots import LotNotSellable
from catalogue.stock.models import StockLevel
from orders.fulfilment.assign import route_order
from orders.lifecycle import CannotCancel, cancel_order
from orders.shortage import count_stock, withdraw_lot
from shop.clock import utcnow
from tests.builders import GUEST, Builder, order
from tests.figures import Figures, size
from tests.invariants import faults_without_workers

packs = st.integers(1, 12)


class StockMachine(RuleBasedStateMachine):
    """Two counters, two SKUs; lots arrive, are counted and withdrawn while orders come, are routed and cancelled."""

    new_database: ClassVar[Callable[[], str]]
    orders: Bundle[int] = Bundle("orders")
    lots: Bundle[int] = Bundle("lots")

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine(type(self).new_database().replace("postgresql://", "postgresql+psycopg://"))
        self.session = Session(self.engine, expire_on_commit=False)
        self.build = Builder(self.session)

    @initialize()
    def open_the_shop(self) -> None:
        prefix = uuid.uuid4().hex[:8]
        makers = self.build.cooperative(f"{prefix}-COOP")
        self.skus = [self.build.sku(f"{prefix}-{n}", cooperative=makers) for n in range(2)]
        self.counters = [self.build.counter(f"{prefix}-C{n}", lat=30.5 + n / 50) for n in range(2)]
        self.build.commit()

    @rule(target=lots, sku=st.integers(0, 1), counter=st.integers(0, 1), quantity=packs, days=st.integers(5, 20))
    def a_lot_arrives(self, sku: int, counter: int, quantity: int, days: int) -> int:
        lot = self.build.lot(
            self.skus[sku], at=self.counters[counter], quantity=quantity, best_before_in=days, code=uuid.uuid4().hex
        )
        self.session.commit()
        return lot.id

    @rule(target=orders, first=packs, second=st.integers(0, 6), counter=st.integers(0, 1))
    def somebody_orders(self, first: int, second: int, counter: int) -> int:
        wanted = {self.skus[0]: first} | ({self.skus[1]: second} if second else {})
        before = available(self.session, [sku.id for sku in self.skus])
        try:
            placed = order(self.session, wanted, at=self.counters[counter])
        except InsufficientStock:
            self.session.rollback()
            assert any(before[sku.id] < count for sku, count in wanted.items())
            return 0
        assert all(before[sku.id] >= count for sku, count in wanted.items())
        return placed.id

    @rule(order_id=orders)
    def it_is_routed(self, order_id: int) -> None:
        if order_id:
            route_order(self.session, order_id, utcnow())
            self.session.commit()

    @rule(order_id=orders)
    def it_is_cancelled(self, order_id: int) -> None:
        if not order_id:
            return
        try:
            cancel_order(self.session, order_id, GUEST, utcnow())
            self.session.commit()
        except CannotCancel:
            self.session.rollback()

    @rule(lot_id=lots, counted=st.integers(0, 15))
    def a_lot_is_counted(self, lot_id: int, counted: int) -> None:
        level = self.session.execute(select(StockLevel).where(StockLevel.lot_id == lot_id)).scalar_one()
        count_stock(
            self.session, level_id=level.id, counted=counted, actor=GUEST, source_id=uuid.uuid4().hex, now=utcnow()
        )
        self.session.commit()

    @rule(lot_id=lots)
    def a_lot_is_withdrawn(self, lot_id: int) -> None:
        try:
            withdraw_lot(self.session, lot_id, "recalled", GUEST, utcnow())
            self.session.commit()
        except LotNotSellable:
            self.session.rollback()

    @invariant()
    def every_invariant_holds(self) -> None:
        assert faults_without_workers(self.session) == []
        self.session.rollback()

    def teardown(self) -> None:
        self.session.close()
        self.engine.dispose()


def run_machine(new_database: Callable[[], str], examples: int, steps: int) -> None:
    """Play `examples` random games of `steps` moves, each on a database of its own."""
    StockMachine.new_database = new_database
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        StockMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
        ),
    )


def test_a7_no_sequence_of_events_breaks_the_ledger(
    database_for_each_game: Callable[[], str], figures: Callable[[str], Figures]
) -> None:
    games, steps = size(12, 300), size(25, 60)
    run_machine(database_for_each_game, games, steps)
    figures("A7").exactly(f"games of {steps} moves in which every invariant held", games, games)


def test_a7_negative_control_the_machine_sees_a_ledger_without_its_guard(
    database_for_each_game: Callable[[], str],
) -> None:
    def unguarded() -> str:
        url = database_for_each_game()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER TABLE availability DROP CONSTRAINT ck_availability_never_oversold")
            connection.execute(
                "CREATE OR REPLACE FUNCTION lot_sellable_changed() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RETURN NULL; END $$"
            )
        return url

    with pytest.raises((AssertionError, DBAPIError, HypothesisException)):
        run_machine(unguarded, 30, 25)


def test_stock_changes_only_through_the_ledger(session: Session, build: Builder) -> None:
    build.lot(build.sku(), at=build.counter(), quantity=5)
    build.commit()
    for statement in (
        "UPDATE stock_level SET on_hand = 99",
        "UPDATE stock_movement SET d_on_hand = 1",
        "DELETE FROM stock_movement",
        "TRUNCATE stock_movement",
        "DELETE FROM audit_entry",
    ):
        if statement.endswith("audit_entry"):
            session.execute(
                text("INSERT INTO audit_entry (actor, action, subject_type, subject_id) VALUES ('a','b','c','d')")
            )
        with pytest.raises(DBAPIError):
            session.execute(text(statement))
        session.rollback()
