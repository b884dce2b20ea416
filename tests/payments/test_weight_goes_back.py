"""What a customer paid too much for goods sold by weight goes back when they are weighed, once and to the fen."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from catalogue.by_weight import ByWeight
from orders.access import access_key
from orders.check import faults
from orders.fulfilment import steps
from orders.fulfilment.assign import route_order
from orders.fulfilment.models import Allocation, Fulfilment
from orders.fulfilment.weighing import Scale
from orders.models import OrderLine
from orders.office.giving_back import give_back_goods
from orders.receipts.contents import receipt_of
from shop.accounts.models import User
from shop.audit import Actor
from shop.clock import utcnow
from shop.errors import Invalid
from tests.payments.conftest import Till
from workers.mails.order import compose_order_mail

STAFF = Actor("counter staff")
CLERK = Actor("Demo office")


@pytest.fixture
def birds(till: Till) -> Till:
    """Birds at ¥108.00 a kilogram, 1,000 to 1,400 g each: at most ¥151.20."""
    till.sku = till.build.sku(code="BIRD", by_weight=ByWeight(10_800, 1_000, 1_400))
    till.build.lot(till.sku, at=till.counter, quantity=10)
    till.build.commit()
    return till


def weigh(till: Till, order_id: int, *grams: int) -> int:
    """The counter weighs the packs of the order's part and makes it ready, or corrects; what went back in excess."""
    part = till.session.scalars(select(Fulfilment).where(Fulfilment.order_id == order_id)).one()
    pack = till.session.scalars(select(Allocation).where(Allocation.fulfilment_id == part.id)).one()
    weighed = steps.make_ready(
        till.session, part.id, STAFF, utcnow(), scale=Scale({pack.id: grams}, light_is_meant=True)
    )
    till.session.commit()
    till.work()
    return weighed.overpaid_fen


def bought(till: Till, packs: int) -> int:
    """An order of birds, paid and at its counter; its id."""
    order_id, _intent = till.paid(packs)
    route_order(till.session, order_id, utcnow())
    till.session.commit()
    return order_id


def test_the_difference_goes_back_once_and_the_customer_reads_both_weights(birds: Till, client: FlaskClient) -> None:
    order_id = bought(birds, 2)
    assert birds.ledger(order_id) == [("charge", 30_240)]
    weigh(birds, order_id, 1_055, 1_390)
    weigh(birds, order_id, 1_055, 1_390)
    less = (15_120 - 11_394) + (15_120 - 15_012)
    assert [(one.amount_fen, one.why) for one in birds.refunds(order_id)] == [(less, "weight")]
    assert birds.order(order_id).total_fen == 30_240 - less
    order = birds.order(order_id)
    client.get(f"/orders/{order.number}", query_string={"key": access_key(order.number)})
    page = client.get(f"/orders/{order.number}").text
    assert "2–2.8 kg" in page and "2.445 kg" in page and "¥38.34" in page
    mail, _pictures = compose_order_mail(birds.session, order_id, "ready")
    assert mail is not None and "2–2.8 kg" in mail.text and "2.445 kg" in mail.text and "¥38.34" in mail.text
    assert birds.findings("overpaid_for_weight") == [] and faults(birds.session) == []


def test_a_receipt_counts_no_gram_that_was_not_charged(birds: Till) -> None:
    order_id = bought(birds, 3)
    weigh(birds, order_id, 990, 1_055, 1_900)
    found = receipt_of(birds.session, birds.order(order_id))
    assert found is not None
    (line,) = found.lines
    # The third bird is heavier than it is sold as: what it weighs above 1,400 g is a present.
    assert (line.net_g, line.total_fen) == (990 + 1_055 + 1_400, 10_692 + 11_394 + 15_120)
    assert "3.945 kg" in line.weighing
    unweighed = receipt_of(birds.session, birds.order(bought(birds, 2)))
    assert unweighed is not None and [one.net_g for one in unweighed.lines] == [2 * 1_400]


def test_a_corrected_weight_ends_at_exactly_the_right_sum(birds: Till) -> None:
    order_id = bought(birds, 1)
    weigh(birds, order_id, 1_300)
    weigh(birds, order_id, 1_200)
    assert [one.amount_fen for one in birds.refunds(order_id)] == [1_080, 1_080]
    # Heavier after all: what went back in excess stays, and a person hears of it.
    assert weigh(birds, order_id, 1_250) == 540
    assert sum(one.amount_fen for one in birds.refunds(order_id)) == 2_160
    assert [one.ours for one in birds.findings("overpaid_for_weight")] == [{"fen": 540}]
    weigh(birds, order_id, 1_000)
    assert sum(one.amount_fen for one in birds.refunds(order_id)) == 15_120 - 10_800
    assert faults(birds.session) == []


def test_the_office_gives_back_packs_and_grams_but_never_more_than_the_line_cost(birds: Till) -> None:
    order_id = bought(birds, 3)
    weigh(birds, order_id, 1_000, 1_100, 1_200)
    line = birds.session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)).one().id
    now = utcnow()
    short = give_back_goods(birds.session, order_id, {}, {line: 55}, "weighed at home", CLERK, now)
    assert (short.amount_fen, short.why, short.lines[0].grams) == (594, "weight", 55)
    dearest = give_back_goods(birds.session, order_id, {line: 1}, {}, "thawed", CLERK, now)
    assert (dearest.amount_fen, dearest.why) == (12_960, "short")
    birds.session.commit()
    for packs, grams in (({line: 3}, {}), ({}, {line: 3_000}), ({line: 1}, {line: 10})):
        with pytest.raises(Invalid):
            give_back_goods(birds.session, order_id, packs, grams, "", CLERK, now)
        birds.session.rollback()
    rest = give_back_goods(birds.session, order_id, {line: 2}, {}, "thawed as well", CLERK, now)
    assert rest.amount_fen == 11_880 + 10_800 - 594
    birds.session.commit()
    birds.work()
    assert sum(one.amount_fen for one in birds.refunds(order_id)) == 3 * 15_120
    assert faults(birds.session) == []


def test_much_money_for_weight_still_needs_a_second_person_in_the_office_but_not_at_the_scale(birds: Till) -> None:
    order_id = bought(birds, 10)
    weigh(birds, order_id, *[1_000 + 10 * number for number in range(10)])
    assert [one.state for one in birds.refunds(order_id)] == ["succeeded"]
    line = birds.session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)).one().id
    person = User(email="office@test.example", name="Demo office", password="x", fs_uniquifier="office")
    birds.build.add(person)
    clerk = Actor("Demo office", person.id)
    proposed = give_back_goods(birds.session, order_id, {line: 5}, {}, "", clerk, utcnow())
    assert proposed.amount_fen > 50_000 and proposed.state == "proposed"
    birds.session.commit()
    assert faults(birds.session) == []
