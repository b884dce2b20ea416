"""The office and money: what needs a person, packs and sums that go back, the ledger in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from orders.models import OrderLine
from shop.app import create_app
from shop.db import db
from tests.accounts.people import csrf_token, person, sign_in
from tests.figures import Figures
from tests.payments.conftest import Till

Clerk = Callable[[str], tuple[FlaskClient, str]]


@pytest.fixture
def clerk(till: Till) -> Iterator[Clerk]:
    """Makes people of the office, signed in: their browser and its form token. The shop they use is one of its own
    on the same database, because the till stands inside the other's context."""
    shop = create_app(till.app.extensions["settings"])

    def enter(name: str) -> tuple[FlaskClient, str]:
        client = shop.test_client()
        sign_in(client, person(shop, till.session, "office", email=f"{name}@people.example").email)
        return client, csrf_token(client)

    yield enter
    with shop.app_context():
        db.session.remove()
        db.engine.dispose()


def test_packs_go_back_at_what_was_paid_for_them_and_no_more_than_were_charged(till: Till, clerk: Clerk) -> None:
    order_id, _intent = till.paid(4)
    client, token = clerk("office")
    number = till.order(order_id).number
    line = till.session.scalars(sa.select(OrderLine.id).where(OrderLine.order_id == order_id)).one()
    address = f"/office/money/orders/{number}/refund"
    assert client.get(f"/office/orders/{number}").status_code == 200
    for packs, refunds in (("3", 1), ("2", 1), ("1", 2)):
        client.post(address, data={"csrf_token": token, f"packs-{line}": packs})
        assert len(till.refunds(order_id)) == refunds
    till.work()
    given = [(one.amount_fen, one.state, [part.packs for part in one.lines]) for one in till.refunds(order_id)]
    assert given == [(13_500, "succeeded", [3]), (4_500, "succeeded", [1])]


def test_s9_a_refund_that_is_pressed_often_is_given_once(
    till: Till, clerk: Clerk, figures: Callable[[str], Figures]
) -> None:
    order_id, intent = till.paid(4)
    pressing = [clerk(name) for name in ("first", "second", "third")]
    number, (client, _token) = till.order(order_id).number, pressing[0]
    line = till.session.scalars(sa.select(OrderLine.id).where(OrderLine.order_id == order_id)).one()

    def press_often(wish: dict[str, str]) -> None:
        """One page, opened once, whose button is pressed three times in three places at once."""
        found = re.search(r'name="form" value="([^"]+)"', client.get(f"/office/orders/{number}").text)
        assert found is not None
        form = {"form": found.group(1), **wish}

        def press(who: tuple[FlaskClient, str]) -> None:
            for _ in range(3):
                who[0].post(f"/office/money/orders/{number}/refund", data={"csrf_token": who[1], **form})

        with ThreadPoolExecutor(3) as hands:
            list(hands.map(press, pressing))

    press_often({"amount": "10", "why": "goodwill"})
    press_often({f"packs-{line}": "1"})
    press_often({"amount": "10", "why": "goodwill"})
    till.work()
    given = till.call(f"/v1/refunds?limit=100&payment_intent={intent}")["data"]
    s9 = figures("S9")
    s9.exactly("refunds of three forms, each pressed nine times", len(till.refunds(order_id)), 3)
    s9.exactly("fen given back for them", sum(one["amount"] for one in given), 1_000 + 4_500 + 1_000)


def test_a_sum_is_typed_in_yuan_and_nonsense_gives_nothing_back(till: Till, clerk: Clerk) -> None:
    order_id, _intent = till.paid(4)
    client, token = clerk("office")
    address = f"/office/money/orders/{till.order(order_id).number}/refund"
    for text in ("", "abc", "-1", "1.234", "NaN", "1e9", "180.01"):
        client.post(address, data={"csrf_token": token, "amount": text, "why": "goodwill"})
    assert till.refunds(order_id) == []
    client.post(address, data={"csrf_token": token, "amount": "12.34", "why": "goodwill"})
    assert [one.amount_fen for one in till.refunds(order_id)] == [1_234]


def test_a_large_refund_is_proposed_by_one_and_agreed_to_by_another(till: Till, clerk: Clerk) -> None:
    order_id, _intent = till.paid(20)
    (first, first_token), (second, second_token) = clerk("first"), clerk("second")
    data = {"csrf_token": first_token, "amount": "600", "why": "goodwill"}
    first.post(f"/office/money/orders/{till.order(order_id).number}/refund", data=data)
    refund_id = till.refunds(order_id)[0].id
    first.post(f"/office/money/refunds/{refund_id}/agree", data={"csrf_token": first_token})
    assert till.refunds(order_id)[0].state == "proposed"
    second.post(f"/office/money/refunds/{refund_id}/agree", data={"csrf_token": second_token})
    till.work()
    assert till.refunds(order_id)[0].state == "succeeded"


def test_a_finding_is_settled_with_a_word_and_the_ledger_is_a_table(till: Till, clerk: Clerk) -> None:
    order_id, intent = till.paid()
    made = till.call("/v1/refunds", payment_intent=intent, amount="500")
    till.hear_all(made["id"])
    client, token = clerk("office")
    assert made["id"] in client.get("/office/money").text
    finding = till.findings("external_refund")[0]
    client.post(f"/office/money/findings/{finding.id}", data={"csrf_token": token, "note": " "})
    assert till.findings("external_refund")[0].resolved_at is None
    client.post(f"/office/money/findings/{finding.id}", data={"csrf_token": token, "note": "agreed by phone"})
    till.session.refresh(finding)
    assert (finding.note, finding.resolved_at is not None) == ("agreed by phone", True)
    rows = list(csv.DictReader(io.StringIO(client.get("/office/money/ledger.csv").text.lstrip("\ufeff"))))
    assert [(row["kind"], row["amount_fen"]) for row in rows] == [("charge", "9000"), ("refund", "-500")]
    assert rows[0]["order"] == till.order(order_id).number
