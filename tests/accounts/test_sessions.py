"""H9: a sign-in is one device's, ends when it should, and a stolen or planted cookie is worth nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.accounts.models import LoginSession, Role, UserRole
from shop.accounts.policy import has_role
from tests.accounts.people import PASSWORD, is_in, person, post, session_cookie, sign_in


def age(session: Session, *, idle: timedelta = timedelta(), old: timedelta = timedelta()) -> None:
    """Let every sign-in be that much older, last seen that long ago."""
    session.execute(
        sa.update(LoginSession).values(seen_at=LoginSession.seen_at - idle, created_at=LoginSession.created_at - old)
    )
    session.commit()


def test_h9_a_planted_cookie_is_not_the_one_signed_in_with(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    client.get("/login")
    planted = session_cookie(client)
    sign_in(client, user.email)
    attacker = app.test_client()
    attacker.set_cookie("yarlung", planted)
    assert is_in(client)
    assert not is_in(attacker)


def test_h9_each_sign_in_has_a_secret_of_its_own(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    sign_in(client, user.email)
    with client.session_transaction() as first:
        before = first["login"]
    sign_in(client, user.email)
    with client.session_transaction() as second:
        after = second["login"]
    assert before != after
    assert len(session.scalars(sa.select(LoginSession)).all()) == 1


def test_h9_signing_out_kills_a_copied_cookie(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    sign_in(client, user.email)
    thief = app.test_client()
    thief.set_cookie("yarlung", session_cookie(client))
    assert is_in(thief)
    assert post(client, "/logout").status_code == 303
    assert not is_in(thief)
    assert not is_in(client)


def test_h9_a_new_password_signs_every_other_device_out(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    other = app.test_client()
    sign_in(client, user.email)
    sign_in(other, user.email)
    changed = post(client, "/change", current=PASSWORD, password="yak butter tea at noon")
    assert changed.status_code == 303
    assert is_in(client)
    assert not is_in(other)
    assert sign_in(other, user.email).status_code == 422
    assert sign_in(other, user.email, "yak butter tea at noon").status_code == 303


def test_h9_a_role_taken_away_is_gone_at_once(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session, "office")
    with client:
        sign_in(client, user.email)
        client.get("/account")
        assert has_role("office")
        office = session.scalar(sa.select(Role.id).where(Role.name == "office"))
        session.execute(sa.delete(UserRole).where(UserRole.user_id == user.id, UserRole.role_id == office))
        session.commit()
        client.get("/account")
        assert not has_role("office")


@pytest.mark.parametrize(
    ("roles", "within", "beyond"),
    [
        (("counter",), timedelta(minutes=29), timedelta(minutes=31)),
        ((), timedelta(days=29), timedelta(days=31)),
    ],
)
def test_h9_a_device_left_alone_is_signed_out(
    app: Flask, client: FlaskClient, session: Session, roles: tuple[str, ...], within: timedelta, beyond: timedelta
) -> None:
    user = person(app, session, *roles)
    sign_in(client, user.email)
    age(session, idle=within)
    assert is_in(client)
    age(session, idle=beyond)
    assert not is_in(client)


@pytest.mark.parametrize(
    ("roles", "within", "beyond"),
    [
        (("office",), timedelta(hours=11), timedelta(hours=2)),
        ((), timedelta(days=89), timedelta(days=2)),
    ],
)
def test_h9_a_sign_in_ends_however_busy_it_is(
    app: Flask, client: FlaskClient, session: Session, roles: tuple[str, ...], within: timedelta, beyond: timedelta
) -> None:
    user = person(app, session, *roles)
    sign_in(client, user.email)
    age(session, old=within)
    assert is_in(client)
    age(session, old=beyond)
    assert not is_in(client)


def test_being_seen_is_written_once_a_minute_at_most(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    sign_in(client, user.email)
    first = session.scalar(sa.select(LoginSession.seen_at))
    session.commit()
    client.get("/account")
    assert session.scalar(sa.select(LoginSession.seen_at)) == first
    session.commit()
    age(session, idle=timedelta(minutes=2))
    client.get("/account")
    assert session.scalar(sa.select(LoginSession.seen_at)) > first


def test_a_person_ends_own_devices_and_nobody_elses(app: Flask, client: FlaskClient, session: Session) -> None:
    mine, other = person(app, session), person(app, session, email="other@people.example")
    second, stranger = app.test_client(), app.test_client()
    sign_in(client, mine.email)
    sign_in(second, mine.email)
    sign_in(stranger, other.email)
    row = session.scalar(sa.select(LoginSession.id).where(LoginSession.user_id == other.id))
    assert post(client, f"/account/sessions/{row}/end").status_code == 404
    assert is_in(stranger)
    assert post(client, "/account/sessions/end-others").status_code == 303
    assert is_in(client)
    assert not is_in(second)
