"""The cart as a guest and signed in: what it holds, what it refuses, what becomes of it at sign-in."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.cart import CartFull, Limit, NotSold, Owner, add_packs, cart_count, cut, fill, merge, remove, set_packs
from orders.cart_contents import order_cart, read_cart
from orders.models import Cart, Order
from shop.accounts.models import User
from shop.clock import utcnow
from tests.builders import GUEST, Builder, draft_of

VISITOR = Owner(guest_key="a-secret-of-a-visitor")


def a_person(session: Session, email: str = "person@mail.example") -> Owner:
    """Somebody with an account."""
    user = User(email=email, fs_uniquifier=email)
    session.add(user)
    session.flush()
    return Owner(user_id=user.id)


def held(session: Session, owner: Owner) -> dict[str, int]:
    """What the cart's page shows, by SKU code."""
    return {line.code: line.quantity for line in read_cart(session, owner).lines}


@pytest.mark.parametrize(
    ("wanted", "left", "most", "kept"),
    [
        (2, 5, 9, (2, None)),
        (5, 5, 5, (5, None)),
        (6, 5, 9, (5, Limit.STOCK)),
        (6, 9, 5, (5, Limit.PER_ORDER)),
        (6, 5, 5, (5, Limit.PER_ORDER)),
        (1, 0, 5, (0, Limit.SOLD_OUT)),
        (1, 5, 0, (0, Limit.SOLD_OUT)),
    ],
)
def test_a_wish_is_cut_to_what_an_order_may_have(wanted: int, left: int, most: int, kept: tuple[int, Limit | None]):
    assert cut(wanted, left, most) == kept


def test_two_taps_on_add_count_twice(session: Session, build: Builder):
    eggs = build.sku("EGGS")
    build.lot(eggs, at=build.counter(), quantity=10)
    add_packs(session, VISITOR, "EGGS", 2)
    change = add_packs(session, VISITOR, "EGGS", 3)
    assert (change.kept, change.limit) == (5, None)
    assert held(session, VISITOR) == {"EGGS": 5}
    assert cart_count(session, VISITOR) == 5


def test_a_cart_never_holds_more_than_is_left(session: Session, build: Builder):
    build.lot(build.sku("EGGS"), at=build.counter(), quantity=3)
    change = add_packs(session, VISITOR, "EGGS", 8)
    assert (change.wanted, change.kept, change.limit) == (8, 3, Limit.STOCK)
    assert read_cart(session, VISITOR).fits


def test_a_cart_keeps_to_the_most_of_one_order(session: Session, build: Builder):
    build.lot(build.sku("EGGS", max_per_order=4), at=build.counter(), quantity=30)
    assert add_packs(session, VISITOR, "EGGS", 5).limit == Limit.PER_ORDER
    assert set_packs(session, VISITOR, "EGGS", 9).kept == 4
    assert held(session, VISITOR) == {"EGGS": 4}


def test_what_stands_only_at_the_cooperative_is_not_for_consumers(session: Session, build: Builder):
    cooperative = build.cooperative()
    build.lot(build.sku("EGGS", cooperative=cooperative), at=cooperative, quantity=30)
    assert add_packs(session, VISITOR, "EGGS", 1).limit == Limit.SOLD_OUT
    assert held(session, VISITOR) == {}


def test_a_line_that_sold_out_meanwhile_stays_and_says_so(session: Session, build: Builder):
    counter, eggs = build.counter(), build.sku("EGGS")
    build.lot(eggs, at=counter, quantity=3)
    add_packs(session, VISITOR, "EGGS", 2)
    rival = Owner(guest_key="another-visitor")
    add_packs(session, rival, "EGGS", 3)
    order_cart(session, rival, draft_of({}, at=counter), placement_key="form:rival", actor=GUEST, now=utcnow())
    contents = read_cart(session, VISITOR)
    assert [(line.quantity, line.most, line.limit) for line in contents.lines] == [(2, 0, Limit.SOLD_OUT)]
    assert not contents.fits
    assert contents.lines_fen == 0
    assert set_packs(session, VISITOR, "EGGS", 1).limit == Limit.SOLD_OUT
    assert held(session, VISITOR) == {"EGGS": 2}


