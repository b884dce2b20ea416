"""Opening an account, choosing a new password, confirming an address; and what strangers learn from it: nothing."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.accounts.mail import compose
from shop.accounts.models import LoginAttempt, User
from shop.accounts.passwords import faults_of_password
from shop.mail import OutgoingMail
from shop.outbox import Job
from tests.accounts.people import PASSWORD, csrf_token, is_in, person, post, sign_in


def mails(app: Flask, session: Session) -> list[OutgoingMail]:
    """The account mails that wait to be sent, written."""
    session.expire_all()
    jobs = session.scalars(sa.select(Job).where(Job.topic == "account.mail").order_by(Job.id)).all()
    with app.app_context():
        return [compose(session, job.payload) for job in jobs]


def path_in(mail: OutgoingMail) -> str:
    """The path of the mail's link."""
    found = re.search(r"https?://[^/\s]+(/(?:reset|confirm)/\S+)", mail.text)
    assert found is not None
    return found.group(1)


def test_an_account_is_opened_confirmed_and_used(app: Flask, client: FlaskClient, session: Session) -> None:
    assert post(client, "/register", name="旺姆", email="Wangmu@Mail.Example", password=PASSWORD).status_code == 303
    assert sign_in(client, "wangmu@mail.example").status_code == 303
    assert is_in(client)
    (mail,) = mails(app, session)
    assert mail.to == "wangmu@mail.example"
    path = path_in(mail)
    assert client.get(path).status_code == 200
    assert session.scalar(sa.select(User.confirmed_at)) is None, "opening the link alone confirms nothing"
    session.commit()
    assert post(client, path).status_code == 303
    assert session.scalar(sa.select(User.confirmed_at)) is not None


def test_a_taken_address_answers_like_a_free_one_and_tells_its_owner(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    user = person(app, session)
    free = post(client, "/register", name="A", email="free@mail.example", password=PASSWORD)
    taken = post(client, "/register", name="A", email=user.email, password="another long sentence")
    assert (free.status_code, free.location) == (taken.status_code, taken.location)
    assert sign_in(client, user.email).status_code == 303, "the present password still opens"
    assert [mail.to for mail in mails(app, session)] == ["free@mail.example", user.email]


def test_a_forgotten_password_is_replaced_once_by_the_link(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    assert post(client, "/reset", email=user.email).status_code == 303
    path = path_in(mails(app, session)[0])
    assert post(client, path, password="a new long sentence").status_code == 303
    assert sign_in(client, user.email, "a new long sentence").status_code == 303
    again = post(client, path, password="yet another sentence")
    assert again.location.endswith("/reset"), "the link works once"
    assert "changed" in mails(app, session)[1].subject or "密码" in mails(app, session)[1].subject


def test_the_reset_page_does_not_tell_who_has_an_account(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    known, unknown = post(client, "/reset", email=user.email), post(client, "/reset", email="nobody@mail.example")
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    assert len(mails(app, session)) == 1


def test_no_job_holds_a_token_or_an_address(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    post(client, "/reset", email=user.email)
    payload = session.scalar(sa.select(Job.payload))
    assert payload == {"kind": "reset", "user_id": user.id}


def test_links_bear_the_shops_own_address_whatever_the_host_header_says(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    user = person(app, session)
    post(client, "/reset", email=user.email)
    assert client.get("/login", headers={"Host": "evil.example"}).status_code == 400
    assert "://127.0.0.1" in mails(app, session)[0].text


def test_a_password_too_easy_is_refused_and_what_was_typed_is_kept(client: FlaskClient) -> None:
    answer = post(client, "/register", name="旺姆", email="w@mail.example", password="password1234")
    assert answer.status_code == 422
    assert "旺姆" in answer.get_data(as_text=True)
    assert "password1234" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "password",
    ["short", "password1234", "P@ssw0rd2024!", "123456789012", "qwertyuiop123", "aaaaaaaaaaaa", "YarlungMarket1",
     "wangmu123456", "x" * 129],
)  # fmt: skip
def test_easy_passwords(password: str) -> None:
    assert faults_of_password(password, email="wangmu@mail.example", name="旺姆")


@pytest.mark.parametrize("password", [PASSWORD, "correct horse battery", "雅江边的青稞又熟了三次啊", "tR7#kq02-Lm9x"])
def test_good_passwords(password: str) -> None:
    assert faults_of_password(password, email="wangmu@mail.example", name="旺姆") == []


def test_a_wrong_password_and_a_wrong_address_read_the_same(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    wrong = sign_in(client, user.email, "not the password")
    nobody = sign_in(client, "nobody@people.example", "not the password")
    assert wrong.status_code == nobody.status_code == 422

    def without(text: str, *parts: str) -> str:
        for part in (*parts, *re.findall(r'value="[^"]{40,}"', text)):
            text = text.replace(part, "")
        return text

    pages = [without(answer.get_data(as_text=True), user.email, "nobody@people.example") for answer in (wrong, nobody)]
    assert pages[0] == pages[1]


def test_h11_ten_guesses_are_checked_then_even_the_right_one_waits(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    user = person(app, session)
    known = app.test_client()
    assert sign_in(known, user.email).status_code == 303
    post(known, "/logout")
    for number in range(10):
        forged = {"X-Forwarded-For": f"203.0.113.{number}"}
        answer = client.post(
            "/login",
            data={"email": user.email, "password": "wrong guess", "csrf_token": csrf_token(client)},
            headers=forged,
        )
        assert answer.status_code == 422
    refused = sign_in(client, user.email)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert {row.ip for row in session.scalars(sa.select(LoginAttempt))} == {"127.0.0.1"}
    assert sign_in(known, user.email).status_code == 303, "the owner's own device is not locked out"


def test_h11_parallel_guesses_count_before_they_are_checked(app: Flask, session: Session) -> None:
    user = person(app, session)
    clients = [app.test_client() for _ in range(16)]
    tokens = [csrf_token(client) for client in clients]

    def guess(number: int) -> int:
        data = {"email": user.email, "password": "wrong guess", "csrf_token": tokens[number]}
        return clients[number].post("/login", data=data).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(16)))
    assert answers.count(422) <= 10
    assert answers.count(429) >= 6
    assert answers.count(422) + answers.count(429) == 16


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(
    app: Flask, client: FlaskClient, session: Session, target: str
) -> None:
    user = person(app, session)
    answer = post(client, "/login", email=user.email, password=PASSWORD, next=target)
    assert answer.location.endswith("/account")


def test_the_page_that_was_wanted_opens_after_signing_in(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    asked = client.get("/account/addresses?x=1")
    assert asked.status_code == 303
    assert asked.location == "/login?next=/account/addresses?x%3D1"
    answer = post(client, "/login", email=user.email, password=PASSWORD, next="/account/addresses?x=1")
    assert answer.location == "/account/addresses?x=1"
