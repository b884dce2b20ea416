"""The Celery application: `celery --app workers.app worker --queues route`, and its clock `… beat`."""

from __future__ import annotations

import importlib
import logging
import os
import socket
from functools import lru_cache
from typing import Any

import psycopg
from celery import signals
from flask import Flask

import workers.tasks  # noqa: F401  each module there registers its topics
from shop.app import create_app
from shop.config import load_settings
from shop.db import db
from shop.observability import configure_logging, follow_request
from workers import jobs, schedule
from workers.celery_settings import BULK_HARD_LIMIT, BULK_SOFT_LIMIT, make_celery

log = logging.getLogger("workers.app")

settings = load_settings()
celery = make_celery(settings.redis_url, bulk=settings.process_role == "bulk_worker")
celery.conf.beat_schedule = schedule.beat_schedule()

SECONDS_BETWEEN_BEATS = 10
NICENESS_OF_THE_REST = 10


@lru_cache(maxsize=1)
def flask_app() -> Flask:
    """The shop this process works for, made once: before the children fork, so that they share its memory."""
    return create_app(settings)


@celery.task(name="workers.run_job")
def run_job(job_id: int) -> None:
    """Work on that job, if it is still to be done."""
    with flask_app().app_context():
        jobs.run_job(db.session(), job_id)


@celery.task(name="workers.tick", soft_time_limit=BULK_SOFT_LIMIT, time_limit=BULK_HARD_LIMIT)
def tick(name: str) -> None:
    """Do what is due at regular times, unless somebody else is at it."""
    follow_request()
    with flask_app().app_context():
        schedule.run_tick(name)


@signals.setup_logging.connect
def use_our_logs(**_: Any) -> None:
    """One line is one JSON object, as everywhere in the shop."""
    configure_logging(settings.log_level)
    for noisy in ("celery.app.trace", "celery.worker.strategy"):  # workers.jobs says what a job did, by its name
        logging.getLogger(noisy).setLevel(logging.WARNING)


@signals.worker_init.connect
def give_way_to_routing(sender: Any, **_: Any) -> None:
    """On a host that is short of time, orders find their counters first; notices, mails and reports wait."""
    if "route" in sender.app.amqp.queues.consume_from:
        importlib.import_module("orders.routing.solver")  # before the children fork: numpy is loaded once
    else:
        os.nice(NICENESS_OF_THE_REST)


@signals.worker_init.connect
def assemble_before_fork(**_: Any) -> None:
    """Make the application in the parent."""
    flask_app()


@signals.worker_process_init.connect
def leave_the_parents_connections(**_: Any) -> None:
    """Connections must not cross a fork: forget the parent's, without closing them under it."""
    with flask_app().app_context():
        db.engine.dispose(close=False)


@signals.worker_ready.connect
def keep_saying_alive(sender: Any = None, **_: Any) -> None:
    """Every few seconds write that this worker is alive: readiness and the office look at it."""
    say_alive(str(sender.hostname))
    sender.timer.call_repeatedly(SECONDS_BETWEEN_BEATS, say_alive, (str(sender.hostname),))


def say_alive(name: str) -> None:
    """One heartbeat over a connection of its own, so that the parent holds none that a child could inherit."""
    url = settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(url, connect_timeout=2, options="-c statement_timeout=2000") as connection:
            connection.execute(
                "INSERT INTO heartbeat (name, kind) VALUES (%s, 'worker')"
                " ON CONFLICT (name) DO UPDATE SET seen_at = now(), kind = 'worker'",
                [f"worker-{name or socket.gethostname()}"],
            )
    except psycopg.Error as error:
        log.warning("the database does not hear this worker: %s", type(error).__name__, extra={"pid": os.getpid()})
