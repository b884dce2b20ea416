"""The shop's workers and relay with short leases and a few topics of the tests: `--app tests.faults.topics`.

`python -m tests.faults.topics` is a relay that knows them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.outbox import Job
from workers.app import celery, flask_app
from workers.topics import TOPICS, Outside, Payload, job, outside_job

LEASE = 4
NEVER = threading.Event()


@job("test.count", queue="route", lease=LEASE)
def count_once(session: Session, payload: Payload) -> None:
    """An effect that shows when it happens twice."""
    session.execute(text("INSERT INTO test_effect (job) VALUES (:n)"), payload)
    session.execute(text("SELECT pg_sleep(0.01)"))


@job("test.suicide", queue="route", lease=LEASE)
def kill_the_worker(session: Session, payload: Payload) -> None:
    """A segfault, an out-of-memory kill."""
    session.execute(text("INSERT INTO test_effect (job) VALUES (:n)"), payload)
    os.kill(os.getpid(), signal.SIGKILL)


@job("test.wrong", queue="route", lease=LEASE)
def always_wrong(session: Session, payload: Payload) -> None:
    """A fault in our own code."""
    session.execute(text("INSERT INTO test_effect (job) VALUES (:n)"), payload)
    raise ZeroDivisionError("no such luck")


@job("test.slow", queue="route", lease=LEASE)
def take_a_while(session: Session, payload: Payload) -> None:
    """Says which process is at it, and takes so many seconds for it."""
    session.execute(text("INSERT INTO test_effect (job) VALUES (:n)"), payload)
    (Path(payload["folder"]) / f"{payload['n']}.pid").write_text(str(os.getpid()))
    session.execute(text("SELECT pg_sleep(:seconds)"), payload)


@job("test.stubborn", queue="route", lease=LEASE)
def never_end(session: Session, payload: Payload) -> None:
    """Hears of its time limit and goes on."""
    session.execute(text("INSERT INTO test_effect (job) VALUES (:n)"), payload)
    while True:
        with contextlib.suppress(SoftTimeLimitExceeded):
            NEVER.wait(60)


@outside_job("test.letter", queue="notify", lease=LEASE)
def write_letter(session: Session, job: Job) -> Outside:
    """Something outside of the database."""
    folder = Path(job.payload["folder"])
    return lambda: (folder / str(job.event_id)).write_text("dear") and None


if "HARD_LIMIT" in os.environ:
    celery.conf.task_time_limit = int(os.environ["HARD_LIMIT"])
    celery.conf.task_soft_time_limit = celery.conf.task_time_limit / 2

for name in ("order.route", "supplier.notice", "counter.notice"):
    TOPICS[name] = replace(TOPICS[name], lease=LEASE)


def main() -> None:
    """A relay with these topics."""
    from workers.relay import command

    with flask_app().app_context():
        command.main(args=[], standalone_mode=False)


if __name__ == "__main__":
    main()

app = celery
