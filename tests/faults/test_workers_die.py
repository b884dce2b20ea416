"""B2, B9, B11, B12, B13: children killed, limits hit, clocks wrong, messages replayed, workers replaced at work."""

from __future__ import annotations

import base64
import json
import os
import pickle
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis as redis_client
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from shop.outbox import Job, emit
from shop.sandbox.redis import Redis
from tests.faults.harness import Processes, wait_until
from tests.faults.test_jobs_survive import APP, RELAY, done_jobs, effects, open_jobs, write_jobs
from tests.figures import Figures, size

pytestmark = pytest.mark.faults

TWO_HOURS = 7_200
LEASE = 4  # as in tests.faults.topics, which is for workers to import
MARK = Path(tempfile.gettempdir()) / "yarlung-pickled"


def slow_jobs(session: Session, number: int, seconds: float, folder: Path) -> None:
    """Jobs that take a while and say who is at them."""
    for n in range(number):
        emit(session, "test.slow", f"slow-{n}", {"n": 10_000 + n, "seconds": seconds, "folder": str(folder)})
    session.commit()


def test_b2_a_killed_child_and_b12_replayed_messages_do_nothing_twice(
    session: Session, shop: Processes, own_redis: Redis, tmp_path: Path, figures: Callable[[str], Figures]
) -> None:
    shop.relay(*RELAY)
    worker = shop.worker(app=APP)
    slow_jobs(session, 1, 1.5, tmp_path)
    noted = tmp_path / "10000.pid"
    wait_until(lambda: noted.exists() and noted.read_text(), 90, "a child is at it")
    os.kill(int(noted.read_text()), signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: done_jobs(session) == 1, 60, "another child has done it")
    b2 = figures("B2")
    b2.takes_at_most("until the job of a killed child was done", time.monotonic() - killed, LEASE + 15)
    b2.exactly("times it was done", effects(session)[0], 1)

    write_jobs(session, "test.count", 50)
    wait_until(lambda: open_jobs(session) == 0, 60, "all done")
    replay(own_redis, session)
    emit(session, "test.count", "last", {"n": 999})
    session.commit()
    wait_until(lambda: open_jobs(session) == 0, 90, "a new job is done after the flood")
    client = redis_client.Redis.from_url(own_redis.url)
    wait_until(lambda: client.llen("route") == 0, 90, "the flood is over")
    b12 = figures("B12")
    b12.exactly("effects of 52 jobs after 1,000 replays, unknown, broken and pickled messages", effects(session)[0], 52)
    assert worker.poll() is None, "the worker lives"
    assert not MARK.exists(), "no message may run code"


