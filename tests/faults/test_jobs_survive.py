"""B1, B3, B7 and poison: with real workers, relays, Redis and PostgreSQL, nothing is lost and nothing happens twice."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis as redis_client
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from orders.check import faults
from orders.models import Order
from shop.outbox import Job, emit
from shop.sandbox.redis import Redis
from tests.builders import Builder, order
from tests.faults.harness import Processes, wait_until
from tests.figures import Figures, size

pytestmark = pytest.mark.faults

APP = "tests.faults.topics"
RELAY = (sys.executable, "-m", "tests.faults.topics")


def write_jobs(session: Session, topic: str, number: int) -> None:
    for n in range(number):
        emit(session, topic, str(n), {"n": n})
    session.commit()


def open_jobs(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).where(Job.done_at.is_(None), Job.dead_at.is_(None))) or 0


def done_jobs(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).where(Job.done_at.is_not(None))) or 0


def effects(session: Session) -> tuple[int, int]:
    """How many effects happened, and for how many jobs."""
    return tuple(session.execute(text("SELECT count(*), count(DISTINCT job) FROM test_effect")).one())  # type: ignore[return-value]


def test_b1_killed_workers_lose_nothing_and_do_nothing_twice(
    session: Session, shop: Processes, figures: Callable[[str], Figures]
) -> None:
    jobs = size(110, 1_000)
    build = Builder(session)
    counter, eggs = build.counter(), build.sku()
    build.lot(eggs, at=counter, quantity=1_000)
    build.commit()
    shop.relay(*RELAY)
    worker = shop.worker(app=APP, FAIL_POINT="job.before_commit")  # its work is done, its commit never comes
    write_jobs(session, "test.count", jobs)
    wait_until(lambda: started_jobs(session), 90, "a first try")
    shop.kill(worker)
    assert (done_jobs(session), effects(session)) == (0, (0, 0))
    worker = shop.worker(app=APP)
    for _ in range(30):
        order(session, {eggs: 2}, at=counter)
    for goal in range(30, jobs, size(90, 50)):
        wait_until(lambda goal=goal: done_jobs(session) >= goal, 120, "jobs are done")  # type: ignore[misc]
        shop.kill(worker)
        worker = shop.worker(app=APP)
    wait_until(lambda: effects(session)[1] == jobs and routed(session) == 30, 120, "all effects and all routes")
    b1 = figures("B1")
    b1.exactly(f"effects of {jobs} jobs under kill -9", effects(session)[0], jobs)
    b1.exactly("orders routed, of 30", routed(session), 30)
    assert session.scalar(text("SELECT sum(quantity) FROM allocation")) == 60
    assert [fault.invariant for fault in faults(session)] == []


def started_jobs(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).where(Job.attempts > 0)) or 0


def routed(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).where(Order.status == "routed")) or 0


def test_b3_a_flushed_broker_loses_nothing(
    session: Session, shop: Processes, own_redis: Redis, figures: Callable[[str], Figures]
) -> None:
    jobs = size(150, 500)
    relay = shop.relay(*RELAY)
    write_jobs(session, "test.count", jobs)
    client = redis_client.Redis.from_url(own_redis.url)
    wait_until(lambda: client.llen("route") >= jobs, 90, "all messages wait")
    client.flushall()
    flushed = time.monotonic()
    shop.worker(app=APP)
    wait_until(lambda: open_jobs(session) == 0, 120, "all jobs done after the flush")
    b3 = figures("B3")
    b3.exactly(f"effects of {jobs} jobs that waited in a flushed Redis", effects(session)[0], jobs)
    b3.takes_at_most("until all were done, the worker's start included", time.monotonic() - flushed, 90.0)
    assert relay.poll() is None


def test_b7_a_relay_killed_between_commit_and_publish_loses_nothing(
    session: Session, shop: Processes, figures: Callable[[str], Figures]
) -> None:
    shop.worker(app=APP)
    write_jobs(session, "test.count", 100)
    doomed = shop.relay(*RELAY, FAIL_POINT="relay.before_publish")
    assert doomed.wait(90) == -9
    assert done_jobs(session) == 0
    shop.relay(*RELAY)
    wait_until(lambda: open_jobs(session) == 0, 120, "all jobs done by the next relay")
    figures("B7").exactly("effects of 100 jobs whose relay died before publishing", effects(session)[0], 100)


def test_poison_is_dead_after_eight_tries_and_good_jobs_pass(session: Session, shop: Processes) -> None:
    shop.relay(*RELAY)
    shop.worker("route,maint", app=APP)
    for topic in ("test.wrong", "test.suicide", "test.unheard-of"):
        write_jobs(session, topic, 1)
    write_jobs(session, "test.count", 20)

    def all_dead() -> bool:
        # The pauses between tries are minutes long (tests/workers proves them), leases seconds: time is moved on.
        session.rollback()
        session.execute(
            text(
                "UPDATE job SET next_at = now() WHERE lease_token IS NOT NULL AND dead_at IS NULL AND done_at IS NULL"
                " AND (topic = 'test.suicide' AND attempts > 0 OR topic = 'test.wrong' AND last_error IS NOT NULL)"
            )
        )
        session.commit()
        return session.scalar(select(func.count()).where(Job.dead_at.is_not(None))) == 3

    wait_until(all_dead, 150, "the poison is given up")
    wait_until(lambda: done_jobs(session) == 20, 90, "the good jobs are done")
    assert effects(session) == (20, 20)
    poison = {job.topic: job for job in session.execute(select(Job).where(Job.dead_at.is_not(None))).scalars()}
    assert [poison[topic].attempts for topic in ("test.wrong", "test.suicide", "test.unheard-of")] == [8, 8, 1]
    assert "no such luck" in str(poison["test.wrong"].last_error)
    assert "never finished" in str(poison["test.suicide"].last_error)
    assert "no worker here knows" in str(poison["test.unheard-of"].last_error)


def test_two_relays_a_crashed_broker_and_cut_connections_do_nothing_twice(
    session: Session, shop: Processes, own_redis: Redis, tmp_path: Path
) -> None:
    relays = [shop.relay(*RELAY), shop.relay(*RELAY)]
    shop.worker(app=APP)
    write_jobs(session, "test.count", 100)
    for n in range(20):
        emit(session, "test.letter", str(n), {"folder": str(tmp_path)})
    session.commit()
    wait_until(lambda: open_jobs(session) == 0, 120, "all done")
    assert effects(session) == (100, 100)
    assert len(list(tmp_path.iterdir())) == 20
    assert session.scalar(select(func.max(Job.attempts))) == 1
    own_redis.crash()
    for n in range(100, 110):
        emit(session, "test.count", str(n), {"n": n})
    session.commit()
    own_redis.start()
    session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                         " WHERE datname = current_database() AND pid <> pg_backend_pid()"))  # fmt: skip
    session.commit()
    wait_until(lambda: open_jobs(session) == 0, 120, "all done after the crash")
    assert effects(session) == (110, 110)
    assert [relay.poll() for relay in relays] == [None, None]
