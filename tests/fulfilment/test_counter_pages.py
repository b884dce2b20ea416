"""The counter's pages ask the database as much for many orders as for few, and work without scripts."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.accounts.people import person, post, sign_in
from tests.builders import Builder
from tests.catalogue.test_shelves import counted
from tests.fulfilment.test_steps import part_of, routed

# The session, the person with roles and memberships are among them.
QUEUE_STATEMENTS, PART_STATEMENTS = 8, 15


def test_queue_and_part_ask_no_more_for_more_orders(
    app: Flask, client: FlaskClient, session: Session, build: Builder
) -> None:
    eggs, oil, counter = build.sku("EGGS"), build.sku("OIL"), build.counter()
    build.lot(eggs, at=counter, quantity=60, code="L-1")
    build.lot(oil, at=counter, quantity=60)
    routed(session, {eggs: 1}, counter)
    part = part_of(session, "hand_over")
    sign_in(client, person(app, session, "counter", counter_id=counter.id).email)
    asked = []
    for more in (0, 6):
        for _ in range(more):
            routed(session, {eggs: 2, oil: 1}, counter)
        for path in ("/counter/queue", f"/counter/parts/{part.id}"):
            with counted(app) as sent:
                assert client.get(path).status_code == 200
            asked.append(len(sent))
    assert asked == [QUEUE_STATEMENTS, PART_STATEMENTS] * 2
    refused = post(client, f"/counter/parts/{part.id}/scan", code="OIL")
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert post(client, f"/counter/parts/{part.id}/scan", code="l-1").status_code == 303
    for path in ("/counter/", "/counter/picks", "/counter/day", "/counter/day/summary", "/counter/desk?code=1234"):
        assert client.get(path).status_code == 200, path
    assert client.get("/counter/labels.pdf?shape=a4").mimetype == "application/pdf"
