"""Write the stock ledger: the one way a quantity anywhere changes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.stock.models import Lot, MovementKind, StockLevel, StockMovement
from shop.db import table_of


def level_for(session: Session, lot_id: int, location_id: int) -> StockLevel:
    """The level of a lot at a location, made at zero if it is new, and locked until the transaction ends."""
    sku_id = session.execute(select(Lot.sku_id).where(Lot.id == lot_id)).scalar_one()
    session.execute(
        insert(StockLevel)
        .values(lot_id=lot_id, location_id=location_id, sku_id=sku_id)
        .on_conflict_do_nothing(index_elements=["lot_id", "location_id"])
    )
    statement = (
        select(StockLevel)
        .where(StockLevel.lot_id == lot_id, StockLevel.location_id == location_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalar_one()


def move(
    session: Session,
    level_id: int,
    kind: MovementKind,
    *,
    on_hand: int = 0,
    reserved: int = 0,
    source_type: str,
    source_id: str | int,
    actor: str,
    note: str = "",
) -> bool:
    """Append one movement (changes in packs) and return True; False if this cause already moved this level so.

    The database refuses a balance below zero, a reservation beyond what is there (IntegrityError), and reserving
    or shipping a lot that may not be sold.
    """
    # The BEFORE trigger would move the level even for a row that ON CONFLICT then skips, so ask first; the level's
    # row lock, taken here, keeps the answer true, and the unique constraint stands behind it.
    if has_moved(session, level_id, kind, source_type, source_id):
        return False
    session.execute(
        insert(StockMovement).values(
            level_id=level_id,
            kind=kind.value,
            d_on_hand=on_hand,
            d_reserved=reserved,
            source_type=source_type,
            source_id=str(source_id),
            actor=actor,
            note=note,
        )
    )
    return True


Packs = tuple[int, int, int]  # level id, packs, the cause's id


def reserve_all(session: Session, packs: Sequence[Packs], *, source_type: str, actor: str) -> None:
    """Reserve packs for causes that are new in this transaction. One round trip.

    In level order, so that two of these never wait for each other; the database refuses what `move` would refuse.
    """
    write_all(session, MovementKind.RESERVE, sorted(packs), 1, source_type, actor)


def release_packs(session: Session, packs: Sequence[Packs], *, source_type: str, actor: str) -> None:
    """Give back what those causes reserved, each once: its row is locked and still says reserved. One round trip."""
    write_all(session, MovementKind.RELEASE, sorted(packs), -1, source_type, actor)


def write_all(
    session: Session, kind: MovementKind, packs: Sequence[Packs], sign: int, source_type: str, actor: str
) -> None:
    """Movements that only change who packs are for."""
    rows = [
        {
            "level_id": level_id, "kind": kind.value, "d_on_hand": 0, "d_reserved": sign * quantity,
            "source_type": source_type, "source_id": str(source_id), "actor": actor, "note": "",
        }
        for level_id, quantity, source_id in packs
    ]  # fmt: skip
    if rows:
        session.execute(insert(table_of(StockMovement)), rows)


def has_moved(session: Session, level_id: int, kind: MovementKind, source_type: str, source_id: str | int) -> bool:
    """Whether this cause has already moved the level so; the level stays locked, so the answer stays true."""
    session.execute(select(StockLevel.id).where(StockLevel.id == level_id).with_for_update())
    seen = session.execute(
        select(StockMovement.seq).where(
            StockMovement.level_id == level_id,
            StockMovement.source_type == source_type,
            StockMovement.source_id == str(source_id),
            StockMovement.kind == kind.value,
        )
    ).first()
    return seen is not None
