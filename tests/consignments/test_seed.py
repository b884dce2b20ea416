"""The green channel of the demonstration: alive in every room, true to the ledger, the same when sown twice."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter
from catalogue.seed.demo import seed_shop
from catalogue.stock.models import StockMovement
from orders.check import faults
from orders.consignments.models import Consignment, ReorderPoint
from orders.consignments.proposals import propose_all
from orders.consignments.reading import standing, under_way
from orders.seed.channel import JOURNEYS, seed_channel
from shop.clock import utcnow
from shop.outbox import Job
from tests.builders import today


def rows(session: Session) -> list[int]:
    """How much there is of everything that the channel moves."""
    tables = (ReorderPoint, Consignment, StockMovement, Job)
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


@pytest.fixture
def sown(app: Flask, session: Session) -> Session:
    """The demonstration, sown once."""
    with app.app_context():
        seed_shop(session, with_accounts=False)
        seed_channel(session, utcnow(), with_consignments=True)
    return session


def test_the_channel_is_alive_and_the_books_are_true_however_often_it_is_sown(app: Flask, sown: Session) -> None:
    once = rows(sown)
    with app.app_context():
        seed_channel(sown, utcnow(), with_consignments=True)
    assert rows(sown) == once
    assert faults(sown) == []
    states = Tally(sown.execute(select(Consignment.status)).scalars())
    assert states == Tally(journey.status.value for journey in JOURNEYS)
    assert standing(sown, today())["late"] == 1
    for made, arrives in sown.execute(select(Consignment.created_at, Consignment.arrives_on)):
        assert isinstance(arrives, date) and made.date() < arrives


def test_the_counter_that_a_newcomer_signs_in_to_sees_goods_at_every_step(sown: Session) -> None:
    counter = sown.execute(select(Counter.id).where(Counter.code == "WH-JH-01")).scalar_one()
    found = under_way(sown, today(), utcnow(), counters=[counter])
    assert {status for status, some in found.items() if some} == {"confirmed", "dispatched", "received"}


def test_the_first_night_asks_for_what_the_shelves_lack_and_the_second_for_nothing_new(
    app: Flask, sown: Session
) -> None:
    with app.app_context():
        asked = propose_all(sown, utcnow())
        assert 5 <= asked <= 60
        proposed = sown.scalar(select(func.count()).where(Consignment.status == "proposed"))
        propose_all(sown, utcnow())
    assert sown.scalar(select(func.count()).where(Consignment.status == "proposed")) == proposed
    assert faults(sown) == []
