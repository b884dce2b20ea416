"""H8: nothing is changed by a page that is not ours, nor by merely looking at one that is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.accounts.policy import current_person
from shop.db import db
from tests.accounts.people import api_key, csrf_token, person, sign_in
from tests.security.rules import path_of, rules

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def unsafe_routes(app: Flask, *, api: bool) -> Iterator[tuple[str, str]]:
    """Method and path of every route that changes something."""
    for rule in rules(app):
        if rule.rule.startswith("/api/") == api:
            for method in sorted(set(rule.methods or ()) & UNSAFE):
                yield method, path_of(rule)


def count_rows(session: Session) -> dict[str, int]:
    """How many rows each table has."""
    session.commit()
    return {
        table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in db.metadata.sorted_tables
    }


def test_h8_no_unsafe_route_works_without_our_token(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session, "office").email)
    routes = list(unsafe_routes(app, api=False))
    assert len(routes) > 10
    let_through = []
    for method, path in routes:
        attempts = {
            "no token": client.open(path, method=method, data={"x": "1"}),
            "wrong token": client.open(path, method=method, data={"csrf_token": "forged"}),
            "text/plain JSON": client.open(path, method=method, data='{"x": 1}', content_type="text/plain"),
            "JSON": client.open(path, method=method, json={"x": 1}),
        }
        # The payment provider signs its messages instead (tests/payments); a shop without one knows no such address.
        refused = {404} if path == "/webhooks/stripe" else {400, 403}
        let_through += [(method, path, how) for how, answer in attempts.items() if answer.status_code not in refused]
    assert let_through == []


def test_h8_another_sessions_token_is_no_good(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session).email)
    stolen = csrf_token(app.test_client())
    assert client.post("/account/addresses/new", data={"csrf_token": stolen}).status_code == 400


def test_h8_looking_changes_nothing(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session, "office").email)
    before = count_rows(session)
    for rule in rules(app):
        if "GET" in (rule.methods or ()):
            client.get(path_of(rule))
    assert count_rows(session) == before


def test_h8_the_api_does_not_take_a_cookie_for_a_name(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session, "office")
    sign_in(client, user.email)
    with client:
        client.get("/api/v1/nothing")
        assert current_person() is None
        client.get("/account")
        assert current_person() is not None


def test_h8_api_routes_need_no_form_token_but_a_good_key(app: Flask, client: FlaskClient, session: Session) -> None:
    key = api_key(app, session, person(app, session, "office"))
    for method, path in unsafe_routes(app, api=True):
        bad = client.open(path, method=method, json={}, headers={"Authorization": "Bearer yar_forged"})
        assert bad.status_code == 401, (method, path)
        assert bad.content_type == "application/problem+json"
        good = client.open(path, method=method, json={}, headers=key)
        assert "csrf" not in good.get_data(as_text=True), (method, path)
        assert good.status_code not in {401, 403}, (method, path)


@pytest.mark.parametrize("path", ["/account/settings", "/change"])
def test_a_form_with_its_token_works(app: Flask, client: FlaskClient, session: Session, path: str) -> None:
    sign_in(client, person(app, session).email)
    assert client.post(path, data={"csrf_token": csrf_token(client), "name": ""}).status_code == 422
