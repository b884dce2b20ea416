"""`shop relay`: wakes workers for what is due. Commits first, then publishes; two copies may run."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import click
import psycopg
import redis
from flask import current_app
from kombu.connection import Connection
from kombu.exceptions import OperationalError as BrokerError
from kombu.messaging import Producer
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import workers.tasks  # noqa: F401  each module there registers its topics
from shop.config import Settings
from shop.db import db
from shop.fail_points import reach
from shop.heartbeat import beat
from shop.observability import follow_request
from shop.outbox import Job
from workers.celery_settings import BULK_HARD_LIMIT, BULK_SOFT_LIMIT, QUEUES, make_celery
from workers.jobs import in_seconds, is_open
from workers.topics import TOPICS, queue_of, topic_lease

log = logging.getLogger("workers.relay")

BATCH = 200
QUEUE_IS_LONG = 1_000  # beyond it nothing more is sent: the broker never holds much to lose
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_BEATS = 5.0
SECONDS_TO_GATHER = 0.02  # where one job is written others follow; one look for all of them


@dataclass(frozen=True)
class Due:
    """A job claimed for sending."""

    id: int
    topic: str


@dataclass
class Relay:
    """One relay: its way to Redis, the connection on which PostgreSQL tells of new jobs, and its last heartbeat."""

    settings: Settings
    name: str = field(default_factory=lambda: f"relay@{socket.gethostname()}:{os.getpid()}")
    stopping: threading.Event = field(default_factory=threading.Event)
    beat_at: float = 0.0
    listening: psycopg.Connection[Any] | None = None
    broker: Connection | None = None

    def __post_init__(self) -> None:
        self.celery = make_celery(self.settings.redis_url)
        url = self.settings.redis_url.replace("redis+socket://", "unix://", 1)
        self.redis = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=3)

    def run(self) -> None:
        """Look, send, wait, until asked to stop. Whatever is away (database, Redis) is tried again each second."""
        log.info("relay started", extra={"relay": self.name})
        while not self.stopping.is_set():
            try:
                self.say_alive()
                sent = self.send_due()
            except (SQLAlchemyError, redis.RedisError, BrokerError, OSError) as error:
                log.warning("relay waits: %s", type(error).__name__, extra={"detail": str(error)[:300]})
                self.drop_connections()
                self.stopping.wait(SECONDS_BETWEEN_LOOKS)
                continue
            finally:
                db.session.remove()
            if sent < BATCH:
                self.wait_for_news()
        self.drop_connections()

    def say_alive(self) -> None:
        """A heartbeat every few seconds."""
        if time.monotonic() - self.beat_at >= SECONDS_BETWEEN_BEATS:
            beat(db.session(), self.name, "relay")
            db.session.commit()
            self.beat_at = time.monotonic()

    def send_due(self) -> int:
        """Claim what is due and send its messages; how many. Asks Redis first: what cannot be sent stays due."""
        full = [queue for queue in QUEUES if int(self.redis.llen(queue)) > QUEUE_IS_LONG]
        due = claim(db.session(), full)
        db.session.commit()
        if not due:
            return 0
        reach("relay.before_publish")
        producer = self.producer()
        sent = 0
        try:
            for one in due:
                self.publish(producer, one)
                sent += 1
        except Exception:
            give_back(db.session(), due[sent:])
            raise
        return len(due)

    def publish(self, producer: Producer, due: Due) -> None:
        """One message: wake a worker for this job."""
        queue = queue_of(due.topic)
        limits = {"soft_time_limit": BULK_SOFT_LIMIT, "time_limit": BULK_HARD_LIMIT} if queue == "bulk" else {}
        self.celery.send_task(
            "workers.run_job", args=[due.id], queue=queue, producer=producer, retry=False, ignore_result=True, **limits
        )

    def producer(self) -> Producer:
        """A way to publish; the connection is kept until something fails."""
        if self.broker is None:
            self.broker = self.celery.connection_for_write()
        return Producer(self.broker, serializer="json")  # type: ignore[no-untyped-call]

    def wait_for_news(self) -> None:
        """Return when a job was written, or after a second: jobs also become due by the clock."""
        try:
            if self.listening is None:
                url = self.settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
                self.listening = psycopg.connect(url, autocommit=True, connect_timeout=3, application_name=self.name)
                self.listening.execute("LISTEN job_new")
                return  # what came before we listened is found by another look
            for _ in self.listening.notifies(timeout=SECONDS_BETWEEN_LOOKS, stop_after=1):
                self.stopping.wait(SECONDS_TO_GATHER)
            for _ in self.listening.notifies(timeout=0):
                pass  # the next look finds what these tell of
        except psycopg.Error:
            self.drop_listening()
            self.stopping.wait(SECONDS_BETWEEN_LOOKS)

    def drop_listening(self) -> None:
        if self.listening is not None:
            with contextlib.suppress(psycopg.Error):
                self.listening.close()
        self.listening = None

    def drop_connections(self) -> None:
        """Forget every connection; the next turn makes new ones."""
        self.drop_listening()
        if self.broker is not None:
            with contextlib.suppress(Exception):
                self.broker.release()  # type: ignore[no-untyped-call]
        self.broker = None
        self.redis.close()


def claim(session: Session, full_queues: list[str], limit: int = BATCH) -> list[Due]:
    """Lease what is due to whoever gets its message: one start each, until the lease ends.

    Asks by state, never by 'newer than the last id': ids become visible out of order.
    """
    blocked = [name for name in TOPICS if queue_of(name) in full_queues]
    statement = select(Job.id, Job.topic).where(is_open(), Job.next_at <= func.now(), Job.topic.not_in(blocked))
    if "maint" in full_queues:
        statement = statement.where(Job.topic.in_(TOPICS))
    rows = session.execute(statement.order_by(Job.next_at, Job.id).limit(limit).with_for_update(skip_locked=True)).all()
    by_lease: dict[int, list[int]] = defaultdict(list)
    for job_id, topic in rows:
        by_lease[topic_lease(topic)].append(job_id)
    for seconds, ids in by_lease.items():
        until = in_seconds(seconds * random.uniform(1, 1.2))  # noqa: S311  spread, no secret
        session.execute(
            update(Job).where(Job.id.in_(ids)).values(next_at=until, lease_token=None),
            execution_options={"synchronize_session": False},
        )
    return [Due(job_id, topic) for job_id, topic in rows]


def give_back(session: Session, unsent: list[Due]) -> None:
    """What could not be published is due again at once; if this fails too, the lease's end brings it back."""
    with contextlib.suppress(SQLAlchemyError):
        ids = [one.id for one in unsent]
        session.execute(
            update(Job).where(Job.id.in_(ids), is_open(), Job.lease_token.is_(None)).values(next_at=func.now()),
            execution_options={"synchronize_session": False},
        )
        session.commit()


@click.command("relay")
def command() -> None:
    """Wake workers for what is due, until stopped. Run one or two of these."""
    relay = Relay(current_app.extensions["settings"])
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: relay.stopping.set())
    follow_request()
    relay.run()
