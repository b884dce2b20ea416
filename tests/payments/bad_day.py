"""A bad day of the shop: a crowd that pays, messages that get lost, calls that are cut off, workers that are killed."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import redis as redis_client
import sqlalchemy as sa
import stripe
from celery import Celery
from sqlalchemy.orm import Session

from orders.checkout import Contact, DraftLine, OrderDraft, Pickup, place_order
from orders.lifecycle import cancel_order
from orders.models import Order, OrderLine
from orders.office.giving_back import give_back_goods
from orders.payments.cashier import play
from orders.payments.gateway import GatewayDown, GatewayRefused
from orders.payments.models import Payment, Refund
from orders.payments.paying import begin
from orders.payments.states import LIVE_PAYMENTS, ON_ITS_WAY
from orders.payments.sync import close_before_cancelling
from orders.promises import lock_order
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError
from shop.outbox import Job
from shop.sandbox.redis import Redis
from tests.builders import GUEST
from tests.faults.harness import PYTHON, Processes, wait_until
from tests.figures import FULL_SIZE, size
from tests.payments.conftest import RETURN, Till
from workers.celery_settings import make_celery

CLERK = Actor("Demo office")
HABITS = (
    "pay", "pay", "pay", "decline, then pay", "decline", "leave", "pay and cancel", "cancel and pay", "pay late",
    "pay at the last moment",
)  # fmt: skip
TICKS = ("expire", "payments", "payment events")
APP = "tests.payments.soak_workers"
LEASE = 6  # as there, which is for workers to import
TOPICS = ("payment.event", "refund.push")
PATIENCE = 420
# What others ask for at the same account; no order of eggs costs that.
FOREIGN_FEN = 777
# Between two strokes of the clock, and between two deaths.
SECOND = 1.0 if FULL_SIZE else 0.3
BETWEEN_DEATHS = (6, 14) if FULL_SIZE else (2, 3)


class Unrest(AssertionError):
    """The day does not end: something stays open however long one waits."""


@dataclass
class BadDay:
    """The shop at work: its processes, the clock that drives them, and the chance that strikes them."""

    till: Till
    children: Processes
    redis: Redis
    chance: random.Random
    kills: int = 0
    refused_clerks: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    calm: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.celery: Celery = make_celery(self.redis.url)
        self.waiting = redis_client.Redis.from_url(self.redis.url)
        self.workers = [self.start_worker() for _ in range(size(1, 2))]
        self.children.relay(PYTHON, "-m", APP)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.keep_time, self.kill_at_random)]

    def start_worker(self) -> subprocess.Popen[bytes]:
        """A worker for payments and for what happens by the clock."""
        return self.children.worker(queues="maint,notify,mail", processes=2, app=APP)

    def open(self) -> None:
        """The clock runs from here on, and chance with it."""
        for thread in self.threads:
            thread.start()

    def close(self) -> None:
        """The day is over."""
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def keep_time(self) -> None:
        """What the clock does, a minute in each second: ticks for the workers, and pauses that come to their end."""
        engine = sa.create_engine(self.till.app.config["SQLALCHEMY_DATABASE_URI"])
        while not self.over.wait(SECOND):
            with engine.begin() as connection:
                paused = Job.next_at > sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, 1.3 * LEASE)
                connection.execute(sa.update(Job).where(Job.done_at.is_(None), paused).values(next_at=sa.func.now()))
                for table in (Payment, Refund):
                    waiting = table.next_look_at.is_not(None)
                    connection.execute(sa.update(table).where(waiting).values(next_look_at=sa.func.now()))
            if self.waiting.llen("maint") < len(TICKS):  # a clock that outruns its workers only makes a heap
                for name in TICKS:
                    self.tick(name)
        engine.dispose()

    def tick(self, name: str) -> None:
        """A tick of the clock, for any worker."""
        self.celery.send_task("workers.tick", args=[name], queue="maint", expires=30, ignore_result=True)

    def kill_at_random(self) -> None:
        """`kill -9` one of the workers at any moment of its work, and start another in its place."""
        engine = sa.create_engine(self.till.app.config["SQLALCHEMY_DATABASE_URI"])
        done = sa.select(sa.func.count()).where(Job.done_at.is_not(None))

        def jobs_done() -> int:
            with engine.connect() as connection:
                return int(connection.scalar(done) or 0)

        chance = random.Random(self.chance.random())
        while not self.over.wait(chance.uniform(*BETWEEN_DEATHS)):
            if self.calm.is_set():
                break
            which = chance.randrange(len(self.workers))
            self.children.kill(self.workers[which])
            self.kills += 1
            self.workers[which] = self.start_worker()
            # On a busy machine a worker may need long to begin: one that is killed before that proves nothing.
            before = jobs_done()
            with suppress(AssertionError):
                wait_until(lambda: self.calm.is_set() or jobs_done() > before + 5, 60)  # noqa: B023
        engine.dispose()

    def customers(self, number: int) -> None:
        """A crowd of four at a time; two clerks after every second of them, by and large."""
        with ThreadPoolExecutor(4) as crowd:
            list(crowd.map(self.one_customer, [self.chance.random() for _ in range(number)]))

    def one_customer(self, drawn: float) -> None:
        """Somebody orders and does what they do; whatever refuses them, they go away."""
        chance, till = random.Random(drawn), self.till
        habit = chance.choice(HABITS)
        with till.app.app_context():
            order_id = self.place(chance.randint(1, 3), f"soak:{drawn}")
            with suppress(GatewayDown, GatewayRefused, DomainError, stripe.StripeError):
                self.live(habit, order_id)
            db.session.rollback()
            if chance.random() < 0.5:
                self.two_clerks(chance)
            db.session.remove()

    def place(self, packs: int, key: str) -> int:
        """An order of eggs."""
        draft = OrderDraft(
            lines=(DraftLine(self.till.sku.id, packs),),
            contact=Contact("Demo guest", "13800000000", "demo@example.org"),
            fulfilment=Pickup(self.till.counter.id), payment_method="stripe", means="card",
        )  # fmt: skip
        work = lambda: place_order(db.session(), draft, placement_key=key, actor=GUEST, now=utcnow()).id  # noqa: E731
        return in_transaction(db.session(), work, tries=10)

    def live(self, habit: str, order_id: int) -> None:
        """What this customer does."""
        seen = begin(db.session(), self.till.gateway, order_id, None, utcnow())
        if seen is None:
            return
        if habit.startswith("decline"):
            self.pay(seen.ref, "card:decline")
        if habit == "cancel and pay":
            self.cancel(order_id)
        if habit == "pay at the last moment":
            self.time_is_up(order_id)
            self.tick("expire")
        if habit == "pay late":
            self.time_is_up(order_id)
            self.wait_for_end(order_id)
        if "pay" in habit:
            self.pay(seen.ref, "card:pay")
        if habit == "pay and cancel":
            self.cancel(order_id)

    def pay(self, ref: str, outcome: str) -> None:
        """The customer's side at the provider."""
        play(self.till.app.extensions["settings"], ref, outcome, RETURN)

    def cancel(self, order_id: int) -> None:
        """The customer changes their mind."""
        close_before_cancelling(db.session(), self.till.gateway, order_id)
        in_transaction(db.session(), lambda: cancel_order(db.session(), order_id, GUEST, utcnow()), tries=10)

    def time_is_up(self, order_id: int) -> None:
        """The time to pay is over."""

        def over() -> None:
            order = lock_order(db.session(), order_id)
            order.expires_at = utcnow()

        in_transaction(db.session(), over, tries=10)

    def wait_for_end(self, order_id: int) -> None:
        """Dawdle until the workers have ended the order, but not for ever: they may be dead."""
        with suppress(AssertionError):
            wait_until(lambda: self.ended(order_id), 15)

    def ended(self, order_id: int) -> bool:
        """Whether the order waits no longer."""
        db.session.rollback()
        return db.session.scalar(sa.select(Order.status).where(Order.id == order_id)) != "awaiting_payment"

    def two_clerks(self, chance: random.Random) -> None:
        """Two of the office give the same goods back at the same moment."""
        paid = db.session.scalars(sa.select(Payment.order_id).where(Payment.received_fen > 0)).all()
        if not paid:
            return
        order_id = chance.choice(paid)
        lines = db.session.execute(sa.select(OrderLine.id, OrderLine.quantity).filter_by(order_id=order_id)).all()
        packs = {line_id: chance.randint(1, quantity) for line_id, quantity in lines}
        db.session.rollback()
        together = threading.Barrier(2)

        def clerk() -> None:
            with self.till.app.app_context():
                session = db.session()
                together.wait(30)
                try:
                    give = lambda: give_back_goods(session, order_id, packs, {}, "", CLERK, utcnow())  # noqa: E731
                    in_transaction(session, give, tries=10)
                except DomainError:
                    self.refused_clerks += 1
                db.session.remove()

        pair = [threading.Thread(target=clerk) for _ in range(2)]
        for one in pair:
            one.start()
        for one in pair:
            one.join(60)

    def come_to_rest(self) -> float:
        """Nobody comes any more, unpaid orders run out of time; the seconds until nothing is open. Calls are still cut
        off, but the workers live. Raises Unrest when patience ends."""
        wait_until(lambda: self.kills, 60, "at least one worker was killed")
        self.calm.set()
        begun = time.monotonic()
        self.till.session.execute(
            sa.update(Order).where(Order.status == "awaiting_payment").values(expires_at=sa.func.now())
        )
        self.till.session.commit()
        try:
            wait_until(lambda: not self.still_open(), PATIENCE)
        except AssertionError as error:
            raise Unrest(f"after {PATIENCE:g} s still open: {self.still_open()}") from error
        return time.monotonic() - begun

    def still_open(self) -> dict[str, int]:
        """What is not at its end."""
        session = self.till.session
        session.rollback()
        count = sa.func.count()
        counts = {
            "orders": sa.select(count).where(Order.status == "awaiting_payment"),
            "payments": sa.select(count).where(Payment.state.in_([one.value for one in LIVE_PAYMENTS])),
            "refunds": sa.select(count).where(Refund.state.in_([one.value for one in ON_ITS_WAY])),
            "jobs": sa.select(count).where(Job.topic.in_(TOPICS), Job.done_at.is_(None), Job.dead_at.is_(None)),
        }
        return {name: number for name, query in counts.items() if (number := session.scalar(query) or 0)}


