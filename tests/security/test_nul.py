"""The character NUL, which no name of ours holds and PostgreSQL refuses, is turned away at the door of every room."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.accounts.people import person, post, sign_in
from tests.security.rules import path_of, rules


def test_h10_nul_never_reaches_the_database(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session, "office").email)
    for rule in rules(app):
        if "GET" not in (rule.methods or ()):
            continue
        path = path_of(rule)
        assert client.get(f"{path}?q=%00&page=%00&key=a%00b").status_code == 400, rule.rule
        if "nothing-of-the-kind" in path:
            assert client.get(path.replace("nothing-of-the-kind", "a%00b")).status_code in {400, 404}, rule.rule
    assert post(client, "/cart/lines", sku="a\0b", quantity="1").status_code == 400
