"""The authorisation walk: every route × every kind of person, against the pivot file that names who may enter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.accounts.policy import WHO, allow
from shop.app import close_unmarked_doors
from tests.accounts.people import PASSWORD, api_key, person
from tests.builders import Builder
from tests.figures import Figures
from tests.security.rules import path_of, pivot, rules, who_may
from tests.security.world import one_side

PEOPLE = ["anonymous", "consumer", "buyer", "cooperative", "counter", "office"]


def may_enter(kind: str, who: list[str]) -> bool:
    """What the pivot file says of this kind of person."""
    if "anyone" in who:
        return True
    if kind == "anonymous":
        return False
    return kind == "office" or bool({"signed_in", "consumer", kind} & set(who))


def was_refused(answer: TestResponse) -> bool:
    """Whether the door stayed shut: asked to sign in, or told that one may not."""
    to_sign_in = answer.status_code == 303 and (answer.location or "").startswith("/login")
    return to_sign_in or answer.status_code in {401, 403}


def test_every_route_is_in_the_pivot_file_and_no_other(app: Flask) -> None:
    here, written = {rule.endpoint for rule in rules(app)}, set(pivot())
    assert here - written == set()
    # The mailbox and the cashier are only open where a sandbox delivers mail and takes money.
    assert {name for name in written - here if not name.startswith(("sandbox.", "sandbox_cashier."))} == set()


def test_the_pivot_file_names_people_that_exist() -> None:
    groups = [group for who in pivot().values() for group in (who.values() if isinstance(who, dict) else [who])]
    assert {who for group in groups for who in group} <= WHO


# Doors that lead somebody who is signed in, or nobody, to /login of their own accord.
LEAD_TO_SIGN_IN = {"doors.login", "doors.reset", "doors.choose_password", "doors.confirm_now", "doors.register"}


@pytest.mark.parametrize("kind", PEOPLE)
def test_everybody_enters_where_they_may_and_nowhere_else(
    app: Flask, client: FlaskClient, session: Session, kind: str, figures: Callable[[str], Figures]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False  # forged forms are another test; here only the door counts
    headers: dict[str, str] = {}
    if kind != "anonymous":
        user = person(app, session, *([] if kind == "consumer" else [kind]))
        headers = api_key(app, session, user)
        sign_in_again(client, user.email)
    wrong = []
    named = pivot()
    for rule in rules(app):
        if rule.endpoint in {"doors.logout", "account.sign_out_others"} or rule.endpoint in LEAD_TO_SIGN_IN:
            continue
        for method in sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"}):
            key = headers if rule.rule.startswith("/api/") else {}
            answer = client.open(path_of(rule), method=method, headers=key)
            if was_refused(answer) == may_enter(kind, who_may(named, rule.endpoint, method)):
                wrong.append((kind, method, rule.rule, answer.status_code))
            assert answer.status_code != 500, (kind, method, rule.rule)
    assert wrong == []
    figures("H1").exactly(f"deviations from the pivot file, as {kind}", len(wrong), 0)


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_consignment_that_exists_opens_to_nobody_else_either(
    app: Flask, client: FlaskClient, session: Session, build: Builder, kind: str
) -> None:
    """The walk above names things that do not exist: here the door stands before a real one."""
    app.config["WTF_CSRF_ENABLED"] = False
    world = one_side(app, session, build, "YAK")
    if kind != "anonymous":
        own = world.people.get(kind)
        sign_in_again(client, own.email if own else person(app, session, kind).email)
    named, wrong, doors = pivot(), [], 0
    for rule in rules(app):
        if "consignment_id" not in rule.arguments:
            continue
        for method in sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"}):
            for consignment_id in world.consignment_ids:
                with app.test_request_context():
                    path = url_for(rule.endpoint, consignment_id=consignment_id)
                answer, doors = client.open(path, method=method), doors + 1
                allowed = may_enter(kind, who_may(named, rule.endpoint, method))
                if was_refused(answer) == allowed or answer.status_code in {404, 500}:
                    wrong.append((kind, method, rule.rule, answer.status_code))
    assert wrong == []
    assert doors == 18, "each of the nine doors, with a consignment that stands ready and one on the road"


def sign_in_again(client: FlaskClient, email: str) -> None:
    """Sign in where forms carry no token."""
    assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("endpoint", sorted(LEAD_TO_SIGN_IN))
def test_the_doors_themselves_are_for_anyone(app: Flask, client: FlaskClient, endpoint: str) -> None:
    assert pivot()[endpoint] == ["anyone"]
    assert app.view_functions[endpoint].allowed_to == {"anyone"}  # type: ignore[attr-defined]


def test_a_token_without_the_scope_is_refused(fresh_app: Flask, session: Session) -> None:
    app, client = fresh_app, fresh_app.test_client()
    app.add_url_rule("/api/v1/scope-test", "scope_test", allow("anyone", scope="orders:read")(lambda: "in"))
    user = person(app, session)
    assert client.get("/api/v1/scope-test").status_code == 200
    good, bad = api_key(app, session, user, "orders:read"), api_key(app, session, user, "stock:read")
    assert client.get("/api/v1/scope-test", headers=good).status_code == 200
    refused = client.get("/api/v1/scope-test", headers=bad)
    assert refused.status_code == 403
    assert refused.json["code"] == "forbidden"


def test_a_route_without_a_policy_keeps_the_shop_shut(fresh_app: Flask) -> None:
    fresh_app.add_url_rule("/back-door", "back_door", lambda: "in")
    with pytest.raises(RuntimeError, match="back_door"):
        close_unmarked_doors(fresh_app)
