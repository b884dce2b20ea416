"""My data: a copy that holds everything, an erasure that leaves nothing personal, and the ledger after a restore."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from orders.check import faults
from orders.checkout import place_order
from orders.lifecycle import cancel_order
from orders.models import Cart, Order
from orders.personal import HOLDERS, command, erase_the_rest
from shop.accounts.erasure import Erasure, copy_of, erase_again, erased_ids
from shop.accounts.models import Address, User
from shop.accounts.policy import actor_of
from shop.clock import utcnow
from tests.accounts.people import PASSWORD, is_in, mentions, person, post, sign_in
from tests.builders import Builder, draft_of

EMAIL, NAME, PHONE, STREET = "drolma@mail.example", "卓玛央金", "13912345678", "前进四路 99 号"


@pytest.fixture
def customer(app: Flask, session: Session, build: Builder) -> User:
    """Somebody with an address, an order that is over and one under way."""
    user = person(app, session, email=EMAIL)
    user.name, user.phone = NAME, PHONE
    session.add(Address(user_id=user.id, name=NAME, phone=PHONE, district="江汉区", street=STREET))
    eggs, counter = build.sku("EGGS"), build.counter("WH-01")
    build.lot(eggs, at=counter, quantity=50)
    for key in ("over", "open"):
        draft = draft_of({eggs: 2}, at=counter, user_id=user.id, note=f"请打电话 {PHONE}")
        placed = place_order(session, draft, placement_key=key, actor=actor_of(user), now=utcnow())
        placed.contact.name, placed.contact.phone, placed.contact.email = NAME, PHONE, EMAIL  # type: ignore[union-attr]
    session.commit()
    cancel_order(session, order_of(session, "over").id, actor_of(user), utcnow())
    session.commit()
    return user


def order_of(session: Session, key: str) -> Order:
    """The order placed under that key."""
    return session.scalars(sa.select(Order).where(Order.placement_key == key)).one()


def test_the_copy_holds_everything_and_asks_for_the_password(
    client: FlaskClient, session: Session, customer: User
) -> None:
    sign_in(client, EMAIL)
    refused = post(client, "/account/data/copy", **{"copy-password": "wrong password here"})
    assert refused.status_code == 422
    answer = post(client, "/account/data/copy", **{"copy-password": PASSWORD})
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        told = json.loads(archive.read("data.json"))
        rows = list(csv.DictReader(io.StringIO(archive.read("orders.csv").decode("utf-8-sig"))))
        lists = {"addresses.csv", "devices.csv", "done.csv", "orders.csv", "tries_to_sign_in.csv"}
        assert set(archive.namelist()) == {"README.txt", "data.json", *lists}
    assert told["account"]["email"] == EMAIL and told["account"]["phone"] == PHONE
    assert told["addresses"][0]["street"] == STREET
    assert {(one["status"], one["contact"]["name"]) for one in told["orders"]} == {
        ("cancelled", NAME), ("confirmed", NAME)
    }  # fmt: skip
    assert told["orders"][1]["lines"][0] | {"names": None} == {
        "sku": "EGGS", "names": None, "quantity": 2, "cancelled": 0, "price_fen": 2500, "total_fen": 5000,
        "per_kg_fen": None, "weighed_g": 0,
    }  # fmt: skip
    assert [row["number"] for row in rows] == [one["number"] for one in told["orders"]]


def test_an_erased_person_is_nowhere_once_the_open_order_has_ended(
    client: FlaskClient, session: Session, customer: User
) -> None:
    sign_in(client, EMAIL)
    assert mentions(session, EMAIL, PHONE) >= {'"user"', "address", "order_contact"}
    wrong = post(client, "/account/data/erase", **{"erase-password": PASSWORD})
    assert wrong.status_code == 422, "without the tick nothing happens"
    assert post(client, "/account/data/erase", **{"erase-password": PASSWORD, "erase-sure": "y"}).status_code == 303
    assert not is_in(client)
    session.rollback()
    assert mentions(session, EMAIL, NAME, PHONE, STREET) <= {"order_contact", '"order"'}
    contact = order_of(session, "open").contact
    assert contact is not None and contact.phone == PHONE, "somebody must be able to hand it over"
    assert sign_in(client, EMAIL).status_code == 422

    cancel_order(session, order_of(session, "open").id, actor_of(customer), utcnow())
    session.commit()
    assert erase_the_rest(session) == 1
    assert erase_the_rest(session) == 0
    assert mentions(session, EMAIL, NAME, PHONE, STREET) == set()
    kept = session.scalars(sa.select(Order).order_by(Order.id).execution_options(populate_existing=True)).all()
    assert [order.user_id for order in kept] == [customer.id] * 2, "the money facts stay with their number"
    assert [line.price_fen for order in kept for line in order.lines] == [2500, 2500]
    assert session.scalars(sa.select(Erasure.done_at)).one() is not None
    assert faults(session) == []


def test_a_restored_backup_is_erased_again_by_the_ledger(
    app: Flask, client: FlaskClient, session: Session, customer: User
) -> None:
    cancel_order(session, order_of(session, "open").id, actor_of(customer), utcnow())
    session.commit()
    ledger = [customer.id, 987_654_321]  # kept outside; this database is the backup, which knows of no erasure
    assert erased_ids(session) == []
    assert erase_again(session, ledger, HOLDERS) == 1
    assert erased_ids(session) == [customer.id]
    assert mentions(session, EMAIL, NAME, PHONE, STREET) == set()


def test_the_ledger_is_printed_and_applied_by_command(
    app: Flask, session: Session, customer: User, tmp_path: Path
) -> None:
    ledger = tmp_path / "erased.txt"
    ledger.write_text(f"{customer.id}\n")
    with app.app_context():
        assert CliRunner().invoke(command, ["apply", str(ledger)]).output == "erased again: 1 of 1\n"
        assert CliRunner().invoke(command, ["show"]).output == f"{customer.id}\n"


def test_the_last_of_the_office_stays(app: Flask, client: FlaskClient, session: Session) -> None:
    boss = person(app, session, "office")
    sign_in(client, boss.email)
    form = {"erase-password": PASSWORD, "erase-sure": "y"}
    assert post(client, "/account/data/erase", **form).status_code == 409
    person(app, session, "office", email="second@people.example")
    assert post(client, "/account/data/erase", **form).status_code == 303
    assert not is_in(client)


def test_a_copy_of_somebody_elses_is_not_to_be_had(app: Flask, session: Session, customer: User) -> None:
    other = person(app, session, email="other@people.example")
    session.add(Cart(user_id=other.id))
    session.commit()
    told = copy_of(session, other.id, HOLDERS)
    assert told["orders"] == [] and told["addresses"] == []
    assert EMAIL not in json.dumps(told, default=str)


def test_a_customer_chooses_which_mails_come(app: Flask, client: FlaskClient, session: Session, customer: User) -> None:
    from workers.mails.order import compose_order_mail

    number = order_of(session, "open").id
    sign_in(client, EMAIL)
    kept = {"name": NAME, "phone": PHONE, "locale": "zh"}
    for wish, confirmed in (("all", True), ("needed", False)):
        assert post(client, "/account/settings", **kept, order_mails=wish).status_code == 303
        session.expire_all()
        with app.test_request_context():
            mails = {kind: compose_order_mail(session, number, kind)[0] for kind in ("confirmed", "ready")}
        assert (mails["confirmed"] is not None, mails["ready"] is not None) == (confirmed, True)
    assert post(client, "/account/settings", **kept, order_mails="never").status_code == 422
