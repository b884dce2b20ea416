"""E1, E2, D8: the mail server is away, refuses, hangs or hangs up; every mail arrives, and nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from orders.check import faults
from shop.db import db
from shop.outbox import Job
from tests.builders import Builder, order
from tests.faults.receivers import CLOSE, HANG, MailServer
from tests.figures import Figures
from workers.channels import mail as channel
from workers.jobs import run_job
from workers.relay import claim

MAIL = "order.mail"


@pytest.fixture
def server() -> MailServer:
    """A mail server that is not there yet."""
    return MailServer()


@pytest.fixture
def worker(app: Flask, server: MailServer) -> Iterator[Session]:
    """The session a worker has, with that server as its way out."""
    app.extensions["settings"] = app.extensions["settings"].model_copy(update={"smtp_url": server.url})
    with app.app_context():
        yield db.session()
        db.session.remove()


def orders_of(build: Builder, session: Session, number: int) -> None:
    """So many orders whose customers must hear of them."""
    counter, eggs = build.counter(), build.sku()
    build.lot(eggs, at=counter, quantity=number)
    build.commit()
    for _ in range(number):
        order(session, {eggs: 1}, at=counter)


def work(worker: Session) -> None:
    """One round of relay and worker over all mails that are due; pauses between tries are over."""
    worker.execute(text("UPDATE job SET next_at = now() + interval '1 day' WHERE topic <> :mail"), {"mail": MAIL})
    worker.execute(text("UPDATE job SET next_at = now() WHERE topic = :mail AND done_at IS NULL"), {"mail": MAIL})
    due = claim(worker, [])
    worker.commit()
    for one in due:
        run_job(worker, one.id)


def jobs(worker: Session) -> list[Job]:
    worker.rollback()
    return list(worker.execute(select(Job).where(Job.topic == MAIL)).scalars())


def test_e1_mails_wait_for_their_server(
    worker: Session, server: MailServer, build: Builder, session: Session, figures: Callable[[str], Figures]
) -> None:
    orders_of(build, session, 30)
    for _ in range(2):
        work(worker)
    assert {job.attempts for job in jobs(worker)} == {2}
    with server.open():
        for _ in range(2):
            work(worker)
    e1 = figures("E1")
    e1.exactly("mails of 30 orders after the server was away", len(server.taken), 30)
    e1.exactly("mails twice", sum(server.taken.values()) - len(server.taken), 0)
    e1.exactly("jobs left open or dead", len([job for job in jobs(worker) if job.done_at is None]), 0)
    assert faults(session) == []


@pytest.mark.parametrize(
    ("reply", "tries", "dead"), [("421 later", 2, False), ("451 later", 2, False), ("550 nobody", 1, True)]
)
def test_e2_later_is_tried_again_and_never_is_shown(
    worker: Session, server: MailServer, build: Builder, session: Session, reply: str, tries: int, dead: bool,
    figures: Callable[[str], Figures],
) -> None:  # fmt: skip
    orders_of(build, session, 1)
    server.behaviour = lambda n: reply if n == 1 else "250 OK"
    with server.open():
        work(worker)
        work(worker)
    (job,) = jobs(worker)
    figures("E2").exactly(f"tries of a mail answered {reply[:3]} at first", len(server.tries), tries)
    assert (job.dead_at is not None, job.done_at is not None) == (dead, not dead)
    assert len(set(server.tries)) == 1
    assert reply[:3] in str(job.last_error) if dead else job.last_error is None


def test_e2_a_server_that_hangs_after_data_is_left(
    worker: Session, server: MailServer, build: Builder, session: Session, monkeypatch: pytest.MonkeyPatch,
    figures: Callable[[str], Figures],
) -> None:  # fmt: skip
    # The shop waits 15 s; a test need not.
    assert channel.SECONDS_TO_CONNECT + channel.SECONDS_TO_ANSWER <= 20
    monkeypatch.setattr(channel, "SECONDS_TO_ANSWER", 0.5)
    orders_of(build, session, 1)
    server.behaviour = lambda n: HANG if n == 1 else "250 OK"
    with server.open():
        started = time.monotonic()
        work(worker)
        took = time.monotonic() - started
        work(worker)
    e2 = figures("E2")
    e2.at_most("wait for a server that hangs, told to wait 0.5 s instead of 15", took, 20.0, "s")
    e2.exactly("mails taken of it afterwards", sum(server.taken.values()), 1)


def test_e2_a_line_cut_before_the_reply_costs_one_duplicate_of_the_same_id(
    worker: Session, server: MailServer, build: Builder, session: Session, figures: Callable[[str], Figures]
) -> None:
    orders_of(build, session, 5)
    server.behaviour = lambda n: CLOSE if n <= 5 else "250 OK"
    with server.open():
        work(worker)
        work(worker)
    e2 = figures("E2")
    e2.exactly("different Message-IDs of 5 mails cut before their reply", len(server.taken), 5)
    e2.at_most("copies of one mail", max(server.taken.values()), 2)


def test_d8_no_transaction_is_open_while_the_outside_answers(
    worker: Session, server: MailServer, build: Builder, session: Session, figures: Callable[[str], Figures]
) -> None:
    orders_of(build, session, 3)
    open_while_sending: list[int] = []
    session.commit()

    def look() -> None:
        """From a connection of its own: whoever else is in a transaction on this database."""
        count = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'"
        )
        with Session(session.get_bind()) as own:
            open_while_sending.append(own.scalar(count) or 0)

    server.meanwhile = look
    with server.open():
        work(worker)
    assert len(open_while_sending) == 3
    figures("D8").exactly("transactions open while a mail is being sent", max(open_while_sending), 0)
    assert worker.scalar(select(func.count()).where(Job.topic == MAIL, Job.done_at.is_not(None))) == 3
