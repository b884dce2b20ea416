"""A13: the web process dies after any statement of a checkout: afterwards there is one whole order or nothing of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from orders.check import faults
from orders.models import Order, Reservation
from shop.db import db
from tests.builders import Builder
from tests.figures import Figures
from tests.orders.test_pages import filled_in, post

LIVED, FAILED, DIED = 0, 1, 7


def test_a13_a_checkout_that_dies_anywhere_leaves_one_whole_order_or_none(
    app: Flask, client: FlaskClient, build: Builder, session: Session, figures: Callable[[str], Figures]
) -> None:
    counter = build.counter("WH-01")
    build.lot(build.sku("EGGS"), at=counter, quantity=10_000)
    build.lot(build.sku("POTATOES"), at=counter, quantity=10_000)
    build.commit()
    points, half, wrong = 0, 0, 0
    while True:
        form = fill_cart(client)
        before = orders(session)
        if die_in_child(app, client, form, points + 1) == LIVED:
            break
        points += 1
        left = orders(session) - before
        half += left not in {0, 1} or faults(session) != []
        session.rollback()
        again = client.post("/checkout", data=form)
        wrong += again.status_code != 303 or orders(session) - before != 1
    a13 = figures("A13")
    a13.at_least("points of a checkout at which the process died", points, 15)
    a13.exactly("deaths that left half an order", half, 0)
    a13.exactly("deaths after which the same form did not come to exactly one order", wrong, 0)
    assert session.scalar(select(func.sum(Reservation.quantity))) == 3 * orders(session)
    assert faults(session) == []


def fill_cart(client: FlaskClient) -> dict[str, object]:
    """One pack of eggs and two of potatoes, the checkout page filled in."""
    for code, packs in (("EGGS", 1), ("POTATOES", 2)):
        assert post(client, f"/cart/lines/{code}", quantity=packs).status_code == 303
    return filled_in(client.get("/checkout").text, "WH-01")


def orders(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(Order)) or 0


def die_in_child(app: Flask, client: FlaskClient, form: dict[str, object], point: int) -> int:
    """Send the form in a child process that dies at its `point`-th step: a statement's end, or around a commit."""
    with app.app_context():
        db.engine.dispose()
    child = os.fork()
    if child == 0:
        try:
            count_steps(app, point)
            client.post("/checkout", data=form)
            os._exit(LIVED)
        finally:
            os._exit(FAILED)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {DIED, LIVED}
    return status


def count_steps(app: Flask, point: int) -> None:
    """From here on this process dies at its `point`-th step."""
    steps = 0

    def step(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == point:
            os._exit(DIED)

    with app.app_context():
        event.listen(db.engine, "after_cursor_execute", step)
        event.listen(db.engine, "commit", step)
        event.listen(db.session, "after_commit", step)
