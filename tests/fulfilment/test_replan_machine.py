"""R4: whatever goes wrong with a day's work, in whatever order, every order ends, and nobody is told without cause."""

from __future__ import annotations

import uuid
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time, timedelta
from typing import ClassVar, TypeVar

from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as play
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

import workers.tasks  # noqa: F401  registers the topics
from catalogue.counter_days import add_closure, closures_of, end_outage, outages_of, remove_closure, set_day
from catalogue.counter_days import start_outage as break_freezer
from catalogue.stock.models import Lot, StockLevel
from orders.checkout import place_order
from orders.fulfilment import steps
from orders.fulfilment.assign import MOST_PLANS
from orders.fulfilment.cases import try_again
from orders.fulfilment.change_pickup import change_pickup
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.picking import tick_row
from orders.fulfilment.plan_models import RoutingCase, RoutingPlan
from orders.lifecycle import cancel_order, expire_if_still_overdue
from orders.models import Order, OrderLine
from orders.shortage import count_stock, waste_stock, withdraw_lot
from orders.states import OPEN_FULFILMENTS, OPEN_ORDERS
from shop.audit import Actor
from shop.clock import shanghai_day, utcnow
from shop.errors import DomainError
from shop.outbox import Job
from tests.builders import GUEST, Builder, draft_of, today
from tests.figures import Figures, size
from tests.invariants import faults_without_workers
from workers.jobs import run_job

CLERK = Actor("clerk")
# Jobs that are done within the shop; mails are looked at where they wait.
INSIDE = ("order.route", "orders.route", "counter.changed", "counter.notice", "supplier.notice", "stock.low")
MOST_ROUNDS = 30  # of jobs that call for jobs, and of counters that do what there is to do
third = st.integers(0, 2)
any_of_them = st.integers(0, 99)
goods = st.dictionaries(third, st.integers(1, 2), min_size=1)
Thing = TypeVar("Thing")


