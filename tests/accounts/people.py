"""People for tests: made in the database, signed in through the door."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.accounts.models import Membership, User
from shop.accounts.policy import SCOPES
from shop.accounts.registration import create_user
from shop.accounts.tokens import create_token

PASSWORD = "barley beer at dawn"


def person(app: Flask, session: Session, *roles: str, email: str = "", **works_for: int) -> User:
    """Somebody with these roles who works for a counter, a cooperative or an organisation (`counter_id=…`)."""
    with app.app_context():
        user = create_user(
            session,
            email=email or f"{'-'.join(roles) or 'somebody'}@people.example",
            password=PASSWORD,
            name="卓玛",
            roles=("consumer", *roles),
        )
    assert user is not None
    if works_for:
        session.add(Membership(user_id=user.id, **works_for))
    session.commit()
    return user


def api_key(app: Flask, session: Session, user: User, *scopes: str) -> dict[str, str]:
    """The Authorization header of a machine of theirs; every scope if none is named."""
    with app.app_context():
        secret = create_token(session, user, scopes or SCOPES, "test")
    session.commit()
    return {"Authorization": f"Bearer {secret}"}


def csrf_token(client: FlaskClient) -> str:
    """A token of this browser's session, read from a form as a browser would."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/reset").get_data(as_text=True))
    assert found is not None
    return found.group(1)


def post(client: FlaskClient, path: str, **data: str) -> TestResponse:
    """Send a form with its token."""
    return client.post(path, data={**data, "csrf_token": csrf_token(client)})


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    """Sign this browser in."""
    return post(client, "/login", email=email, password=password)


def is_in(client: FlaskClient) -> bool:
    """Whether this browser may see an account."""
    return client.get("/account").status_code == 200


def session_cookie(client: FlaskClient) -> str:
    """The session's cookie as it stands."""
    cookie = client.get_cookie("yarlung")
    assert cookie is not None
    return cookie.value


def mentions(session: Session, *words: str) -> set[str]:
    """Every table that still holds one of these words anywhere, of all tables of the shop."""
    tables = session.scalars(sa.text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")).all()
    found = set()
    for table in tables:
        for word in words:
            query = sa.text(f"SELECT 1 FROM {table} AS one WHERE one::text LIKE :word LIMIT 1")
            if session.scalar(query, {"word": f"%{word}%"}):
                found.add(table)
    return found
