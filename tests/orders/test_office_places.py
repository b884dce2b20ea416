"""The office's places and people: counters and hours, households and shares, keys, organisations, search."""

from __future__ import annotations

import re
from datetime import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterHours, Household
from shop.accounts.models import Membership, Organisation, User
from shop.accounts.people_office import roles_of
from shop.audit import AuditEntry
from tests.accounts.people import csrf_token, person, post, sign_in
from tests.builders import Builder, order
from tests.orders.supermarkets import supermarket


@pytest.fixture
def office(app: Flask, client: FlaskClient, session: Session) -> FlaskClient:
    """A browser in which the office is signed in."""
    sign_in(client, person(app, session, "office").email)
    client.post("/language", data={"locale": "en", "csrf_token": csrf_token(client)})
    return client


def signs(page: str) -> list[str]:
    """The signs of everything that may be edited on a page."""
    return re.findall(r'name="seen"[^>]*value="([0-9a-f]{32})"', page)


def actions(session: Session) -> list[str]:
    """What the audit says the office did since its own account was made."""
    mine = (AuditEntry.actor == "office@people.example") & AuditEntry.action.not_like("user.create%")
    statement = select(AuditEntry.action).where(mine).order_by(AuditEntry.id)
    return list(session.scalars(statement))


def test_a_counters_capacity_and_hours_change_and_are_audited(
    office: FlaskClient, session: Session, build: Builder
) -> None:
    counter = build.counter("WH-01")
    build.commit()
    page = office.get(f"/office/counters/{counter.id}").text
    edit_sign, hours_sign = signs(page)
    form = {"names-zh": "北湖专柜", "street-zh": "北湖路", "capacity": "80", "radius_m": "6000", "cut_off": "19:30",
            "hold_hours": "72", "email": "", "phone": "", "active": "y", "seen": edit_sign}  # fmt: skip
    assert post(office, f"/office/counters/{counter.id}", **form).status_code == 303
    hours = {f"{name}-{day}": at for day in range(6) for name, at in (("opens", "10:00"), ("closes", "18:00"))}
    assert post(office, f"/office/counters/{counter.id}/hours", **hours, seen=hours_sign).status_code == 303
    session.expire_all()
    found = session.get_one(Counter, counter.id)
    assert (found.capacity, found.cut_off, found.delivers) == (80, time(19, 30), False)
    assert [(one.weekday, one.opens) for one in found.hours] == [(day, time(10)) for day in range(6)]
    assert actions(session) == ["counter.edited", "counter.hours"]
    # The first editor's sign is old by now.
    post(office, f"/office/counters/{counter.id}/hours", **{"opens-0": "08:00", "closes-0": "12:00"}, seen=hours_sign)
    post(office, f"/office/counters/{counter.id}/hours", **{"opens-0": "18:00", "closes-0": "9 am"}, seen=hours_sign)
    session.expire_all()
    assert len(session.scalars(select(CounterHours)).all()) == 6
    assert actions(session) == ["counter.edited", "counter.hours"]


def test_the_shares_of_a_cooperative_never_pass_the_whole(
    office: FlaskClient, session: Session, build: Builder
) -> None:
    coop = build.cooperative()
    for code, share in (("H1", 6000), ("H2", 4000)):
        build.add(Household(cooperative_id=coop.id, code=code, share_bp=share))
    build.commit()
    first = session.scalars(select(Household).order_by(Household.code)).first()
    assert first is not None
    for typed, kept in (("60.01", 6000), ("12.345", 6000), ("-1", 6000), ("55.25", 5525)):
        sign = signs(office.get(f"/office/cooperatives/{coop.id}").text)[1]
        assert post(office, f"/office/households/{first.id}", share=typed, active="1", seen=sign).status_code == 303
        session.expire_all()
        assert first.share_bp == kept, typed
    assert actions(session) == ["household.edited"]


