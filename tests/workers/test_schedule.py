"""Ticks: each runs once at a time however many clocks there are, and old rows go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.db import db
from shop.outbox import Job, emit
from workers import retention, schedule


@pytest.fixture
def shop(app: Flask) -> Iterator[Session]:
    """The session that workers use."""
    with app.app_context():
        yield db.session()
        db.session.remove()


def test_every_tick_runs_on_an_empty_shop(shop: Session) -> None:
    assert [schedule.run_tick(name) for name in schedule.TICKS] == [True] * len(schedule.TICKS)


def test_a_late_tick_is_dropped_before_the_next_comes() -> None:
    for name, entry in schedule.beat_schedule().items():
        every = schedule.TICKS[name].every
        seconds = every.total_seconds() if hasattr(every, "total_seconds") else 24 * 3600
        assert entry["options"]["expires"] < seconds


def test_a_tick_that_is_running_elsewhere_is_skipped(shop: Session) -> None:
    answers = []
    work = schedule.Tick(lambda session: answers.append(schedule.run_tick("twice")), schedule.TICKS["expire"].every, 1)
    schedule.TICKS["twice"] = work
    try:
        assert schedule.run_tick("twice") is True
        assert answers == [False]
        assert schedule.run_tick("expire") is True
    finally:
        del schedule.TICKS["twice"]


def test_old_done_jobs_go_and_open_or_dead_ones_stay(shop: Session) -> None:
    for key in ("old", "young", "open", "dead"):
        emit(shop, "test.x", key, {})
    shop.execute(text("UPDATE job SET done_at = now() - interval '31 days' WHERE dedupe_key = 'old'"))
    shop.execute(text("UPDATE job SET done_at = now() - interval '29 days' WHERE dedupe_key = 'young'"))
    shop.execute(text("UPDATE job SET dead_at = now() - interval '90 days' WHERE dedupe_key = 'dead'"))
    shop.commit()
    assert retention.sweep(shop) == 1
    assert set(shop.execute(select(Job.dedupe_key)).scalars()) == {"young", "open", "dead"}
