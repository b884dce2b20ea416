"""PI2: once erased, a person's name, phone and address are nowhere: tables, restored backup, Redis, log, mail jobs."""

from __future__ import annotations

import logging
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from orders.check import faults
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.personal import HOLDERS, erase_the_rest
from shop.accounts.erasure import erase_again, erased_ids
from shop.accounts.policy import actor_of
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import db
from shop.jobs_office import retry_job
from shop.observability import JsonFormatter
from shop.outbox import Job
from shop.sandbox.postgres import programs
from tests.accounts.known_person import ANNA, known_person
from tests.accounts.people import PASSWORD, mentions, post, sign_in
from tests.builders import Builder
from tests.conftest import Servers
from tests.faults.receivers import MailServer
from tests.figures import Figures
from workers import tasks  # noqa: F401  the topics
from workers.jobs import run_job


@pytest.fixture
def log(app: Flask, caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything the shop logs, as it stands in the log; the mail server here has a log of its own."""
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(JsonFormatter().format(one) for one in caplog.records if one.name != "mail.log")


@pytest.fixture
def rude_mail_server(app: Flask) -> Iterator[MailServer]:
    """A mail server that repeats the address it refuses, for now and for good."""
    server = MailServer(lambda n: f"{451 if n == 1 else 550} <{ANNA.email}>: no such person")
    app.extensions["settings"] = app.extensions["settings"].model_copy(update={"smtp_url": server.url})
    with server.open():
        yield server


def program(name: str) -> Path:
    """One of PostgreSQL's own programs."""
    return programs()[0] / "bin" / name


@pytest.fixture
def backup(servers: Servers, database_url: str, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Dumps the shop now; the address of a database into which that dump was restored."""
    restored = f"yarlung_backup_{uuid.uuid4().hex[:8]}"

    def dump_and_restore() -> str:
        file, into = tmp_path / "shop.dump", servers.url_of(restored)
        servers.run(f"CREATE DATABASE {restored}")
        dump = [program("pg_dump"), "--format=custom", f"--file={file}", database_url]
        restore = [program("pg_restore"), "--no-owner", "--exit-on-error", f"--dbname={into}", file]
        for command in (dump, restore):
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        return into

    yield dump_and_restore
    servers.drop(restored)


def in_redis(url: str) -> str:
    """Every key of the Redis with what it holds."""
    client = redis.Redis.from_url(url)
    return "\n".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter(count=1000))


def lives_in_the_shop(app: Flask, client: FlaskClient, session: Session) -> None:
    """What a customer does, and what is done with their orders: mails that fail, jobs tried again by the office."""
    sign_in(client, ANNA.email)
    settings = {"name": ANNA.name, "phone": ANNA.phone, "locale": "zh", "order_mails": "all"}
    assert post(client, "/account/settings", **settings).status_code == 303
    assert post(app.test_client(), "/reset", email=ANNA.email).status_code in {200, 302, 303}
    mails = session.scalars(sa.select(Job.id).where(Job.topic.in_(("order.mail", "account.mail")))).all()
    assert len(mails) >= 3
    with app.app_context():
        for job_id in mails:
            run_job(db.session(), job_id)
        dead = db.session.scalars(sa.select(Job).where(Job.dead_at.is_not(None))).all()
        assert dead, "the mail server refuses for good"
        for job in dead:
            retry_job(db.session(), job.id, Actor("office@people.example"))
        db.session.commit()
        db.session.remove()


def test_pi2_nothing_of_an_erased_person_is_left_anywhere(
    app: Flask, client: FlaskClient, session: Session, build: Builder, servers: Servers,
    rude_mail_server: MailServer, log: Callable[[], str], backup: Callable[[], str], figures: Callable[[str], Figures],
) -> None:  # fmt: skip
    anna = known_person(app, session, build, ANNA, employed=False)
    lives_in_the_shop(app, client, session)
    assert mentions(session, *ANNA.all) >= {'"user"', "address", "order_contact", '"order"', "refund"}
    old_backup = backup()
    assert post(client, "/account/data/erase", **{"erase-password": PASSWORD, "erase-sure": "y"}).status_code == 303
    session.rollback()
    for order_id in session.scalars(sa.select(Order.id).where(Order.user_id == anna.id)).all():
        cancel_order(session, order_id, actor_of(anna), utcnow())
        session.commit()
    assert erase_the_rest(session) == 1
    pi2 = figures("PI2")
    left = mentions(session, *ANNA.all)
    pi2.exactly(f"tables that still speak of an erased person {left or ''}".strip(), len(left), 0)
    pi2.exactly("words of theirs in Redis", sum(in_redis(servers.redis_url).count(word) for word in ANNA.all), 0)
    said = log()
    pi2.at_least("log lines looked at", said.count("\n"), 3)
    pi2.exactly("words of theirs in the log", sum(said.count(word) for word in (*ANNA.all, ANNA.name[:4])), 0)
    assert faults(session) == []

    ledger = erased_ids(session)
    engine = sa.create_engine(old_backup.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as restored:
        for order_id in restored.scalars(sa.select(Order.id).where(Order.user_id == anna.id)).all():
            cancel_order(restored, order_id, actor_of(anna), utcnow())
        restored.commit()
        assert erase_again(restored, ledger, HOLDERS) == 1
        left = mentions(restored, *ANNA.all)
    engine.dispose()
    pi2.exactly(f"tables of a restored backup that speak of them after the ledger {left or ''}".strip(), len(left), 0)
