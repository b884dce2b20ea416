"""Work on one job row: take it, do it, close it in the same transaction; or plan the next try, or bury it.

A job may be started once per lease: the relay opens it (`lease_token` empty) when it sends a message, whoever
starts it puts a token of its own. Messages may come twice, late or never.
"""

from __future__ import annotations

import logging
import random
import traceback
import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from orders.models import Order
from shop.db import in_transaction
from shop.errors import DomainError
from shop.fail_points import reach
from shop.observability import follow_request
from shop.outbox import Job
from workers.topics import TOPICS, GiveUp, Later, Topic

log = logging.getLogger("workers.jobs")

FIRST_PAUSE, LONGEST_PAUSE, SPREAD = 5.0, 6 * 3600.0, 0.2
LONGEST_ERROR = 2_000
MOST_TOGETHER = 20


def run_job(session: Session, job_id: int) -> bool:
    """Do what the job asks for, if it is open and nobody else is at it; whether this call finished it.

    Where many of its kind wait and can be done together, some are taken along.
    """
    job = start(session, job_id)
    if job is None:
        return False
    topic = TOPICS.get(job.topic)
    if topic is None or topic.together is None:
        return finish(session, topic, job)
    others = take_along(session, topic, job)
    if others and do_together(session, topic, [job, *others]):
        return True
    done, *_ = [finish(session, topic, one) for one in (job, *others)]
    return done


def take_along(session: Session, topic: Topic, job: Job) -> list[Job]:
    """Others that differ in the order only and wait for their first try, as this one did: taken with its token.

    A job that failed before is tried alone, so that one that kills its worker takes nobody else's tries with it.
    """
    if job.attempts > 1:
        return []
    rest = {name: value for name, value in job.payload.items() if name != "order_id"}
    alike = (Job.topic == topic.name) & (Job.payload.op("-")("order_id") == type_coerce(rest, JSONB))
    first_tries = alike & is_open() & Job.lease_token.is_(None) & (Job.attempts == 0)
    waiting = select(Job.id).where(first_tries).order_by(Job.id).limit(MOST_TOGETHER - 1)
    taken = (
        update(Job)
        .where(Job.id.in_(waiting.with_for_update(skip_locked=True).scalar_subquery()))
        .values(attempts=1, lease_token=job.lease_token, next_at=in_seconds(topic.lease))
        .returning(Job)
        .execution_options(synchronize_session=False)
    )
    others = list(session.execute(taken).scalars())
    for other in others:
        session.expunge(other)
    session.commit()
    return others


def do_together(session: Session, topic: Topic, jobs: list[Job]) -> bool:
    """Close those that are still ours and do their work, all in one transaction; False when it must be done singly."""
    ids, token = [one.id for one in jobs], jobs[0].lease_token

    def effects() -> int:
        mine = Job.id.in_(ids) & is_open() & (Job.lease_token == token)
        statement = update(Job).where(mine).values(done_at=func.now(), last_error=None).returning(Job.payload)
        payloads = list(session.scalars(statement.execution_options(synchronize_session=False)))
        assert topic.together is not None  # noqa: S101  run_job() looked
        order_ids = sorted({int(payload.pop("order_id")) for payload in payloads})
        topic.together(session, order_ids, payloads[0] if payloads else {})
        session.flush()
        reach("job.before_commit")
        return len(payloads)

    try:
        done = in_transaction(session, effects)
    except Exception as error:  # noqa: BLE001  each of them is tried by itself, and what is wrong written on its row
        session.rollback()
        log.warning("%d jobs are done one by one: %s", len(jobs), describe(error).splitlines()[0])
        return False
    log.info("jobs done together: %s", topic.name, extra={"job": ids[0], "jobs": done})
    return True


def finish(session: Session, topic: Topic | None, job: Job) -> bool:
    """Do one job that was taken; what goes wrong is written on its row."""
    try:
        if topic is None:
            raise GiveUp(f"no worker here knows the topic {job.topic!r}")
        done = do(session, topic, job)
    except Exception as error:  # noqa: BLE001  whatever went wrong belongs on the job row, where the office sees it
        session.rollback()
        fail(session, job, topic, error)
        return False
    if done:
        log.info("job done: %s", job.topic, extra={"job": job.id, "try": job.attempts})
    return done


def do(session: Session, topic: Topic, job: Job) -> bool:
    """The work itself: inside the closing transaction, or outside between two."""
    token = job.lease_token
    assert token is not None  # noqa: S101  start() gave it
    if topic.effect is not None:
        return in_transaction(session, lambda: effect_once(session, topic, job, token))
    assert topic.prepare is not None  # noqa: S101  a topic has one of the two
    call = topic.prepare(session, job)
    session.commit()  # no transaction is open while the outside answers
    if call is not None:
        call()
        reach("job.after_call")
    closed = close(session, job.id, token)
    session.commit()
    return closed


