"""Lots come in and stop being sold: receipts, and the sell-by margin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import ClassVar

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.models import Sku
from catalogue.stock.ledger import level_for, move
from catalogue.stock.models import Lot, MovementKind, StockLevel
from shop.errors import DomainError, Invalid


class LotMismatch(DomainError):
    """A lot of that code exists with other dates or from another cooperative."""

    code: ClassVar[str] = "lot_mismatch"
    title = _l("This lot number is already used with other dates")


class LotNotSellable(DomainError):
    """The lot is past its sell-by margin or was withdrawn, so nothing of it may be received for sale."""

    code: ClassVar[str] = "lot_not_sellable"
    title = _l("This lot is too old to be sold")


def last_selling_day(best_before: date, min_life_days: int) -> date:
    """The last day on which the customer still gets the promised days of life."""
    return best_before - timedelta(days=min_life_days)


def receive_lot(
    session: Session,
    *,
    location_id: int,
    sku_id: int,
    cooperative_id: int,
    code: str,
    quantity: int,
    produced_on: date,
    best_before: date,
    actor: str,
    source_id: str,
    today: date | None = None,
) -> Lot:
    """Record packs of a lot that arrived at a location; the same `source_id` a second time changes nothing.

    Raises Invalid (quantity, dates), LotMismatch, LotNotSellable (when `today` is given and its margin is over).
    """
    if quantity <= 0:
        raise Invalid(_l("The quantity must be at least 1"), errors=[{"field": "quantity"}])
    if produced_on >= best_before:
        raise Invalid(_l("Best before must be later than the day of production"), errors=[{"field": "best_before"}])
    lot = find_or_make_lot(session, sku_id, cooperative_id, code, produced_on, best_before)
    if not lot.sellable or (today is not None and is_past_margin(session, lot, today)):
        raise LotNotSellable()
    level = level_for(session, lot.id, location_id)
    move(
        session,
        level.id,
        MovementKind.RECEIVE,
        on_hand=quantity,
        source_type="receipt",
        source_id=source_id,
        actor=actor,
    )
    session.expire(level)
    return lot


def find_or_make_lot(
    session: Session, sku_id: int, cooperative_id: int, code: str, produced_on: date, best_before: date
) -> Lot:
    """The lot of that code, made if new. Raises LotMismatch when it exists and differs."""
    session.execute(
        insert(Lot)
        .values(
            code=code,
            sku_id=sku_id,
            cooperative_id=cooperative_id,
            produced_on=produced_on,
            best_before=best_before,
        )
        .on_conflict_do_nothing(index_elements=["sku_id", "code"])
    )
    lot = session.execute(select(Lot).where(Lot.sku_id == sku_id, Lot.code == code)).scalar_one()
    if (lot.cooperative_id, lot.produced_on, lot.best_before) != (cooperative_id, produced_on, best_before):
        raise LotMismatch()
    return lot


def is_past_margin(session: Session, lot: Lot, today: date) -> bool:
    """Whether a customer who gets the lot today would have fewer days than promised."""
    margin = session.execute(select(Sku.min_life_days).where(Sku.id == lot.sku_id)).scalar_one()
    return today > last_selling_day(lot.best_before, margin)


def lots_past_margin(session: Session, today: date, limit: int = 200) -> Sequence[int]:
    """Ids of sellable lots whose last selling day is over, oldest first."""
    statement = (
        select(Lot.id)
        .join(Sku, Sku.id == Lot.sku_id)
        .where(Lot.sellable, Lot.best_before - Sku.min_life_days < sa.cast(today, sa.Date))
        .order_by(Lot.best_before, Lot.id)
        .limit(limit)
    )
    return session.execute(statement).scalars().all()


def stop_selling(session: Session, lot: Lot, reason: str) -> None:
    """Take a lot (locked by the caller, nothing of it reserved) out of sale; a trigger lowers availability."""
    lot.sellable = False
    lot.withdrawn_reason = reason
    session.flush()


def levels_of(session: Session, lot_id: int) -> Sequence[StockLevel]:
    """Every level of the lot, locked, in id order."""
    statement = (
        select(StockLevel)
        .where(StockLevel.lot_id == lot_id)
        .order_by(StockLevel.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalars().all()
