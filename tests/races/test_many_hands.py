"""A8: sixteen hands order, route, cancel, count and receive at random; the books are right at every look."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalogue.models import Counter as Desk
from catalogue.models import Sku
from catalogue.stock.models import StockLevel
from orders.check import faults
from orders.checkout import place_order
from orders.fulfilment.assign import route_order
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.shortage import count_stock
from shop.clock import utcnow
from shop.db import REPEATABLE, in_transaction, sqlstate
from shop.errors import DomainError
from tests.builders import GUEST, Builder, draft_of
from tests.figures import Figures

pytestmark = pytest.mark.full

HANDS, SECONDS, SECONDS_BETWEEN_LOOKS = 16, 300, 10


class Hand:
    """Somebody who does anything that is allowed, again and again."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session, self.dice, self.did = session, random.Random(seed), Counter[str]()

    def anything(self) -> None:
        """One move; refusals of the business and rows held too long are part of the game."""
        move = self.dice.choice([self.order, self.order, self.route, self.cancel, self.count, self.receive])
        try:
            in_transaction(self.session, move)
            self.did[move.__name__] += 1
        except DomainError:
            self.did["refused"] += 1
        except DBAPIError as error:
            if sqlstate(error) not in REPEATABLE:
                raise
            self.did["held too long"] += 1

    def one_of(self, what: type[Sku | Desk | StockLevel]) -> int:
        return self.dice.choice(self.session.execute(select(what.id)).scalars().all())

    def order(self) -> None:
        skus = self.session.execute(select(Sku)).scalars().all()
        wanted = {sku: self.dice.randint(1, 4) for sku in self.dice.sample(list(skus), self.dice.randint(1, 3))}
        draft = draft_of(wanted, at=self.session.get_one(Desk, self.one_of(Desk)))
        place_order(self.session, draft, placement_key=uuid.uuid4().hex, actor=GUEST, now=utcnow())

    def some_order(self) -> int:
        newest = select(Order.id).where(Order.closed_at.is_(None)).order_by(Order.id.desc()).limit(40)
        return self.dice.choice(self.session.execute(newest).scalars().all() or [0])

    def route(self) -> None:
        if order_id := self.some_order():
            route_order(self.session, order_id, utcnow())

    def cancel(self) -> None:
        if order_id := self.some_order():
            cancel_order(self.session, order_id, GUEST, utcnow())

    def count(self) -> None:
        count_stock(self.session, level_id=self.one_of(StockLevel), counted=self.dice.randint(0, 30), actor=GUEST,
                    source_id=uuid.uuid4().hex, now=utcnow())  # fmt: skip

    def receive(self) -> None:
        sku, desk = self.session.get_one(Sku, self.one_of(Sku)), self.session.get_one(Desk, self.one_of(Desk))
        Builder(self.session).lot(sku, at=desk, quantity=self.dice.randint(1, 20), code=uuid.uuid4().hex)


def test_a8_sixteen_hands_keep_the_books(
    database_url: str, session: Session, build: Builder, figures: Callable[[str], Figures]
) -> None:
    desks = [build.counter(lat=30.5 + n / 50) for n in range(3)]
    for _ in range(5):
        sku = build.sku()
        for desk in desks:
            build.lot(sku, at=desk, quantity=30)
    build.commit()
    engine = create_engine(session.get_bind().url, pool_size=HANDS)  # type: ignore[union-attr]
    until, did, looks, wrong = threading.Event(), Counter[str](), 0, 0

    def work(seed: int) -> Counter[str]:
        with Session(engine, expire_on_commit=False) as own:
            hand = Hand(own, seed)
            while not until.is_set():
                hand.anything()
            return hand.did

    with ThreadPoolExecutor(HANDS) as pool:
        hands = [pool.submit(work, seed) for seed in range(HANDS)]
        started = time.monotonic()
        while time.monotonic() - started < SECONDS and not any(hand.done() for hand in hands):
            until.wait(SECONDS_BETWEEN_LOOKS)
            looks, wrong = looks + 1, wrong + len(faults(session))
            session.rollback()
        until.set()
    for hand in hands:
        did.update(hand.result())
    engine.dispose()
    a8 = figures("A8")
    a8.at_least(f"moves of {HANDS} hands in {SECONDS} s", sum(did.values()), 1_000)
    a8.exactly(f"invariants found broken in {looks} looks", wrong, 0)
    a8.keep("of the moves held too long", str(did["held too long"]), "told only", True)
    assert min(did[name] for name in ("order", "route", "cancel", "count", "receive")) > 0
    assert faults(session) == []
