"""S11: the provider's message comes while the database is down: it is not taken, comes again, and counts once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.app import create_app
from shop.db import db
from shop.sandbox.postgres import Postgres
from shop.sandbox.stripe.part import StripeStandIn
from tests.builders import Builder
from tests.conftest import settings_for
from tests.figures import Figures
from tests.payments.conftest import Till


@pytest.fixture
def frail_till(own_postgres: Postgres, redis_url: str, provider: StripeStandIn) -> Iterator[Till]:
    """A till whose database may be stopped."""
    update = {name.lower(): value for name, value in provider.environment.items()}
    app = create_app(settings_for(own_postgres.url, redis_url).model_copy(update=update))
    engine = sa.create_engine(app.config["SQLALCHEMY_DATABASE_URI"], pool_pre_ping=True)
    with app.app_context(), Session(engine, expire_on_commit=False) as session:
        build = Builder(session)
        sku, counter = build.sku(code="EGG-30", price_fen=4_500), build.counter(code="WH-1")
        build.lot(sku, at=counter, quantity=10)
        build.commit()
        yield Till(app, session, build, sku, counter, provider)
        db.session.remove()
        db.engine.dispose()
    engine.dispose()


def test_s11_a_message_while_the_database_is_down_is_taken_when_it_comes_again(
    frail_till: Till, own_postgres: Postgres, figures: Callable[[str], Figures]
) -> None:
    till = frail_till
    order_id = till.place()
    intent = till.begin(order_id)
    till.pay(intent)
    event = next(one for one in till.events(intent) if one["type"] == "payment_intent.succeeded")
    own_postgres.stop()
    away = [till.hear(event) for _ in range(3)]
    own_postgres.start()
    db.session.remove()
    back = [till.hear(event) for _ in range(2)]
    till.work()
    s11 = figures("S11")
    s11.exactly("of 3 answers while the database is down, those that say 503", away.count(503), 3)
    s11.exactly("of 2 answers when it is back, those that say 200", back.count(200), 2)
    s11.exactly("times the event was worked on", till.jobs("payment.event", event["id"]), 1)
    s11.exactly("times its order was confirmed and routed", till.jobs("order.route", f"{order_id}:"), 1)
    assert till.order(order_id).status == "confirmed"
    assert till.ledger(order_id) == [("charge", 9_000)]
