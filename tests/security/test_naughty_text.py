"""H6, H25: every field of every form of every room takes any text: no fault of ours, and no text becomes markup."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.accounts.people import PASSWORD, api_key, person, post
from tests.builders import Builder
from tests.figures import FULL_SIZE, Figures
from tests.security.forms import Form, forms_of
from tests.security.naughty import MARKUP, NAUGHTY, ODD
from tests.security.rules import rules
from tests.security.world import Side, one_side

ROLES = ("anonymous", "consumer", "cooperative", "counter", "buyer", "office")
# In small size each field gets a few of them, another few each time around.
STRINGS_A_FIELD = len(NAUGHTY) if FULL_SIZE else 1
NO_PAGES = ("/api/", "/metrics", "/sandbox", "/counter/changes")  # the last is a stream that stays open
STAY_SIGNED_IN = {"/logout", "/account/sessions/end-others", "/language"}


def pages(app: Flask, side: Side, number: str) -> list[str]:
    """Every page without a hole in its address, and those of the side's own things."""
    plain = [rule.rule for rule in rules(app) if "GET" in (rule.methods or ()) and not rule.arguments]
    own = [f"/orders/{number}", f"/orders/{number}/cancel", f"/p/goods-{side.mark.lower()}"]
    own += [f"/counter/parts/{one}" for one in sorted(side.numbers)[:3]]
    return [path for path in plain if not path.startswith(NO_PAGES)] + own


def found_forms(client: FlaskClient, paths: list[str]) -> dict[tuple[str, ...], Form]:
    """The different forms on those pages."""
    forms: dict[tuple[str, ...], Form] = {}
    for path in paths:
        answer = client.get(path)
        if answer.status_code != 200 or answer.mimetype != "text/html":
            continue
        for form in forms_of(answer.text):
            action = (form.action or path).split("?")[0]
            if action not in STAY_SIGNED_IN:
                form.action = action
                forms.setdefault((form.method, action.rstrip("0123456789"), *sorted(form.typed)), form)
    return forms


def send(client: FlaskClient, form: Form, name: str, text: str) -> tuple[int, str]:
    """The form with that text in that field, all others as they were."""
    values = {**form.kept, **form.typed, name: text}
    if form.method == "get":
        answer = client.get(form.action, query_string=values)
    else:
        answer = client.post(form.action, data=values)
    return answer.status_code, answer.get_data(as_text=True)


def raw_markup(page: str) -> list[str]:
    """Markup of ours to break with, that stands on the page as markup."""
    return [one for one in MARKUP if "<" in one and one in page]


def test_h6_no_text_in_any_form_is_a_fault_or_becomes_markup(
    app: Flask, session: Session, build: Builder, figures: Callable[[str], Figures]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    side = one_side(app, session, build, "YAK")
    number = next(name for name in side.names if name.startswith("YL-"))
    side.people["office"] = person(app, session, "office", email="office@people.example")
    turn, sent, failed, became_markup = 0, 0, [], []
    for role in ROLES:
        client = app.test_client()
        if role != "anonymous":
            # The texts were tried at the door too, so often that the next right password would have to wait.
            session.execute(text("DELETE FROM login_attempt"))
            session.commit()
            enter = {"email": side.people[role].email, "password": PASSWORD}
            assert client.post("/login", data=enter).status_code == 303
        paths = pages(app, side, number)
        for key, form in found_forms(client, paths).items():
            for name in form.typed:
                for _ in range(STRINGS_A_FIELD):
                    turn += 1
                    words = NAUGHTY[turn % len(NAUGHTY)]
                    status, page = send(client, form, name, words)
                    sent += 1
                    failed += [(role, *key[:2], name, words[:40])] if status >= 500 else []
                    became_markup += [(role, *key[:2], name, one) for one in raw_markup(page)]
        became_markup += [(role, path, one) for path in paths for one in raw_markup(client.get(path).text)]
    assert (failed, became_markup) == ([], [])
    h6 = figures("H6")
    h6.at_least("texts sent into fields of all rooms", sent, 100)
    h6.exactly("server errors", len(failed), 0)
    h6.exactly("texts that became markup on a page", len(became_markup), 0)


def test_h25_search_and_api_take_any_text(
    app: Flask, client: FlaskClient, session: Session, build: Builder, figures: Callable[[str], Figures]
) -> None:
    side = one_side(app, session, build, "YAK")
    key = api_key(app, session, side.people["consumer"])
    statuses: Counter[int] = Counter()
    for words in NAUGHTY:
        statuses[client.get("/search", query_string={"q": words}).status_code] += 1
        statuses[client.get("/products", query_string={"sort": words, "page": words}).status_code] += 1
        statuses[client.get("/api/v1/products", query_string={"q": words, "cursor": words}).status_code] += 1
        contact = {"name": words, "phone": words, "email": words}
        body = {"lines": [{"sku": words, "quantity": 1}], "contact": contact, "note": words}
        headers = {**key, "Idempotency-Key": "naughty-0001"}
        statuses[client.post("/api/v1/orders", json=body, headers=headers).status_code] += 1
    h25 = figures("H25")
    h25.at_least("odd texts in search, lists and the API", sum(statuses.values()), 4 * len(ODD))
    h25.exactly("server errors", sum(count for status, count in statuses.items() if status >= 500), 0)


@pytest.mark.parametrize("body", [b'{"lines": "\\ud800"}', b"\xff\xfe", b'{"a": ' + b"[" * 5_000, b"", b"null", b"[]",
                                  b'{"lines": [{"sku": "\\u0000", "quantity": 1}]}'])  # fmt: skip
def test_h25_the_api_refuses_what_is_no_text(client: FlaskClient, body: bytes) -> None:
    headers = {"Idempotency-Key": "naughty-0002"}
    answer = client.post("/api/v1/orders", data=body, content_type="application/json", headers=headers)
    assert 400 <= answer.status_code < 500


def test_h25_one_name_written_in_two_ways_is_one_account(client: FlaskClient, app: Flask, session: Session) -> None:
    composed, apart = "café@people.example", unicodedata.normalize("NFD", "café@people.example")
    assert composed != apart
    for email in (composed, apart, "Ｃafé@people.example"):
        post(client, "/register", name="旺姆", email=email, password=PASSWORD)
    emails = [row[0] for row in session.connection().exec_driver_sql('SELECT email FROM "user"')]
    assert len(emails) <= 1, emails