class Evil:
    """Would leave a mark if anybody unpacked it."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (MARK,)  # type: ignore[return-value]


def replay(own_redis: Redis, session: Session) -> None:
    """Old messages again and again in any order, messages for nobody, and what is no message of ours."""
    from workers.celery_settings import make_celery

    celery = make_celery(own_redis.url)
    ids = list(session.execute(select(Job.id)).scalars())
    for _ in range(1_000):
        celery.send_task("workers.run_job", args=[random.choice(ids)], queue="route", ignore_result=True)
    for wrong in (10**12, -1, "x", None, [1]):
        celery.send_task("workers.run_job", args=[wrong], queue="route", ignore_result=True)
    celery.send_task("workers.no_such_task", args=[1], queue="route", ignore_result=True)
    client = redis_client.Redis.from_url(own_redis.url)
    sample = {"body": "e30=", "content-encoding": "utf-8", "content-type": "application/json", "headers": {},
              "properties": {"delivery_info": {"exchange": "", "routing_key": "route"}, "delivery_tag": "x",
                             "body_encoding": "base64"}}  # fmt: skip
    evil = base64.b64encode(pickle.dumps(Evil())).decode()
    client.lpush("route", json.dumps(sample))
    client.lpush("route", json.dumps({**sample, "content-type": "application/x-python-serialize", "body": evil}))


def test_b9_a_job_over_its_hard_limit_is_dead_after_eight_tries(
    session: Session, shop: Processes, figures: Callable[[str], Figures]
) -> None:
    shop.relay(*RELAY)
    shop.worker(app=APP, HARD_LIMIT="3")
    write_jobs(session, "test.stubborn", 1)
    # In small size most of the tries lie behind it already.
    session.execute(update(Job).where(Job.topic == "test.stubborn").values(attempts=size(6, 0)))
    session.commit()
    write_jobs(session, "test.count", 50)
    started = time.monotonic()
    wait_until(lambda: done_jobs(session) == 50, 90, "the others are done")
    others = time.monotonic() - started
    wait_until(lambda: given_up(session, "test.stubborn"), 240, "it is given up")
    b9 = figures("B9")
    b9.exactly("tries until dead", session.scalar(select(Job.attempts).where(Job.topic == "test.stubborn")) or 0, 8)
    b9.exactly("effects of 50 jobs beside it, and none of its own", effects(session)[0], 50)
    b9.at_most("until the others were done", others, 60.0, "s")


def given_up(session: Session, topic: str) -> bool:
    """Whether the job is dead. A pause after a try that heard of its time limit is minutes long: time is moved on."""
    session.rollback()
    waits_long = Job.next_at > func.now() + func.make_interval(0, 0, 0, 0, 0, 0, LEASE + 2)
    session.execute(update(Job).where(Job.topic == topic, Job.dead_at.is_(None), waits_long).values(next_at=func.now()))
    session.commit()
    return session.scalar(select(Job.dead_at).where(Job.topic == topic)) is not None


def test_b11_workers_two_hours_fast_and_slow_do_nothing_twice(
    session: Session, shop: Processes, tmp_path: Path, figures: Callable[[str], Figures]
) -> None:
    shop.relay(*RELAY)
    for offset in (TWO_HOURS, -TWO_HOURS):
        shop.worker(app="tests.faults.wrong_clock", CLOCK_OFFSET=str(offset))
    quick, slow = size(60, 300), size(3, 10)
    write_jobs(session, "test.count", quick)
    slow_jobs(session, slow, 2.0, tmp_path)
    wait_until(lambda: open_jobs(session) == 0, 120, "all done under wrong clocks")
    b11 = figures("B11")
    b11.exactly(f"effects of {quick + slow} jobs", effects(session)[0], quick + slow)
    b11.exactly("jobs done", done_jobs(session), quick + slow)


def test_b13_workers_replaced_at_work_lose_nothing(
    session: Session, shop: Processes, tmp_path: Path, figures: Callable[[str], Figures]
) -> None:
    rounds, longest = size(1, 20), 0.0
    shop.relay(*RELAY)
    for n in range(rounds):
        worker = shop.worker(app=APP, processes=4)
        for m in range(50):
            emit(session, "test.slow", f"{n}-{m}", {"n": n * 50 + m, "seconds": 0.2, "folder": str(tmp_path)})
        session.commit()
        goal = n * 50 + 5
        wait_until(lambda goal=goal: done_jobs(session) >= goal, 120, "it is at work")  # type: ignore[misc]
        asked = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        worker.wait(90)
        longest = max(longest, time.monotonic() - asked)
        shop.running.remove(worker)
    shop.worker(app=APP, processes=4)
    wait_until(lambda: open_jobs(session) == 0, 240, "all done in the end")
    b13 = figures("B13")
    b13.at_most(f"longest end of {rounds} workers after SIGTERM", longest, 60.0, "s")
    b13.exactly(f"effects of {rounds * 50} jobs", effects(session)[0], rounds * 50)
    again = session.scalar(select(func.count()).where(Job.attempts > 1)) or 0
    b13.keep("jobs that needed a second try", str(again), "told only", True)
    assert session.scalar(text("SELECT count(DISTINCT job) FROM test_effect")) == rounds * 50