def test_keys_are_given_and_taken_but_never_the_last_one_of_the_office(
    app: Flask, office: FlaskClient, session: Session
) -> None:
    helper, boss = person(app, session), session.scalars(select(User).where(User.email.like("office@%"))).one()
    path = f"/office/users/{helper.id}/access"
    assert post(office, path, roles="counter", active="1").status_code == 303
    session.expire_all()
    assert roles_of(session.get_one(User, helper.id)) == ["counter"]
    post(office, f"/office/users/{boss.id}/access", active="1")
    session.expire_all()
    assert roles_of(session.get_one(User, boss.id)) == ["office"], "the last key of the office stays"
    post(office, path, roles="office")
    session.expire_all()
    assert not session.get_one(User, helper.id).active
    post(office, f"/office/users/{boss.id}/access", active="1")
    session.expire_all()
    assert roles_of(session.get_one(User, boss.id)) == ["office"], "one that cannot sign in does not count"
    assert actions(session) == ["user.roles", "user.roles"]


def test_an_organisation_gets_terms_and_buyers(app: Flask, office: FlaskClient, session: Session) -> None:
    buyer = person(app, session)
    there = post(office, "/office/organisations", code="mart-9", name="九号超市").location
    organisation = session.scalars(select(Organisation)).one()
    (sign,) = signs(office.get(there).text)
    form = {"name": "九号超市", "credit_limit_fen": "50000.50", "terms_days": "45", "active": "y", "seen": sign}
    assert post(office, there, **form).status_code == 303
    assert post(office, f"{there}/members", email=buyer.email, order_limit="999.99").status_code == 303
    post(office, f"{there}/members", email="nobody@people.example")
    session.expire_all()
    assert (organisation.credit_limit_fen, organisation.terms_days) == (5_000_050, 45)
    member = session.scalars(select(Membership)).one()
    assert (member.user_id, member.order_limit_fen) == (buyer.id, 99_999)
    assert roles_of(session.get_one(User, buyer.id)) == ["buyer"]
    assert buyer.email in office.get(there).text
    assert post(office, f"{there}/members/{member.id}/remove").status_code == 303
    session.expire_all()
    assert session.scalars(select(Membership)).all() == []
    expected = ["organisation.added", "organisation.edited", "membership.added", "membership.removed"]
    assert actions(session) == expected


def test_one_box_finds_everything(app: Flask, office: FlaskClient, session: Session, build: Builder) -> None:
    coop, counter = build.cooperative("YAK"), build.counter("WH-YAK")
    build.lot(build.sku("YAK-500", cooperative=coop), at=counter, quantity=5, code="YAK-LOT")
    supermarket(session, 1, "YAK-MART")
    person(app, session, email="yak@people.example")
    page = office.get("/office/search?q=yak").text
    for found in ("Cooperative YAK", "YAK-500", "yak@people.example", "YAK-MART", "Goods YAK-500"):
        assert found in page, found
    assert "Nothing fits" in office.get("/office/search?q=zzzz").text
    assert office.get("/office/search?q=%25").status_code == 200


@pytest.mark.parametrize(
    "path", ["stock", "cooperatives", "counters", "users", "organisations", "notices", "audit", "search", "jobs"]
)
def test_every_list_opens_sorts_both_ways_and_takes_any_words(
    office: FlaskClient, session: Session, build: Builder, path: str
) -> None:
    counter = build.counter("WH-01")
    sku = build.sku("EGGS")
    build.lot(sku, at=counter, quantity=5)
    order(session, {sku: 1}, at=counter)
    page = office.get(f"/office/{path}")
    assert page.status_code == 200
    for link in re.findall(r'<a href="(/office/[^"]*sort=[^"]*)"', page.text):
        assert office.get(link.replace("&amp;", "&")).status_code == 200
    for words in ("%_\\", "'", "x" * 500, "-1", "藏", "\u0f56"):
        asked = {"q": words, "sort": words, "page": words, "kind": words, "state": words}
        assert office.get(f"/office/{path}", query_string=asked).status_code == 200, words
