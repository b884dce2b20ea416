"""A crowd pays while messages are lost, doubled and shuffled, calls are cut off and workers killed; then both books
are compared.

`make soak-payments` runs it with 500 orders a half of the day; every `make test` with a few. What is random is drawn
from SOAK_SEED; processes that run beside each other are never the same twice.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from orders.check import faults
from shop.app import create_app
from shop.db import db
from shop.sandbox.processes import free_port
from shop.sandbox.services import scratch_folder, start_mail_sink, start_redis
from shop.sandbox.stripe.part import StripeStandIn
from tests.builders import Builder
from tests.conftest import settings_for
from tests.faults.harness import processes
from tests.figures import FULL_SIZE, Figures, size
from tests.payments.bad_day import FOREIGN_FEN, BadDay, Unrest, audit, printed, read_books
from tests.payments.conftest import Till
from tests.payments.defects import ENVIRONMENT, plant

SEED = int(os.environ.get("SOAK_SEED", "1"))
ORDERS = int(os.environ.get("SOAK_ORDERS", size(8, 500)))
FAULTS = ("--repeat", "0.5", "--shuffle", "--cut-before", "0.05", "--seed", str(SEED))
LOSSY, SILENT = "30 % of messages lost", "no messages at all"
HALVES = {LOSSY: "0.3", SILENT: "1"}
# A second refund shows only where the answer to the first was cut off: it takes more customers to be sure of some.
DEFECT_ORDERS = {"new_refund_key_at_each_try": 200}
# What each defect breaks, by the words of the audit: any of its rules catches it, others may be broken as well.
CAUGHT: dict[str, tuple[str, ...]] = {
    "new_key_at_each_try": ("payments at the provider that the shop does not know",),
    # A part of the sum is given back twice; of the whole sum the provider refuses the second refund.
    "new_refund_key_at_each_try": (
        "refund rows with two refunds at the provider", "refunds at the provider without their row",
        "refunds the shop granted and the provider refused",
    ),
    "stock_released_before_the_cancel": ("customers who paid for an order that had ended",),
    "no_lock_on_refunds": ("refunds the shop granted and the provider refused",),
    "stock_released_before_the_cancel,no_late_rule": ("ended orders whose money was kept",),
}  # fmt: skip


@contextmanager
def bad_day(database_url: str, orders: int, *, drop: str, cut: str = "0.10", defects: str = "") -> Iterator[BadDay]:
    """A shop with workers of its own, and a provider with every fault."""
    port = free_port()
    with scratch_folder() as folder:
        redis, mail = start_redis(folder / "redis"), start_mail_sink(folder / "mail")
        provider = StripeStandIn(
            folder / "stripe",
            to=f"http://127.0.0.1:{port}/webhooks/stripe",
            options=("--drop", drop, "--cut-after", cut, *FAULTS),
        ).start()
        update = {name.lower(): value for name, value in provider.environment.items()} | {"web_threads": 16}
        app = create_app(settings_for(database_url, redis.url).model_copy(update=update))
        server = make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        engine = sa.create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
        extra = {**provider.environment, "LOG_LEVEL": "ERROR", "FAIL_POINTS": "false", ENVIRONMENT: defects}
        with (
            Session(engine, expire_on_commit=False) as session,
            processes(database_url, redis.url, smtp_url=mail.url, extra=extra) as children,
        ):
            build = Builder(session)
            sku, counter = build.sku(code="EGG-30", price_fen=4_500), build.counter(code="WH-1")
            build.lot(sku, at=counter, quantity=orders * 3)
            build.commit()
            yield BadDay(Till(app, session, build, sku, counter, provider), children, redis, random.Random(SEED))
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        engine.dispose()
        server.shutdown()
        thread.join(10)
        for part in (provider, mail, redis):
            part.stop()


def live_through(day: BadDay, orders: int) -> None:
    """The day from morning to rest; at noon somebody else asks for a payment at the same account."""
    day.open()
    try:
        day.customers(orders // 2)
        with suppress(OSError):
            day.till.call("/v1/payment_intents", amount=str(FOREIGN_FEN), currency="cny")
        day.customers(orders - orders // 2)
        day.come_to_rest()
    finally:
        day.close()


def outcome(day: BadDay) -> str:
    """How the orders ended, in a line."""
    day.till.session.rollback()
    counts = day.till.session.execute(sa.text('SELECT status, count(*) FROM "order" GROUP BY status ORDER BY status'))
    return ", ".join(f"{count} {status}" for status, count in counts)


@pytest.mark.parametrize("half", [LOSSY, pytest.param(SILENT, marks=pytest.mark.full)])
def test_after_a_bad_day_both_books_say_the_same(
    half: str, database_url: str, figures: Callable[[str], Figures], capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    with bad_day(database_url, ORDERS, drop=HALVES[half]) as day:
        live_through(day, ORDERS)
        books = read_books(day.till)
        with capsys.disabled():
            tell = print if FULL_SIZE else lambda _words: None
            tell(f"\n{half} (seed {SEED}): {outcome(day)}; {len(books.refunds)} refunds, {day.refused_clerks} refused "
                 f"to clerks; {day.kills} workers killed; {time.monotonic() - begun:.0f} s")  # fmt: skip
            wrong = printed(audit(books), tell)
        money = figures("MONEY")
        money.exactly(f"orders, {half} ({outcome(day)}; {day.kills} workers killed)", len(books.orders), ORDERS)
        money.exactly("differences between the two books", wrong, 0)
        assert wrong == 0, audit(books)
        assert faults(day.till.session) == []


def counted(rules: dict[str, int]) -> str:
    """Rules with how often they were broken, in a line."""
    return ", ".join(f"{times} × {rule}" for rule, times in rules.items())


@pytest.mark.full
@pytest.mark.parametrize("defects", CAUGHT)
def test_a_planted_defect_is_caught(
    defects: str, database_url: str, figures: Callable[[str], Figures], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(defects, monkeypatch.setattr)
    orders = DEFECT_ORDERS.get(defects, 80)
    with bad_day(database_url, orders, drop="0.3", cut="0.3", defects=defects) as day:
        with suppress(Unrest):  # a defect may keep the day from its end; what it broke stands in the books all the same
            live_through(day, orders)
        rules = audit(read_books(day.till))
    broken = {rule: len(found) for rule, found in rules.items() if found}
    by = {rule: times for rule, times in broken.items() if rule in CAUGHT[defects]}
    also = {rule: times for rule, times in broken.items() if rule not in by}
    words = f"{defects.replace('_', ' ').replace(',', ' and ')}: {counted(by) or 'nothing'}"
    figures("DEFECT").at_least(f"{words} (also {counted(also)})" if also else words, sum(by.values()), 1)
    if defects == "no_lock_on_refunds":
        # The provider is the second line of defence: it paid no more than it had received.
        assert rules["payments with more given back than came"] == []