def test_goods_no_longer_sold_are_told_and_can_be_taken_out(session: Session, build: Builder):
    eggs = build.sku("EGGS")
    build.lot(eggs, at=build.counter(), quantity=3)
    add_packs(session, VISITOR, "EGGS", 2)
    eggs.active = False
    session.flush()
    assert read_cart(session, VISITOR).lines[0].limit == Limit.SOLD_OUT
    with pytest.raises(NotSold):
        add_packs(session, VISITOR, "EGGS", 1)
    remove(session, VISITOR, "EGGS")
    assert held(session, VISITOR) == {}


def test_a_cart_has_at_most_a_hundred_goods(session: Session, build: Builder):
    counter, cooperative = build.counter(), build.cooperative()
    skus = [build.sku(f"S{n}", cooperative=cooperative) for n in range(101)]
    for sku in skus:
        build.lot(sku, at=counter, quantity=1)
    fill(session, VISITOR, {sku.id: 1 for sku in skus[:100]})
    with pytest.raises(CartFull):
        add_packs(session, VISITOR, "S100", 1)
    assert len(held(session, VISITOR)) == 100


def test_the_database_never_learns_a_visitors_secret(session: Session, build: Builder):
    build.lot(build.sku("EGGS"), at=build.counter(), quantity=3)
    add_packs(session, VISITOR, "EGGS", 1)
    key_hash = session.scalars(select(Cart.key_hash)).one()
    assert key_hash is not None
    assert len(key_hash) == 32
    assert VISITOR.guest_key is not None
    assert VISITOR.guest_key.encode() not in key_hash
    assert held(session, Owner(guest_key="a-guess")) == {}


def test_at_sign_in_both_carts_become_one_within_what_is_left(session: Session, build: Builder):
    counter = build.counter()
    for code, left in (("EGGS", 5), ("OIL", 9), ("POTATOES", 9)):
        build.lot(build.sku(code), at=counter, quantity=left)
    person = a_person(session)
    assert person.user_id is not None
    assert VISITOR.guest_key is not None
    add_packs(session, person, "EGGS", 3)
    add_packs(session, person, "OIL", 1)
    add_packs(session, VISITOR, "EGGS", 3)
    add_packs(session, VISITOR, "POTATOES", 2)
    changes = merge(session, VISITOR.guest_key, person.user_id)
    assert held(session, person) == {"EGGS": 5, "OIL": 1, "POTATOES": 2}
    assert [change.limit for change in changes if change.limit] == [Limit.STOCK]
    assert held(session, VISITOR) == {}
    assert merge(session, VISITOR.guest_key, person.user_id) == []
    assert held(session, person) == {"EGGS": 5, "OIL": 1, "POTATOES": 2}


def test_ordering_the_cart_empties_it_once(session: Session, build: Builder):
    counter = build.counter()
    build.lot(build.sku("EGGS", price_fen=1980), at=counter, quantity=9)
    add_packs(session, VISITOR, "EGGS", 2)
    draft = draft_of({}, at=counter)
    first = order_cart(session, VISITOR, draft, placement_key="form:once", actor=GUEST, now=utcnow())
    assert (first.total_fen, held(session, VISITOR)) == (3960, {})
    add_packs(session, VISITOR, "EGGS", 1)
    again = order_cart(session, VISITOR, draft, placement_key="form:once", actor=GUEST, now=utcnow())
    assert again.id == first.id
    assert held(session, VISITOR) == {"EGGS": 1}, "a repeated request must not swallow what was added since"
    assert len(session.scalars(select(Order)).all()) == 1
