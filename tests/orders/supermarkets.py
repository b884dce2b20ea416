"""Supermarkets for tests: an organisation with a limit, its buyer, and orders by the case."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from orders.bulk.place import BulkWish, earliest_day, place_bulk_order
from orders.bulk.quick_order import WantedRow, quick_lines
from orders.models import Order
from shop.accounts.models import Membership, Organisation, User
from shop.audit import Actor
from shop.clock import utcnow

CLERK = Actor("buyer")


def supermarket(session: Session, limit_fen: int, code: str = "MART") -> Organisation:
    """An organisation that may owe so much."""
    organisation = Organisation(code=code, name=f"超市{code}", credit_limit_fen=limit_fen)
    session.add(organisation)
    session.flush()
    return organisation


def buyer_of(session: Session, organisation: Organisation, order_limit_fen: int | None = None) -> User:
    """Somebody who orders for it."""
    user = User(email=f"{uuid.uuid4().hex}@mart.example", fs_uniquifier=uuid.uuid4().hex, name="采购员")
    user.memberships = [Membership(organisation_id=organisation.id, order_limit_fen=order_limit_fen)]
    session.add(user)
    session.flush()
    return user


def bulk_order(
    session: Session, buyer: User, organisation: Organisation, cases: dict[Sku, int], *, at: Counter, key: str = ""
) -> Order:
    """Place and commit an order of so many cases."""
    lines = quick_lines(session, [WantedRow(sku.code, count) for sku, count in cases.items()])
    wish = BulkWish(organisation.id, at.code, "PO-1", earliest_day(utcnow()))
    placed = place_bulk_order(
        session, buyer, wish, lines, placement_key=key or uuid.uuid4().hex, actor=CLERK, now=utcnow()
    )  # fmt: skip
    session.commit()
    return placed
