"""Open boards are woken by what changes them, hold no database connection, and leave room for pages."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from orders.fulfilment import steps
from orders.fulfilment.assign import route_order
from shop import changes
from shop.clock import utcnow
from shop.db import db
from tests.accounts.people import person, sign_in
from tests.builders import Builder, order
from tests.fulfilment.test_steps import STAFF, part_of


@pytest.fixture
def app(fresh_app: Flask) -> Flask:
    """Listens for itself: other tests' streams are none of its business."""
    return fresh_app


@pytest.fixture
def board(app: Flask, client: FlaskClient, session: Session) -> FlaskClient:
    """A browser of the office, which sees every counter's board."""
    sign_in(client, person(app, session, "office").email)
    return client


def test_a_board_hears_of_a_change_once_it_is_committed_and_of_no_other_counters(
    app: Flask, session: Session, build: Builder
) -> None:
    eggs, counter, other = build.sku(), build.counter(), build.counter(lat=30.6)
    build.lot(eggs, at=counter, quantity=5)
    placed = order(session, {eggs: 2}, at=counter)
    listener: changes.Listener = app.extensions["changes"]
    here = listener.enter(frozenset({f"board:{counter.id}"}))
    there = listener.enter(frozenset({f"board:{other.id}"}))
    assert here is not None
    assert there is not None
    with app.app_context():
        assert here.woken.wait(5), "a stream looks again once Redis is heard"
        assert there.woken.wait(5)
        here.woken.clear()
        there.woken.clear()
        route_order(db.session(), placed.id, utcnow())
        assert not here.woken.is_set()
        db.session.commit()
        assert here.woken.wait(5)
        here.woken.clear()
        steps.accept(db.session(), part_of(session, "hand_over").id, STAFF, utcnow())
        db.session.commit()
        assert here.woken.wait(5)
    assert not there.woken.is_set()
    listener.leave(here)
    listener.leave(there)


def test_streams_have_few_places_and_give_them_and_the_connection_back(app: Flask, board: FlaskClient) -> None:
    listener: changes.Listener = app.extensions["changes"]
    opened = [board.get("/counter/changes", buffered=False) for _ in range(listener.most)]
    with app.app_context():
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert all(one.mimetype == "text/event-stream" for one in opened)
    assert opened[0].headers["X-Accel-Buffering"] == "no"
    assert next(opened[0].response) == b"retry: 1000\ndata: changed\n\n"  # type: ignore[call-overload]
    assert board.get("/counter/changes").status_code == 204
    for one in opened:
        one.close()
    assert listener.waiters == set()
    again = board.get("/counter/changes", buffered=False)
    assert again.status_code == 200
    again.close()


def test_without_redis_every_stream_ends_and_pages_ask_by_the_clock() -> None:
    listener = changes.Listener("redis://127.0.0.1:1/0", 4)
    waiter = listener.enter(None)
    assert waiter is not None
    assert list(changes.words_for(waiter)) == [b"retry: 1000\n" + changes.CHANGED, changes.CHANGED]