PAID_AFTER_THE_END = """
    SELECT o.number FROM "order" o JOIN order_event e ON e.order_id = o.id JOIN money_entry m ON m.order_id = o.id
    WHERE e.kind IN ('order.expired', 'order.cancelled') AND m.kind = 'charge' AND m.at > e.at"""


@dataclass(frozen=True)
class Books:
    """Both sides' books, read when nothing is open."""

    theirs: dict[str, dict[str, object]]
    given: list[dict[str, object]]
    payments: list[Payment]
    refunds: list[Refund]
    orders: dict[int, Order]
    ledger: dict[str, int]
    late: list[str]


def read_books(till: Till) -> Books:
    """Everything both sides know, without what was made at the provider by others."""
    session: Session = till.session
    session.rollback()
    session.expire_all()
    rows = session.execute(sa.text("SELECT kind || ' ' || ref, amount_fen FROM money_entry WHERE kind <> 'fee'")).all()
    intents = till.call("/v1/payment_intents?limit=100000")["data"]
    return Books(
        theirs={one["id"]: one for one in intents if one["amount"] != FOREIGN_FEN},
        given=till.call("/v1/refunds?limit=100000")["data"],
        payments=list(session.scalars(sa.select(Payment))), refunds=list(session.scalars(sa.select(Refund))),
        orders={one.id: one for one in session.scalars(sa.select(Order))},
        ledger={str(name): int(fen) for name, fen in rows},
        late=list(session.scalars(sa.text(PAID_AFTER_THE_END))),
    )  # fmt: skip


