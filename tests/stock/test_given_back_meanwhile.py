"""Packs that come back while somebody waits for the row are theirs; no stale sight of it breaks the order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from catalogue.stock.availability import available, give_back, promise
from catalogue.stock.models import Channel
from tests.builders import Builder, order

SECONDS_TO_WAIT = 20
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_an_order_that_waited_for_a_row_gets_the_packs_given_back_meanwhile(session: Session, build: Builder) -> None:
    eggs, oil, counter = build.sku(), build.sku(), build.counter()
    for sku in (eggs, oil):
        build.lot(sku, at=counter, quantity=5)
    order(session, {eggs: 4, oil: 1}, at=counter)
    wanted = {eggs.id: 3, oil.id: 2}
    engine = create_engine(session.get_bind().url)  # type: ignore[union-attr]

    def buys() -> None:
        with Session(engine) as rival:
            promise(rival, wanted, Channel.COUNTERS)
            rival.commit()

    with ThreadPoolExecutor(1) as people, engine.connect() as looker:
        give_back(session, {eggs.id: 4}, Channel.COUNTERS)
        rival = people.submit(buys)
        until = time.monotonic() + SECONDS_TO_WAIT
        while not looker.execute(text(WAITING)).scalar() and time.monotonic() < until:
            looker.rollback()
        session.commit()
        rival.result(SECONDS_TO_WAIT)
    engine.dispose()
    assert available(session, wanted) == {eggs.id: 2, oil.id: 2}