def effect_once(session: Session, topic: Topic, job: Job, token: uuid.UUID) -> bool:
    """Close the row, which locks it and shows that it is still ours, then do the work: all of it or nothing commits."""
    assert topic.effect is not None  # noqa: S101  do() looked
    if not close(session, job.id, token):
        return False
    topic.effect(session, job.payload)
    session.flush()
    reach("job.before_commit")
    return True


def start(session: Session, job_id: int) -> Job | None:
    """Take an opened job for one try and count it, committed before the work: a job that kills its worker ends.

    None when it is closed, taken, or not (or no longer) the turn of whoever holds the message.
    """
    openable = (Job.id == job_id) & is_open() & Job.lease_token.is_(None)
    order_id = Job.payload["order_id"].as_integer()
    statement = select(Job.topic, Job.attempts, Job.last_error, Job.request_id, Order.number)
    found = session.execute(statement.outerjoin(Order, Order.id == order_id).where(openable)).one_or_none()
    if found is None:
        session.rollback()
        return None
    follow_request(found.request_id or None, order=found.number or "")
    topic = TOPICS.get(found.topic)
    if topic is not None and found.attempts >= topic.tries:
        bury(session, job_id, f"started {found.attempts} times and never finished; {found.last_error or ''}")
        return None
    taken = (
        update(Job)
        .where(openable)
        .values(attempts=Job.attempts + 1, lease_token=uuid.uuid4(), next_at=in_seconds(topic.lease if topic else 0))
        .returning(Job)
        .execution_options(synchronize_session=False)
    )
    job = session.execute(taken).scalar_one_or_none()
    if job is not None:
        session.expunge(job)  # its values stay as they were taken
    session.commit()
    return job


def close(session: Session, job_id: int, token: uuid.UUID) -> bool:
    """Mark the job done if it is still ours."""
    mine = (Job.id == job_id) & is_open() & (Job.lease_token == token)
    statement = update(Job).where(mine).values(done_at=func.now(), last_error=None).returning(Job.id)
    return session.scalar(statement.execution_options(synchronize_session=False)) is not None


def fail(session: Session, job: Job, topic: Topic | None, error: Exception) -> None:
    """Write down what went wrong; try again after a pause, or never when it cannot help or was tried enough."""
    final = isinstance(error, GiveUp) or topic is None or job.attempts >= topic.tries
    words = describe(error)
    level = logging.ERROR if final else logging.WARNING
    log.log(level, "job failed: %s", words.splitlines()[0], extra={"job": job.id, "topic": job.topic, "dead": final},
            exc_info=None if isinstance(error, GiveUp) else error)  # fmt: skip
    mine = (Job.id == job.id) & is_open() & (Job.lease_token == job.lease_token)
    values: dict[str, object] = {"last_error": words}
    if final:
        values["dead_at"] = func.now()
    else:
        values["next_at"] = in_seconds(pause_after(topic, job.attempts, error))
    session.execute(update(Job).where(mine).values(**values).execution_options(synchronize_session=False))
    session.commit()


def bury(session: Session, job_id: int, reason: str) -> None:
    """No more tries; the office finds it among the dead letters."""
    log.error("job given up: %s", reason, extra={"job": job_id, "dead": True})
    statement = update(Job).where(Job.id == job_id, is_open(), Job.lease_token.is_(None))
    session.execute(
        statement.values(dead_at=func.now(), last_error=reason[:LONGEST_ERROR]),
        execution_options={"synchronize_session": False},
    )
    session.commit()


def in_seconds(seconds: float) -> ColumnElement[datetime]:
    """A moment from now, by the database's clock."""
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def pause_after(topic: Topic | None, attempts: int, error: Exception) -> float:
    """Seconds before the next try: by the schedule of the topic if it has one, not before the other side wishes."""
    pauses = topic.pauses if topic is not None else ()
    wait = spread(pauses[min(attempts, len(pauses)) - 1]) if pauses else pause(attempts)
    return max(wait, error.seconds) if isinstance(error, Later) else wait


def pause(attempts: int) -> float:
    """Seconds before the next try: doubling from 10 s up to 6 h, ± 20 % so that a crowd does not come back at once."""
    return spread(min(2.0**attempts * FIRST_PAUSE, LONGEST_PAUSE))


def spread(wait: float) -> float:
    """About as long, ± 20 %."""
    return wait * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311  jitter, no secret


def describe(error: BaseException) -> str:
    """What the office reads: the error in one line, then where it happened."""
    if isinstance(error, GiveUp):
        return str(error)[:LONGEST_ERROR]
    where = "".join(traceback.format_tb(error.__traceback__)[-3:])
    detail = f" {error.errors}" if isinstance(error, DomainError) and error.errors else ""
    return f"{type(error).__name__}: {error}{detail}\n{where}".replace("\0", "")[:LONGEST_ERROR]


def is_open() -> ColumnElement[bool]:
    """Neither done nor given up."""
    return Job.done_at.is_(None) & Job.dead_at.is_(None)