class Day(RuleBasedStateMachine):
    """Three counters with few lots of three kinds of goods; people order, and one thing after the other goes wrong."""

    app: ClassVar[Flask]
    new_database: ClassVar[Callable[[], str]]

    def __init__(self) -> None:
        super().__init__()
        url = type(self).new_database()
        self.engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self.session = Session(self.engine)
        self.build = Builder(self.session)
        self.context = self.app.app_context()
        self.context.push()
        self.sound = True
        self.placed = False

    @contextmanager
    def step(self) -> Iterator[None]:
        """One thing that somebody does, in a transaction of its own; a refusal is an answer, all else is a fault."""
        try:
            yield
            self.session.commit()
        except DomainError:
            self.session.rollback()
        except BaseException:
            self.sound = False
            raise

    @initialize(
        stock=st.lists(st.tuples(third, third, st.integers(1, 5)), min_size=6, max_size=9),
        first_orders=st.lists(st.tuples(goods, third, st.booleans()), min_size=2, max_size=4),
    )
    def the_shop_opens(
        self, stock: list[tuple[int, int, int]], first_orders: list[tuple[dict[int, int], int, bool]]
    ) -> None:
        makers = self.build.cooperative("COOP")
        kinds = ("ambient", "chilled", "frozen")
        self.skus = [self.build.sku(kind.upper(), storage=kind, cooperative=makers) for kind in kinds]
        self.counters = [self.build.counter(f"C{n}", lat=30.5 + n / 50) for n in range(3)]
        for sku, counter, packs in stock:
            self.build.lot(self.skus[sku], at=self.counters[counter], quantity=packs)
        self.build.commit()
        for wanted, counter, pickup in first_orders:
            self.somebody_orders(wanted, counter, pickup)
        self.run_jobs()

    @rule(sku=third, counter=third, packs=st.integers(1, 4))
    def a_lot_arrives(self, sku: int, counter: int, packs: int) -> None:
        with self.step():
            self.build.lot(self.skus[sku], at=self.counters[counter], quantity=packs)

    @rule(wanted=goods, counter=third, pickup=st.booleans())
    def somebody_orders(self, wanted: dict[int, int], counter: int, pickup: bool) -> None:
        cart = {self.skus[number]: packs for number, packs in wanted.items()}
        there = self.counters[counter]
        draft = draft_of(cart, at=there) if pickup else draft_of(cart, to=(there.lat + 0.003, there.lng))
        with self.step():
            place_order(self.session, draft, placement_key=uuid.uuid4().hex, actor=GUEST, now=utcnow())
            self.placed = True

    @precondition(lambda self: self.placed)
    @rule()
    def the_jobs_run(self) -> None:
        self.run_jobs()

    @precondition(lambda self: self.placed)
    @rule(which=any_of_them, line=any_of_them, keep_picked=st.booleans())
    def a_counter_rejects_a_line(self, which: int, line: int, keep_picked: bool) -> None:
        for part in self.chosen(self.parts("assigned", "accepted", "ready"), which):
            lines = sorted({row.order_line_id for row in steps.standing(self.session, part)})
            for line_id in self.chosen(lines, line):
                with self.step():
                    steps.reject_line(
                        self.session, part.id, line_id, "not there", CLERK, utcnow(), keep_picked=keep_picked
                    )

    @rule(counter=third, closes=st.sampled_from((time(0, 1), time(12), None)), ahead=st.integers(0, 1))
    def a_counter_closes_early(self, counter: int, closes: time | None, ahead: int) -> None:
        with self.step():
            set_day(
                self.session, self.counters[counter].id, today() + timedelta(days=ahead), closes=closes, capacity=None,
                reason="", actor=CLERK, now=utcnow(),
            )  # fmt: skip

    @rule(counter=third, days=st.sampled_from((0, 1, 9)))
    def a_counter_takes_days_off(self, counter: int, days: int) -> None:
        with self.step():
            add_closure(self.session, self.counters[counter].id, today(), today() + timedelta(days=days), "", CLERK)

    @rule(counter=third)
    def a_counter_opens_again(self, counter: int) -> None:
        counter_id = self.counters[counter].id
        for one in closures_of(self.session, counter_id, today()):
            with self.step():
                remove_closure(self.session, counter_id, one.id, CLERK)

    @rule(counter=third)
    def a_freezer_breaks(self, counter: int) -> None:
        with self.step():
            break_freezer(self.session, self.counters[counter].id, "frozen", "", CLERK, utcnow())

    @rule(counter=third)
    def a_freezer_is_mended(self, counter: int) -> None:
        counter_id = self.counters[counter].id
        for one in outages_of(self.session, counter_id):
            with self.step():
                end_outage(self.session, counter_id, one.id, CLERK, utcnow())

    @rule(which=any_of_them)
    def a_lot_is_called_back(self, which: int) -> None:
        lots = self.session.scalars(select(Lot.id).where(Lot.sellable).order_by(Lot.id)).all()
        for lot_id in self.chosen(lots, which):
            with self.step():
                withdraw_lot(self.session, lot_id, "recalled: test", CLERK, utcnow())

    @rule(which=any_of_them, less=st.integers(1, 3), wasted=st.booleans())
    def less_is_there(self, which: int, less: int, wasted: bool) -> None:
        levels = select(StockLevel).where(StockLevel.on_hand > 0).order_by(StockLevel.id)
        for level in self.chosen(self.session.scalars(levels).all(), which):
            cause, now = uuid.uuid4().hex, utcnow()
            with self.step():
                if wasted:
                    waste_stock(
                        self.session, level_id=level.id, packs=less, reason="damaged", actor=CLERK, source_id=cause,
                        now=now,
                    )  # fmt: skip
                else:
                    left = max(level.on_hand - less, 0)
                    count_stock(self.session, level_id=level.id, counted=left, actor=CLERK, source_id=cause, now=now)

    @precondition(lambda self: self.placed)
    @rule(which=any_of_them, counter=third)
    def a_customer_collects_elsewhere(self, which: int, counter: int) -> None:
        for order in self.chosen([one for one in self.open_orders() if one.method == "pickup"], which):
            with self.step():
                change_pickup(self.session, order.id, self.counters[counter].id, GUEST, utcnow())

    @precondition(lambda self: self.placed)
    @rule(which=any_of_them)
    def a_customer_cancels(self, which: int) -> None:
        for order in self.chosen(self.open_orders(), which):
            with self.step():
                cancel_order(self.session, order.id, GUEST, utcnow())

    @precondition(lambda self: self.placed)
    @rule(which=any_of_them, row=any_of_them, packs=st.integers(0, 3))
    def a_counter_ticks_off(self, which: int, row: int, packs: int) -> None:
        for part in self.chosen(self.parts("assigned", "accepted"), which):
            for packs_there in self.chosen(steps.standing(self.session, part), row):
                with self.step():
                    tick_row(self.session, part.id, packs_there.id, packs, CLERK, utcnow())

    @precondition(lambda self: self.placed)
    @rule(which=any_of_them, far=st.integers(1, 3))
    def a_counter_goes_on(self, which: int, far: int) -> None:
        for part in self.chosen(self.parts(*OPEN_FULFILMENTS), which):
            for _ in range(far):
                if part.status in OPEN_FULFILMENTS:
                    self.go_on(part)

    @precondition(lambda self: self.placed)
    @rule(which=any_of_them)
    def nobody_comes(self, which: int) -> None:
        for order in self.chosen([one for one in self.open_orders() if one.status == "ready"], which):
            with self.step():
                expire_if_still_overdue(self.session, order.id, utcnow() + timedelta(days=30))

    @precondition(lambda self: self.placed)
    @rule(which=any_of_them)
    def a_person_lets_the_router_try_again(self, which: int) -> None:
        waiting = select(RoutingCase.order_id).where(RoutingCase.closed_at.is_(None)).order_by(RoutingCase.id)
        for order_id in self.chosen(self.session.scalars(waiting).all(), which):
            with self.step():
                try_again(self.session, order_id, CLERK, utcnow())

    @invariant()
    def every_invariant_holds(self) -> None:
        found = faults_without_workers(self.session)
        self.judge(found == [], found)

    @invariant()
    def no_order_is_planned_more_often_than_a_person_lets_it(self) -> None:
        waved = (
            select(RoutingCase.order_id, func.max(RoutingCase.at_version).label("version"))
            .where(RoutingCase.closed_at.is_not(None))
            .group_by(RoutingCase.order_id)
            .subquery()
        )
        often = (
            select(RoutingPlan.order_id)
            .outerjoin(waved, waved.c.order_id == RoutingPlan.order_id)
            .group_by(RoutingPlan.order_id, waved.c.version)
            .having(func.max(RoutingPlan.version) - func.coalesce(waved.c.version, 0) > MOST_PLANS)
        )
        self.judge(not self.session.scalars(often).all(), "planned too often")

    @invariant()
    def customers_are_told_of_what_they_lose_and_of_nothing_else(self) -> None:
        changed = (Job.topic == "order.mail") & (Job.payload["kind"].astext == "changed")
        told = Tally(self.session.scalars(select(Job.payload["order_id"].as_integer()).where(changed)))
        lost = select(OrderLine.order_id, func.sum(OrderLine.cancelled)).group_by(OrderLine.order_id)
        taken = dict(self.session.execute(lost).all())
        self.judge(all(count <= taken[order_id] for order_id, count in told.items()), (told, taken))
        open_still = {order.id for order in self.open_orders()}
        silent = [one for one, packs in taken.items() if packs and one in open_still and one not in told]
        self.judge(not silent, f"nobody told them: {silent}")

    def teardown(self) -> None:
        try:
            if self.sound and hasattr(self, "counters"):
                self.everything_comes_to_an_end()
        finally:
            self.session.close()
            self.engine.dispose()
            self.context.pop()

    def everything_comes_to_an_end(self) -> None:
        """When nothing more goes wrong: counters do what they see, until every order is over or waits for a person."""
        self.run_jobs()
        self.somebody_sees_every_order()
        for _ in range(MOST_ROUNDS):
            parts = self.parts(*OPEN_FULFILMENTS)
            before = [(part.id, part.status) for part in parts]
            for part in parts:
                self.go_on(part)
            self.run_jobs()
            if before == [(part.id, part.status) for part in self.parts(*OPEN_FULFILMENTS)]:
                break
        self.somebody_sees_every_order()
        self.every_invariant_holds()
        waiting = set(self.session.scalars(select(RoutingCase.order_id).where(RoutingCase.closed_at.is_(None))))
        stuck = [(one.id, one.status) for one in self.open_orders() if one.id not in waiting]
        assert stuck == [], "no counter can finish them and no person knows"

    def somebody_sees_every_order(self) -> None:
        """Every open order has an open part or a case."""
        seen = select(Fulfilment.order_id).where(Fulfilment.status.in_(OPEN_FULFILMENTS))
        parked = select(RoutingCase.order_id).where(RoutingCase.closed_at.is_(None))
        lost = select(Order.id, Order.status).where(
            Order.status.in_(OPEN_ORDERS), Order.id.not_in(seen), Order.id.not_in(parked)
        )
        assert self.session.execute(lost).all() == [], "open, and nobody sees them"
        undone = self.parts("assigned", "accepted", "ready")
        empty = [(one.id, one.role, one.status) for one in undone if not steps.standing(self.session, one)]
        coming = {one.order_id for one in self.parts(*OPEN_FULFILMENTS) if one.role == "transfer"}
        without = [one for one in empty if self.session.get_one(Fulfilment, one[0]).order_id not in coming]
        assert without == [], "work without goods"

    def go_on(self, part: Fulfilment) -> None:
        """The next step of a part, as its counter would do it (a transfer is received where it is going)."""
        order = self.session.get_one(Order, part.order_id)
        if part.status in ("assigned", "accepted"):
            with self.step():
                for row in steps.standing(self.session, part):
                    tick_row(self.session, part.id, row.id, row.quantity, CLERK, utcnow())
                steps.make_ready(self.session, part.id, CLERK, utcnow())
        elif part.role == "transfer" and part.status == "dispatched":
            with self.step():
                steps.receive_transfer(self.session, part.id, CLERK, utcnow())
        elif part.role == "transfer" or (part.role == "deliver" and part.status == "ready"):
            with self.step():
                steps.dispatch(self.session, part.id, CLERK, utcnow())
        else:
            with self.step():
                steps.hand_over(self.session, part.id, order.pickup_code or "", CLERK, utcnow())

    def run_jobs(self) -> None:
        """What workers would do, until there is nothing left; each job tells customers only of days that came later."""
        for _ in range(MOST_ROUNDS):
            waiting = select(Job.id).where(Job.topic.in_(INSIDE), Job.done_at.is_(None), Job.dead_at.is_(None))
            ids = self.session.scalars(waiting.order_by(Job.id)).all()
            self.session.commit()
            if not ids:
                return
            for job_id in ids:
                before, told = self.ready_days(), self.told_later()
                run_job(self.session, job_id)
                self.session.expire_all()
                wrong = self.session.scalar(select(Job.last_error).where(Job.id == job_id))
                self.judge(not wrong, wrong)
                after = self.ready_days()
                for order_id in self.told_later()[len(told) :]:
                    self.judge(after[order_id] > before[order_id], f"{order_id} was told of a later day that is none")
        self.judge(False, "jobs call for jobs without end")

    def ready_days(self) -> dict[int, date]:
        """The day on which each order is ready, by what its counters are asked for."""
        statement = (
            select(Fulfilment.order_id, func.max(Fulfilment.due_at))
            .where(Fulfilment.role != "transfer", Fulfilment.status.not_in(("cancelled", "rejected")))
            .group_by(Fulfilment.order_id)
        )
        return {order_id: shanghai_day(due) for order_id, due in self.session.execute(statement)}

    def told_later(self) -> list[int]:
        """The orders whose customers were told of a later day, one mail after the other."""
        later = (Job.topic == "order.mail") & (Job.payload["kind"].astext == "later")
        return list(self.session.scalars(select(Job.payload["order_id"].as_integer()).where(later).order_by(Job.id)))

    def parts(self, *status: str) -> Sequence[Fulfilment]:
        """Parts that stand there."""
        statement = select(Fulfilment).where(Fulfilment.status.in_(status)).order_by(Fulfilment.id)
        return self.session.scalars(statement).all()

    def open_orders(self) -> Sequence[Order]:
        """Orders that are not over."""
        return self.session.scalars(select(Order).where(Order.status.in_(OPEN_ORDERS)).order_by(Order.id)).all()

    @staticmethod
    def chosen(things: Sequence[Thing], which: int) -> Sequence[Thing]:
        """One of these, if there are any."""
        return [things[which % len(things)]] if things else []

    def judge(self, holds: bool, found: object) -> None:
        """Fail with what was found, unless it holds."""
        if not holds:
            self.sound = False
        assert holds, found


def test_r5_whatever_goes_wrong_every_order_ends(
    app: Flask, database_for_each_game: Callable[[], str], figures: Callable[[str], Figures]
) -> None:
    Day.app, Day.new_database = app, database_for_each_game
    games, moves = size(8, 100), size(20, 40)
    play(
        Day,
        settings=settings(
            max_examples=games, stateful_step_count=moves, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck), phases=(Phase.generate,),
        ),
    )  # fmt: skip
    figures("R5").exactly(f"games of {moves} moves in which every order ended and every invariant held", games, games)
