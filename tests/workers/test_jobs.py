"""One job row: started once per lease, counted before the work, closed with it, tried again later, given up at last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.audit import Actor, AuditEntry
from shop.db import db
from shop.errors import Invalid, WrongState
from shop.jobs_office import dead_jobs, discard_job, retry_job
from shop.outbox import Job, emit
from workers.jobs import pause, run_job
from workers.relay import claim
from workers.topics import TOPICS, GiveUp, Payload, job, outside_job

OFFICE = Actor("office@yarlung.example")


@pytest.fixture(autouse=True)
def topics() -> Iterator[None]:
    """Topics of a test vanish with it."""
    before = dict(TOPICS)
    yield
    TOPICS.clear()
    TOPICS.update(before)


@pytest.fixture
def shop(app: Flask) -> Iterator[Session]:
    """The session that workers use."""
    with app.app_context():
        yield db.session()
        db.session.remove()


def one_job(shop: Session, topic: str, **payload: object) -> int:
    emit(shop, topic, "1", payload)
    shop.commit()
    return shop.execute(select(Job.id).where(Job.topic == topic)).scalar_one()


def row(shop: Session, job_id: int) -> Job:
    shop.rollback()
    return shop.get_one(Job, job_id, populate_existing=True)


def due_again(shop: Session, job_id: int) -> None:
    """The pause is over and the relay has sent the job."""
    shop.execute(text("UPDATE job SET next_at = now() WHERE id = :id"), {"id": job_id})
    assert [one.id for one in claim(shop, [])] == [job_id]
    shop.commit()


def test_a_message_that_comes_twice_does_the_work_once(shop: Session) -> None:
    done = []
    job("test.x", queue="route")(lambda session, payload: done.append(payload["n"]))
    job_id = one_job(shop, "test.x", n=7)
    assert [run_job(shop, job_id) for _ in range(3)] == [True, False, False]
    assert done == [7]


def test_work_and_done_are_one_transaction(shop: Session) -> None:
    def half(session: Session, payload: Payload) -> None:
        emit(session, "test.child", "1", {})
        raise ZeroDivisionError

    job("test.x", queue="route")(half)
    job_id = one_job(shop, "test.x")
    assert run_job(shop, job_id) is False
    assert shop.scalar(select(func.count()).where(Job.topic == "test.child")) == 0
    failed = row(shop, job_id)
    assert (failed.attempts, failed.done_at, failed.dead_at) == (1, None, None)
    assert "ZeroDivisionError" in str(failed.last_error)


def test_after_a_failure_a_second_message_waits_for_the_pause(shop: Session) -> None:
    tries = []

    def wrong(session: Session, payload: Payload) -> None:
        tries.append(1)
        raise ZeroDivisionError

    job("test.x", queue="route")(wrong)
    job_id = one_job(shop, "test.x")
    run_job(shop, job_id)
    run_job(shop, job_id)
    assert len(tries) == 1
    wait = shop.scalar(select(Job.next_at - func.now()).where(Job.id == job_id))
    assert wait is not None
    assert timedelta(seconds=7) < wait < timedelta(seconds=12.1)
    assert claim(shop, []) == []


def test_pauses_double_up_to_six_hours() -> None:
    for attempts, seconds in ((1, 10), (2, 20), (7, 640), (12, 20_480), (13, 21_600), (50, 21_600)):
        assert all(seconds * 0.8 <= pause(attempts) <= seconds * 1.2 for _ in range(50))


def test_eight_failures_are_enough_and_the_office_may_try_again(shop: Session) -> None:
    broken = [True]

    def works_later(session: Session, payload: Payload) -> None:
        if broken:
            raise ZeroDivisionError("no such luck")

    job("test.x", queue="route")(works_later)
    job_id = one_job(shop, "test.x")
    for attempt in range(8):
        run_job(shop, job_id)
        if attempt < 7:
            assert row(shop, job_id).dead_at is None
            due_again(shop, job_id)
    assert [dead.id for dead in dead_jobs(shop)[0]] == [job_id]
    assert "no such luck" in str(row(shop, job_id).last_error)
    broken.clear()
    retry_job(shop, job_id, OFFICE)
    shop.commit()
    assert run_job(shop, job_id) is True
    assert dead_jobs(shop) == ([], 0)
    with pytest.raises(WrongState):
        retry_job(shop, job_id, OFFICE)


def test_a_job_that_kills_its_worker_is_given_up_after_eight_starts(shop: Session) -> None:
    job("test.x", queue="route")(lambda session, payload: None)
    job_id = one_job(shop, "test.x")
    shop.execute(text("UPDATE job SET attempts = 8"))
    shop.commit()
    assert run_job(shop, job_id) is False
    assert "never finished" in str(row(shop, job_id).last_error)
    assert row(shop, job_id).dead_at is not None


def test_an_unknown_topic_is_given_up_with_its_name(shop: Session) -> None:
    job_id = one_job(shop, "test.unheard-of")
    run_job(shop, job_id)
    dead = row(shop, job_id)
    assert dead.dead_at is not None
    assert "test.unheard-of" in str(dead.last_error)


def test_laying_a_dead_letter_aside_needs_a_word_why(shop: Session) -> None:
    job_id = one_job(shop, "test.unheard-of")
    run_job(shop, job_id)
    with pytest.raises(Invalid):
        discard_job(shop, job_id, OFFICE, "  ")
    discard_job(shop, job_id, OFFICE, "told by telephone")
    shop.commit()
    assert dead_jobs(shop) == ([], 0)
    assert shop.scalar(select(AuditEntry.after).where(AuditEntry.action == "job.discarded")) == {
        "note": "told by telephone"
    }


def test_no_transaction_is_open_while_the_outside_answers(shop: Session, session: Session) -> None:
    seen = []

    def look() -> None:
        state = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'"
        )
        seen.append(session.scalar(state))
        session.rollback()

    outside_job("test.out", queue="notify")(lambda session, job: look)
    job_id = one_job(shop, "test.out")
    assert run_job(shop, job_id) is True
    assert seen == [0]


def test_an_outside_job_whose_lease_ended_does_not_close_the_next_ones_try(shop: Session) -> None:
    def slow(session: Session, job: Job):  # type: ignore[no-untyped-def]
        return lambda: due_again(shop, job.id)

    outside_job("test.out", queue="notify")(slow)
    job_id = one_job(shop, "test.out")
    assert run_job(shop, job_id) is False
    assert row(shop, job_id).done_at is None


def test_giving_up_needs_no_eight_tries(shop: Session) -> None:
    def refuse(session: Session, payload: Payload) -> None:
        raise GiveUp("550 no such mailbox")

    job("test.x", queue="route")(refuse)
    job_id = one_job(shop, "test.x")
    run_job(shop, job_id)
    assert (row(shop, job_id).attempts, row(shop, job_id).last_error) == (1, "550 no such mailbox")


def test_a_full_queue_holds_back_only_its_own_topics(shop: Session) -> None:
    for topic, queue in (("test.a", "route"), ("test.b", "notify")):
        job(topic, queue=queue)(lambda session, payload: None)
        one_job(shop, topic)
    one_job(shop, "test.unheard-of")
    assert [due.topic for due in claim(shop, ["route", "maint"])] == ["test.b"]


def test_two_relays_never_claim_the_same_job(shop: Session, session: Session) -> None:
    for n in range(20):
        emit(shop, "test.x", str(n), {})
    shop.commit()
    first = claim(shop, [], limit=12)
    second = claim(session, [], limit=12)
    assert len(first) == 12
    assert len(second) == 8
    assert not {due.id for due in first} & {due.id for due in second}


def jobs_of(shop: Session, topic: str, *orders: int, why: str = "placed") -> list[int]:
    for order_id in orders:
        emit(shop, topic, f"{order_id}:{why}", {"order_id": order_id, "why": why})
    shop.commit()
    return list(shop.scalars(select(Job.id).where(Job.topic == topic).order_by(Job.id)))


def test_what_waits_for_the_same_reason_is_done_together(shop: Session) -> None:
    done: list[tuple[str, list[int]]] = []
    together = lambda session, ids, rest: done.append((rest["why"], ids))  # noqa: E731
    job("test.x", queue="route", together=together)(
        lambda session, payload: done.append(("alone", [payload["order_id"]]))
    )
    jobs_of(shop, "test.x", 9, why="closing")
    first, *others = jobs_of(shop, "test.x", 3, 2, 1)[1:]
    assert run_job(shop, first) is True
    assert done == [("placed", [1, 2, 3])]
    assert [run_job(shop, one) for one in others] == [False, False], "their own messages find nothing to do"


def test_one_that_cannot_be_done_keeps_nobody_from_being_done(shop: Session) -> None:
    done: list[int] = []

    def alone(session: Session, payload: Payload) -> None:
        if payload["order_id"] == 2:
            raise ZeroDivisionError
        done.append(payload["order_id"])

    def together(session: Session, ids: list[int], rest: Payload) -> None:
        emit(session, "test.child", "1", {})
        for order_id in ids:
            alone(session, {"order_id": order_id})

    job("test.x", queue="route", together=together)(alone)
    ids = jobs_of(shop, "test.x", 1, 2, 3)
    assert run_job(shop, ids[0]) is True
    assert sorted(set(done)) == [1, 3]
    assert [row(shop, one).done_at is not None for one in ids] == [True, False, True]
    assert row(shop, ids[1]).attempts == 1
    assert shop.scalar(select(func.count()).where(Job.topic == "test.child")) == 0, "half a company leaves nothing"
    done.clear()
    due_again(shop, ids[1])
    more = jobs_of(shop, "test.x", 4)[-1]
    assert run_job(shop, ids[1]) is False
    assert row(shop, more).attempts == 0, "what failed before is tried alone"
