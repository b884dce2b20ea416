"""H1, H2: with the id of somebody else's thing in the address nobody sees a word of it, nor moves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from tests.accounts.people import PASSWORD, api_key, person, sign_in
from tests.builders import Builder
from tests.figures import Figures
from tests.security.rules import kind_of, rules
from tests.security.world import Side, one_side

# Words that only the owner, their counter and the office may read. What is for sale is for everybody.
PRIVATE = ("顾客 {}", "收件 {}", "便条 {}", "{} 路 1 号", "市场 {}", "LOT-STORE-{}", "车牌 {}", "consumer-{}@")
ROLES = ("anonymous", "consumer", "cooperative", "counter", "buyer")
STATE = {
    "order": 'SELECT status, total_fen, closed_at, collect_by FROM "order" WHERE id = :order',
    "parts": "SELECT id, status, accepted_at, ready_at FROM fulfilment WHERE order_id = :order ORDER BY id",
    "stock": "SELECT l.id, l.on_hand, l.reserved, l.last_seq FROM stock_level l JOIN lot ON lot.id = l.lot_id"
    " WHERE lot.code LIKE '%' || :mark ORDER BY l.id",
    "consignments": "SELECT c.id, c.status, c.vehicle, c.note, c.closed_at, lot.id, lot.state, lot.quantity"
    " FROM consignment c JOIN consignment_line line ON line.consignment_id = c.id"
    " JOIN consignment_lot lot ON lot.line_id = line.id JOIN counter ON counter.id = c.counter_id"
    " WHERE counter.code LIKE '%' || :mark ORDER BY lot.id",
    "readings": "SELECT r.id FROM temperature_reading r JOIN consignment c ON c.id = r.consignment_id"
    " JOIN counter ON counter.id = c.counter_id WHERE counter.code LIKE '%' || :mark ORDER BY r.id",
    "addresses": "SELECT * FROM address WHERE name LIKE '%' || :mark ORDER BY id",
    "notices": "SELECT id, acknowledged_at FROM notification WHERE dedupe_key = :mark ORDER BY id",
    "people": "SELECT id, name, active, locale FROM \"user\" WHERE email LIKE '%-' || lower(:mark) || '@%' ORDER BY id",
}


def state_of(session: Session, side: Side) -> dict[str, str]:
    """Everything of a side that somebody might change."""
    session.rollback()
    values = {"order": side.order_id, "mark": side.mark}
    found = {}
    for name, query in STATE.items():
        wanted = {key: values[key] for key in values if f":{key}" in query}
        found[name] = str(session.execute(sa.text(query), wanted).all())
    return found


def paths(rule: Rule, side: Side) -> Iterator[str]:
    """The rule's addresses with every id or name of that side in its hole (the last one, if it has several)."""
    holes = [value for is_hole, value in rule._trace if is_hole]
    for value in sorted(side.numbers) if kind_of(rule, holes[-1]) else sorted(side.names):
        yield "".join(
            (str(value) if kind_of(rule, part) == kind_of(rule, holes[-1]) else "1") if is_hole else part
            for is_hole, part in rule._trace
            if part != "|"
        )


def ask(app: Flask, client: FlaskClient, rule: Rule, theirs: Side, key: dict[str, str]) -> tuple[int, list[str]]:
    """Every question that this rule answers, about the other side's things; how many, and where a word was told."""
    asked, told = 0, []
    words = [word.format(theirs.mark).lower() for word in PRIVATE]
    for path in paths(rule, theirs):
        for method in sorted(set(rule.methods or ()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            api = path.startswith("/api/")
            body = {"json": {}} if api and method != "GET" else {}
            answer = client.open(path, method=method, headers=key if api else {}, **body)
            assert answer.status_code < 500, (method, path)
            asked += 1
            text = answer.get_data(as_text=True).lower()
            told += [f"{method} {path}: {word}" for word in words if word in text and word not in path.lower()]
    return asked, told


def test_h2_a_foreign_id_opens_nothing_and_moves_nothing(
    app: Flask, session: Session, build: Builder, figures: Callable[[str], Figures]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False  # tokens are another test; here only whose thing it is counts
    theirs, mine = one_side(app, session, build, "YAK"), one_side(app, session, build, "DEER")
    before = state_of(session, theirs)
    asked, told, moved = 0, [], []
    for role in ROLES:
        client = app.test_client()
        key: dict[str, str] = {}
        for rule in rules(app):
            if not rule.arguments or rule.endpoint.startswith(("static", "sandbox")):
                continue
            if role != "anonymous":
                if not rule.rule.startswith("/api/"):
                    stay_signed_in(client, mine.people[role].email)
                elif not key:
                    key = api_key(app, session, mine.people[role])  # after the pages on which one takes a key back
            count, words = ask(app, client, rule, theirs, key)
            asked, told = asked + count, told + [f"{role}: {one}" for one in words]
            if state_of(session, theirs) != before:
                moved.append(f"{role}: {rule.rule}")
                before = state_of(session, theirs)
    assert (told, moved) == ([], [])
    h2 = figures("H2")
    h2.at_least(f"questions with foreign ids by {len(ROLES)} kinds of people", asked, 1_000)
    h2.exactly("answers with a word of somebody else's", len(told), 0)
    h2.exactly("routes that moved somebody else's things", len(moved), 0)


def stay_signed_in(client: FlaskClient, email: str) -> None:
    """Some addresses end one's own session or key: whoever asks on as nobody proves nothing."""
    if client.get("/account/addresses").status_code == 303:
        assert sign_in_plainly(client, email) == 303
        assert client.get("/account/addresses").status_code == 200


def sign_in_plainly(client: FlaskClient, email: str) -> int:
    """Where forms carry no token."""
    return client.post("/login", data={"email": email, "password": PASSWORD}).status_code


def test_h2_the_owner_does_see_it(app: Flask, client: FlaskClient, session: Session, build: Builder) -> None:
    """Negative control: the same words are there for whom they are meant."""
    mine = one_side(app, session, build, "DEER")
    sign_in(client, mine.people["consumer"].email)
    pages = client.get("/account/addresses").text + client.get("/account/orders").text
    assert "收件 DEER" in pages
    assert session.scalar(sa.text('SELECT number FROM "order"')) in pages
    staff = app.test_client()
    sign_in(staff, mine.people["cooperative"].email)
    assert "LOT-STORE-DEER" in staff.get("/coop/").text


@pytest.mark.parametrize(("role", "room"), [("cooperative", "coop"), ("counter", "counter"), ("office", "office")])
def test_h2_whoever_sends_or_receives_a_consignment_sees_it(
    app: Flask, client: FlaskClient, session: Session, build: Builder, role: str, room: str
) -> None:
    """Negative control: with the same addresses that were closed to the others."""
    mine = one_side(app, session, build, "DEER")
    sign_in(client, mine.people[role].email if role != "office" else person(app, session, "office").email)
    on_the_road = client.get(f"/{room}/consignments/{mine.consignment_ids[1]}")
    assert on_the_road.status_code == 200 and "车牌 DEER" in on_the_road.text
    assert "LOT-STORE-DEER" in client.get(f"/{room}/consignments/{mine.consignment_ids[0]}").text