def audit(books: Books) -> dict[str, list[str]]:
    """Every rule with what breaks it; a good day has none."""
    ours = {one.intent_ref: one for one in books.payments if one.intent_ref}
    mine = {one.refund_ref: one for one in books.refunds if one.refund_ref}
    back: Counter[str] = Counter()
    for one in books.given:
        back[str(one["payment_intent"])] += int(str(one["amount"]))
    charges = {f"charge {one['latest_charge']}": one["amount_received"] for one in books.theirs.values()
               if one["amount_received"]}  # fmt: skip
    returned = {f"refund {one['id']}": -int(str(one["amount"])) for one in books.given}
    ended = [one for one in books.payments if books.orders[one.order_id].status in {"cancelled", "expired"}]
    named = Counter(str(dict(one["metadata"] or {}).get("refund_id")) for one in books.given)  # type: ignore[call-overload]
    rules: dict[str, list[str]] = {
        "payments at the provider that the shop does not know": sorted(books.theirs.keys() - ours.keys()),
        "payments of the shop that the provider does not know": sorted(ours.keys() - books.theirs.keys()),
        "movements at the provider that are not so in the ledger": differing({**charges, **returned}, books.ledger),
        "movements in the ledger that are not so at the provider": differing(books.ledger, {**charges, **returned}),
        "refunds at the provider without their row": [str(one["id"]) for one in books.given if one["id"] not in mine],
        "refund rows with two refunds at the provider": [ref for ref, times in named.items() if times > 1],
        "refunds the shop granted and the provider refused": [str(one.id) for one in books.refunds
                                                              if one.state == "failed"],
        "payments with more given back than came": [ref for ref, one in ours.items() if back[ref] > one.received_fen],
        "orders that are stuck": [one.number for one in books.orders.values() if one.status == "awaiting_payment"],
        "customers who paid for an order that had ended": books.late,
        "ended orders whose money was kept": [str(one.intent_ref) for one in ended
                                              if back[str(one.intent_ref)] != one.received_fen],
    }  # fmt: skip
    return rules


def differing(one: dict[str, object] | dict[str, int], other: dict[str, object] | dict[str, int]) -> list[str]:
    """The names of what the other has not, or not so."""
    return sorted(name for name, fen in one.items() if other.get(name) != fen)


def printed(rules: dict[str, list[str]], tell: Callable[[str], None]) -> int:
    """Say each rule with its count; how many differences there are."""
    for rule, broken in rules.items():
        tell(f"  {len(broken):4d}  {rule}{': ' + ', '.join(broken[:5]) if broken else ''}")
    total = sum(len(broken) for broken in rules.values())
    tell(f"  {total} differences")
    return total
