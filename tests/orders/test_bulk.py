"""Orders on account: by the case, from the cooperatives' lots, never beyond the limit."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from catalogue.stock.availability import InsufficientStock, available
from catalogue.stock.models import Channel, StockLevel
from orders.bulk.allocate import allocate_at_origin
from orders.bulk.credit import CreditExceeded, used_fen
from orders.bulk.place import OverOwnLimit
from orders.bulk.quick_order import WantedRow, merged, read_pasted
from orders.check import faults
from orders.checkout import place_order
from orders.fulfilment import steps
from orders.fulfilment.models import Allocation, Fulfilment
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.notifications.compose import notify_suppliers
from orders.payments.models import MoneyEntry
from orders.shortage import withdraw_lot
from shop.accounts.models import Organisation, User
from shop.clock import utcnow
from shop.db import in_transaction
from shop.errors import Forbidden, Invalid
from tests.builders import GUEST, Builder, draft_of
from tests.orders.supermarkets import bulk_order, buyer_of, supermarket

CASE = 12


def test_a_limit_is_filled_to_the_fen_and_not_one_further(session: Session, build: Builder) -> None:
    coop, counter = build.cooperative(), build.counter()
    eggs = build.sku(price_fen=1000, cooperative=coop)
    build.lot(eggs, at=coop, quantity=1000)
    exact, short = supermarket(session, 144_000, "EXACT"), supermarket(session, 143_999, "SHORT")
    placed = bulk_order(session, buyer_of(session, exact), exact, {eggs: 12}, at=counter)
    assert (placed.kind, placed.total_fen, used_fen(session, exact.id)) == ("bulk", 144_000, 144_000)
    buyer = buyer_of(session, short)
    session.commit()
    with pytest.raises(CreditExceeded) as refusal:
        bulk_order(session, buyer, short, {eggs: 12}, at=counter)
    session.rollback()
    assert refusal.value.errors == [
        {"limit_fen": 143_999, "used_fen": 0, "wanted_fen": 144_000, "over_fen": 1}
    ]  # fmt: skip
    assert available(session, [eggs.id], Channel.ORIGIN) == {eggs.id: 1000 - 12 * CASE}
    assert faults(session) == []


def test_what_is_cancelled_or_paid_is_free_again(session: Session, build: Builder) -> None:
    coop, counter = build.cooperative(), build.counter()
    eggs = build.sku(price_fen=1000, cooperative=coop)
    build.lot(eggs, at=coop, quantity=1000)
    mart = supermarket(session, 24_000)
    buyer = buyer_of(session, mart)
    first, second = (bulk_order(session, buyer, mart, {eggs: 1}, at=counter) for _ in range(2))
    cancel_order(session, first.id, GUEST, utcnow())
    session.add(MoneyEntry(kind="counter_payment", ref="bank-1", order_id=second.id, amount_fen=5_000, actor="office"))
    session.commit()
    assert used_fen(session, mart.id) == 7_000
    assert available(session, [eggs.id], Channel.ORIGIN) == {eggs.id: 1000 - CASE}


def test_the_same_order_sent_twice_is_placed_once_even_when_it_used_the_whole_limit(
    session: Session, build: Builder
) -> None:
    coop, counter = build.cooperative(), build.counter()
    eggs = build.sku(price_fen=1000, cooperative=coop)
    build.lot(eggs, at=coop, quantity=100)
    mart = supermarket(session, 12_000)
    buyer = buyer_of(session, mart)
    first = bulk_order(session, buyer, mart, {eggs: 1}, at=counter, key="buyer:once")
    assert bulk_order(session, buyer, mart, {eggs: 1}, at=counter, key="buyer:once").id == first.id
    assert used_fen(session, mart.id) == 12_000


def test_strangers_small_buyers_and_part_cases_are_refused(session: Session, build: Builder) -> None:
    coop, counter = build.cooperative(), build.counter()
    eggs = build.sku(price_fen=1000, cooperative=coop)
    build.lot(eggs, at=coop, quantity=100)
    mart, other = supermarket(session, 999_999, "MART"), supermarket(session, 999_999, "OTHER")
    small, stranger = buyer_of(session, mart, order_limit_fen=12_000), buyer_of(session, other)
    session.commit()
    with pytest.raises(OverOwnLimit):
        bulk_order(session, small, mart, {eggs: 2}, at=counter)
    with pytest.raises(Forbidden):
        bulk_order(session, stranger, mart, {eggs: 1}, at=counter)
    with pytest.raises(InsufficientStock):
        bulk_order(session, buyer_of(session, mart), mart, {eggs: 9}, at=counter)
    session.rollback()
    half = draft_of({eggs: 6}, at=counter, kind="bulk", organisation_id=mart.id, payment_method="on_account")
    with pytest.raises(Invalid) as part:
        place_order(session, half, placement_key="half", actor=GUEST, now=utcnow())
    assert part.value.errors == [{"field": "lines", "sku": eggs.code, "reason": "cases", "case_pack": CASE}]
    nobody = draft_of({eggs: 12}, at=counter, kind="bulk", payment_method="on_account")
    with pytest.raises(Invalid):
        place_order(session, nobody, placement_key="nobody", actor=GUEST, now=utcnow())


def test_the_oldest_lots_at_the_cooperative_are_set_aside_and_it_hears_which(session: Session, build: Builder) -> None:
    coop, counter = build.cooperative(), build.counter()
    eggs = build.sku(price_fen=1000, cooperative=coop)
    fresh = build.lot(eggs, at=coop, quantity=100, best_before_in=25)
    old = build.lot(eggs, at=coop, quantity=8, best_before_in=15)
    build.lot(eggs, at=counter, quantity=100, best_before_in=9)
    mart = supermarket(session, 100_000)
    placed = bulk_order(session, buyer_of(session, mart), mart, {eggs: 1}, at=counter)
    assert allocate_at_origin(session, placed.id, utcnow()) == CASE
    session.commit()
    assert allocate_at_origin(session, placed.id, utcnow()) == 0
    taken = {one.level.lot_id: one.quantity for one in session.scalars(select(Allocation))}
    assert taken == {old.id: 8, fresh.id: 4}
    assert session.scalars(select(Fulfilment.counter_id)).all() == [counter.id]
    (notice,) = notify_suppliers(session, placed.id)
    assert notice.cooperative_id == coop.id
    assert {line["lot"]: line["now"] for line in notice.data["lines"]} == {old.code: 8, fresh.code: 4}
    session.commit()
    assert session.get_one(Order, placed.id, populate_existing=True).status == "routed"
    cancel_order(session, placed.id, GUEST, utcnow())
    session.commit()
    assert set(session.scalars(select(StockLevel.reserved))) == {0}
    assert faults(session) == []


def test_the_counter_hands_a_bulk_order_over_without_taking_money(session: Session, build: Builder) -> None:
    coop, counter = build.cooperative(), build.counter()
    eggs = build.sku(price_fen=1000, cooperative=coop)
    lot = build.lot(eggs, at=coop, quantity=100)
    mart = supermarket(session, 12_000)
    placed = bulk_order(session, buyer_of(session, mart), mart, {eggs: 1}, at=counter)
    allocate_at_origin(session, placed.id, utcnow())
    part = session.scalars(select(Fulfilment)).one()
    steps.make_ready(session, part.id, GUEST, utcnow())
    session.commit()
    # A lot recalled after the part was ready sends the part back to work, with other packs.
    build.lot(eggs, at=coop, quantity=50)
    assert withdraw_lot(session, lot.id, "recalled", GUEST, utcnow())
    assert allocate_at_origin(session, placed.id, utcnow()) == CASE
    session.commit()
    session.refresh(part)
    assert part.status == "accepted"
    assert session.get_one(Order, placed.id, populate_existing=True).collect_by is None
    steps.make_ready(session, part.id, GUEST, utcnow())
    done = steps.hand_over(session, part.id, placed.pickup_code or "", GUEST, utcnow())
    session.commit()
    assert done.status == "completed"
    assert session.scalars(select(MoneyEntry)).all() == []
    assert used_fen(session, mart.id) == 12_000, "delivered, and still owed"
    assert faults(session) == []


def at_once(work: Callable[[int], bool], times: int) -> list[bool]:
    """Run the same work so many times, all starting together."""
    gate = threading.Barrier(times)

    def one(number: int) -> bool:
        gate.wait(timeout=20)
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rivals_of_one_organisation_never_pass_its_limit(
    database_url: str, session: Session, build: Builder, seed: int
) -> None:
    coop, counter = build.cooperative(), build.counter()
    eggs, oil = (build.sku(price_fen=price, cooperative=coop) for price in (1000, 730))
    for sku in (eggs, oil):
        build.lot(sku, at=coop, quantity=10_000)
    chance = random.Random(seed)
    wanted = [{eggs: chance.randint(1, 9), oil: chance.randint(1, 9)} for _ in range(8)]
    costs = [sum(sku.price_fen * CASE * cases for sku, cases in one.items()) for one in wanted]
    mart = supermarket(session, sum(costs) // 2)
    buyer = buyer_of(session, mart)
    session.commit()
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), pool_size=8)

    def order_one(number: int) -> bool:
        with Session(engine) as rival:
            person, market = rival.get_one(User, buyer.id), rival.get_one(Organisation, mart.id)
            try:
                in_transaction(rival, lambda: bulk_order(rival, person, market, wanted[number], at=counter))
            except CreditExceeded:
                return False
            return True

    accepted = at_once(order_one, len(wanted))
    engine.dispose()
    session.expire_all()
    used = used_fen(session, mart.id)
    assert used == sum(cost for cost, was in zip(costs, accepted, strict=True) if was) <= mart.credit_limit_fen
    refused = [cost for cost, was in zip(costs, accepted, strict=True) if not was]
    assert refused and all(used + cost > mart.credit_limit_fen for cost in refused), "refused although it would fit"
    assert faults(session) == []


@given(st.lists(st.tuples(st.from_regex(r"[A-Z][A-Z0-9-]{1,8}", fullmatch=True), st.integers(1, 9999)), max_size=8))
def test_rows_pasted_from_anywhere_are_read(rows: list[tuple[str, int]]) -> None:
    for between in (" ", "\t", ", ", " × ", " x ", ";", "，"):
        text = "\n".join(f"{code}{between}{cases}" for code, cases in rows)
        assert read_pasted(text).rows == tuple(WantedRow(code, cases) for code, cases in rows)
    total = sum(row.cases for row in merged([WantedRow(*row) for row in rows]))
    assert total == sum(cases for _code, cases in rows)


def test_rows_nobody_can_read_are_named() -> None:
    pasted = read_pasted("ze-30 12\nthirty eggs\n\nZE-10\t-3\nRP-1000,4")
    assert pasted.rows == (WantedRow("ZE-30", 12), WantedRow("RP-1000", 4))
    assert [(row.number, row.text) for row in pasted.unread] == [(2, "thirty eggs"), (4, "ZE-10\t-3")]
