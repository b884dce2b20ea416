"""A counter short of eggs, a store full of them, and lorries between the two."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter
from catalogue.stock.availability import available
from catalogue.stock.models import Channel, StockLevel
from orders.check import faults
from orders.consignments.proposals import propose_by_hand
from orders.consignments.replenish import ROAD_DAYS
from orders.consignments.setting_aside import lots_of
from orders.consignments.states import LotState
from orders.consignments.steps import Outcome, confirm, dispatch, receive
from orders.fulfilment.assign import route_orders
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.steps import hand_over, make_ready
from orders.models import Order, Reservation
from orders.shortage import count_stock
from shop.clock import utcnow
from shop.outbox import Job
from tests.builders import GUEST, Builder, order, today


class Road:
    """Eggs at a counter, eggs in a store in Nedong, and consignments between the two."""

    def __init__(self, session: Session, build: Builder, on_shelf: int = 3) -> None:
        self.session, self.build = session, build
        self.cooperative = build.cooperative("YADUI")
        self.eggs = build.sku("EGG-30", cooperative=self.cooperative, min_life_days=3)
        self.counter = build.counter("WH-1")
        self.other = build.counter("WH-2", lat=30.55, lng=114.3)
        self.store = build.lot(self.eggs, at=self.cooperative, quantity=200, best_before_in=25, code="STORE")
        if on_shelf:
            build.lot(self.eggs, at=self.counter, quantity=on_shelf, code="SHELF")
        session.commit()

    def coming(self, packs: int, *, to: Counter | None = None, sent: bool = True) -> int:
        """The id of a consignment of so many packs, on the road (or only confirmed)."""
        arrives = today() + timedelta(days=ROAD_DAYS)
        asked = propose_by_hand(
            self.session, self.cooperative.id, (to or self.counter).id, arrives, {self.eggs.id: packs}, GUEST, utcnow()
        )
        confirm(self.session, asked.id, {asked.lines[0].id: packs}, GUEST, utcnow())
        if sent:
            dispatch(self.session, asked.id, "", GUEST, utcnow())
        self.session.commit()
        return asked.id

    def arrives(self, consignment_id: int, good: int, damaged: int = 0) -> None:
        """The counter receives it; whatever is neither good nor damaged is missing."""
        left, outcomes = good, {}
        for lot in lots_of(self.session, consignment_id, LotState.ON_THE_ROAD):
            received = min(left, lot.quantity)
            broken = min(damaged, lot.quantity - received)
            left -= received
            outcomes[lot.id] = Outcome(received, broken, lot.quantity - received - broken)
        receive(self.session, consignment_id, outcomes, GUEST, utcnow())
        self.session.commit()

    def ordered(self, packs: int, *, promised_anyway: int = 0) -> Order:
        """An order of so many packs, of which the last `promised_anyway` turn out not to be on the shelf."""
        placed = order(self.session, {self.eggs: packs}, at=self.counter)
        if promised_anyway:
            level = self.session.execute(select(StockLevel).join(StockLevel.lot).where(
                StockLevel.lot.has(code="SHELF"))).scalar_one()  # fmt: skip
            count_stock(
                self.session, level_id=level.id, counted=packs - promised_anyway, actor=GUEST,
                source_id=f"count-{placed.id}", now=utcnow(),
            )  # fmt: skip
            self.session.commit()
        self.work()
        return placed

    def work(self) -> None:
        """What the router's jobs ask for, until there are none."""
        topics = ("order.route", "orders.route", "backlog.route")
        while True:
            waiting = select(Job).where(Job.topic.in_(topics), Job.done_at.is_(None)).order_by(Job.id)
            jobs = self.session.scalars(waiting).all()
            if not jobs:
                break
            for job in jobs:
                ids = job.payload.get("order_ids") or [job.payload["order_id"]]
                route_orders(self.session, ids, utcnow(), job.payload.get("why", "placed"))
                job.done_at = utcnow()
                self.session.commit()

    def promise(self, of: Order) -> Reservation:
        """The promise behind an order's one line."""
        statement = select(Reservation).where(Reservation.order_id == of.id).execution_options(populate_existing=True)
        return self.session.execute(statement).scalar_one()

    def waits(self, of: Order) -> int:
        """Packs an order awaits."""
        return self.promise(of).awaited

    def hands_over(self, of: Order) -> None:
        """The counter does what it has of an order."""
        open_parts = select(Fulfilment).where(Fulfilment.order_id == of.id, Fulfilment.status == "assigned")
        for part in self.session.scalars(open_parts).all():
            make_ready(self.session, part.id, GUEST, utcnow())
            hand_over(self.session, part.id, of.pickup_code or "", GUEST, utcnow())
        self.session.commit()

    def told(self, of: Order) -> list[str]:
        """The kinds of mail a customer got."""
        mails = select(Job).where(Job.topic == "order.mail").order_by(Job.id)
        return [job.payload["kind"] for job in self.session.scalars(mails) if job.payload["order_id"] == of.id]

    def free(self) -> int:
        """Packs that may still be promised in Wuhan."""
        return available(self.session, [self.eggs.id], Channel.COUNTERS)[self.eggs.id]

    def status(self, of: Order) -> str:
        """Where an order stands."""
        self.session.refresh(of)
        return of.status

    def all_is_well(self) -> None:
        """Everything that must be true is."""
        self.session.commit()
        assert faults(self.session) == []
