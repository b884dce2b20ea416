"""The account's pages: addresses, settings, language."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.accounts.models import Address, ApiToken, User
from shop.accounts.tokens import authenticate
from tests.accounts.people import api_key, person, post, sign_in

HOME = {"name": "旺姆", "phone": "138 0000 1234", "district": "江汉区", "street": "前进四路 1 号"}


def test_addresses_are_added_changed_and_removed(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    sign_in(client, user.email)
    assert post(client, "/account/addresses/new", **HOME).status_code == 303
    assert (
        post(client, "/account/addresses/new", **{**HOME, "street": "二路 2 号", "is_default": "y"}).status_code == 303
    )
    first, second = session.scalars(sa.select(Address).order_by(Address.id)).all()
    assert (first.is_default, second.is_default) == (False, True)
    assert post(client, f"/account/addresses/{first.id}", **{**HOME, "street": "三路 3 号"}).status_code == 303
    assert "三路 3 号" in client.get("/account/addresses").get_data(as_text=True)
    assert post(client, f"/account/addresses/{second.id}/remove").status_code == 303
    session.expire_all()
    (left,) = session.scalars(sa.select(Address)).all()
    assert left.is_default


def test_nobody_sees_or_changes_anothers_address(app: Flask, client: FlaskClient, session: Session) -> None:
    owner, other = person(app, session), person(app, session, email="other@people.example")
    session.add(Address(user_id=owner.id, **HOME))
    session.commit()
    number = session.scalar(sa.select(Address.id))
    sign_in(client, other.email)
    assert client.get(f"/account/addresses/{number}").status_code == 404
    assert post(client, f"/account/addresses/{number}", **HOME).status_code == 404
    assert post(client, f"/account/addresses/{number}/remove").status_code == 404
    assert HOME["street"] not in client.get("/account/addresses").get_data(as_text=True)


def test_a_bad_address_is_shown_again_with_what_was_typed(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session).email)
    answer = post(client, "/account/addresses/new", **{**HOME, "phone": "call me"})
    assert answer.status_code == 422
    assert "前进四路 1 号" in answer.get_data(as_text=True)
    assert session.scalar(sa.select(Address)) is None


def test_settings_change_the_language_of_pages_and_mails(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    sign_in(client, user.email)
    assert post(client, "/account/settings", name="Wangmu", phone="", locale="en").status_code == 303
    assert '<html lang="en">' in client.get("/account/settings").get_data(as_text=True)
    session.expire_all()
    assert session.get_one(User, user.id).locale == "en"


def test_a_guest_chooses_a_language(client: FlaskClient) -> None:
    answer = post(client, "/language", locale="bo", next="/login")
    assert answer.location == "/login"
    assert '<html lang="bo">' in client.get("/login").get_data(as_text=True)


def test_every_page_of_the_account_opens(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session).email)
    for path in ("", "/orders", "/addresses", "/addresses/new", "/settings", "/sessions"):
        answer = client.get(f"/account{path}")
        assert answer.status_code == 200, path
        assert answer.headers["Cache-Control"] == "no-store", path


def test_a_token_is_kept_as_a_hash_and_dies_when_revoked(app: Flask, session: Session) -> None:
    user = person(app, session)
    header = api_key(app, session, user, "orders:read")["Authorization"]
    row = session.scalars(sa.select(ApiToken)).one()
    assert header.removeprefix("Bearer ").encode() not in row.token_hash
    assert authenticate(session, header) is row
    first_use = row.last_used_at
    session.commit()
    session.refresh(row)
    first_use = row.last_used_at
    assert first_use is not None
    authenticate(session, header)
    session.commit()
    session.refresh(row)
    assert row.last_used_at == first_use, "written once a minute at most"
    row.revoked_at = sa.func.now()
    session.commit()
    assert authenticate(session, header) is None
    assert authenticate(session, "Bearer yar_wrong") is None
    assert authenticate(session, "Basic abc") is None
