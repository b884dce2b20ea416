"""What a cooperative reports of its store, many rows at a time: receipts and counts, all of them or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Product, Sku
from catalogue.stock.models import Channel, Location, Lot, StockLevel
from catalogue.stock.receipts import Receipt, RowsRefused, foreseen, receive_many, refusal
from orders.shortage import count_stock, lock_touched
from shop.audit import Actor
from shop.clock import shanghai_day

MOST_ROWS = 10_000
MOST_PACKS = 1_000_000


@dataclass(frozen=True)
class Row:
    """One report. `kind` is receipt or count; `key` makes it count once; dates only with receipts."""

    number: int
    key: str
    kind: str
    sku: str
    lot: str
    quantity: int
    produced_on: date | None = None
    best_before: date | None = None


@dataclass(frozen=True)
class Counted:
    """A level in the store, and the packs the ledger has on it."""

    level_id: int
    on_hand: int


@dataclass(frozen=True)
class Foreseen:
    """What would become of rows: their faults, ids of receipts told before, packs on hand by SKU and lot counted."""

    faults: tuple[dict[str, Any], ...]
    told: frozenset[str]
    on_hand: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Applied:
    """How many rows changed something, and how many had been told before or changed nothing."""

    applied: int
    repeated: int


def apply_rows(session: Session, cooperative: Cooperative, rows: Sequence[Row], actor: Actor, now: datetime) -> Applied:
    """Write all rows into the ledger, or none. Raises RowsRefused naming every row at fault."""
    skus = skus_by_code(session, cooperative.id, {row.sku for row in rows})
    faults = wrong_by_themselves(rows, skus)
    if faults:
        raise RowsRefused(errors=faults)
    store = store_of(session, cooperative)
    counts = [row for row in rows if row.kind == "count"]
    levels = levels_counted(session, counts, skus, store)
    unknown = never_held(counts, levels)
    if unknown:
        raise RowsRefused(errors=unknown)
    # Orders before stock: the shop's one order of locks.
    lost: dict[tuple[int, Channel], int] = defaultdict(int)
    for row in counts:
        lost[skus[row.sku].id, Channel.ORIGIN] += max(levels[row.sku, row.lot].on_hand - row.quantity, 0)
    lock_touched(session, sorted(level.level_id for level in levels.values()), lost)
    receipts = [receipt_of(row, skus[row.sku]) for row in rows if row.kind == "receipt"]
    new = receive_many(
        session, receipts, location_id=store, cooperative_id=cooperative.id, source=str(cooperative.id),
        actor=actor.name, today=shanghai_day(now),
    )  # fmt: skip
    for row in sorted(counts, key=lambda one: (skus[one.sku].id, one.lot, one.number)):
        new += count_stock(
            session, level_id=levels[row.sku, row.lot].level_id, counted=row.quantity, actor=actor,
            source_id=f"{cooperative.id}:{row.key}", now=now,
        )  # fmt: skip
    return Applied(new, len(rows) - new)


def foresee_rows(session: Session, cooperative: Cooperative, rows: Sequence[Row], now: datetime) -> Foreseen:
    """What `apply_rows` would make of each row by itself; nothing is written or locked."""
    skus = skus_by_code(session, cooperative.id, {row.sku for row in rows})
    faults = wrong_by_themselves(rows, skus)
    wrong = {fault["row"] for fault in faults}
    good = [row for row in rows if row.number not in wrong]
    store = store_of(session, cooperative)
    counts = [row for row in good if row.kind == "count"]
    levels = levels_counted(session, counts, skus, store)
    more, told = foreseen(
        session, [receipt_of(row, skus[row.sku]) for row in good if row.kind == "receipt"], location_id=store,
        cooperative_id=cooperative.id, source=str(cooperative.id), today=shanghai_day(now),
    )  # fmt: skip
    on_hand = {key: level.on_hand for key, level in levels.items()}
    return Foreseen((*faults, *never_held(counts, levels), *more), frozenset(told), on_hand)


def store_of(session: Session, cooperative: Cooperative) -> int:
    """The id of the cooperative's own store."""
    return session.execute(select(Location.id).where(Location.cooperative_id == cooperative.id)).scalar_one()


def skus_by_code(session: Session, cooperative_id: int, codes: set[str]) -> dict[str, Sku]:
    """The cooperative's own SKUs among these codes."""
    statement = select(Sku).join(Product).where(Product.cooperative_id == cooperative_id, Sku.code.in_(codes))
    return {sku.code: sku for sku in session.execute(statement).scalars()}


def wrong_by_themselves(rows: Sequence[Row], skus: dict[str, Sku]) -> list[dict[str, Any]]:
    """What is wrong with rows before anything is looked up in the store."""
    return [*told_twice(rows), *(fault for row in rows for fault in wrong_row(row, skus))]


def told_twice(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows whose id stands on an earlier row."""
    seen: set[str] = set()
    faults = []
    for row in rows:
        if row.key in seen:
            faults.append(refusal(row.number, row.key, "id", _l("This id stands on an earlier row")))
        seen.add(row.key)
    return faults


def wrong_row(row: Row, skus: dict[str, Sku]) -> list[dict[str, Any]]:
    """What is wrong with a row by itself."""
    if row.sku not in skus:
        return [refusal(row.number, row.key, "sku", _l("Your cooperative has no such SKU"))]
    if row.kind == "receipt" and row.quantity < 1:
        return [refusal(row.number, row.key, "quantity", _l("The quantity must be at least 1"))]
    if row.kind == "receipt" and row.produced_on is None:
        return [refusal(row.number, row.key, "produced_on", _l("Please give the day of production"))]
    return []


def receipt_of(row: Row, sku: Sku) -> Receipt:
    """A row as a receipt; without a best-before it follows from the shelf life."""
    produced = row.produced_on or date.min
    best_before = row.best_before or produced + timedelta(days=sku.shelf_life_days)
    return Receipt(row.number, row.key, sku.id, sku.min_life_days, row.lot, row.quantity, produced, best_before)


def levels_counted(
    session: Session, counts: Sequence[Row], skus: dict[str, Sku], store: int
) -> dict[tuple[str, str], Counted]:
    """The store's levels of the SKUs that are counted, by SKU and lot."""
    if not counts:
        return {}
    statement = (
        select(Sku.code, Lot.code, StockLevel.id, StockLevel.on_hand)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == Lot.sku_id)
        .where(StockLevel.location_id == store, Lot.sku_id.in_({skus[row.sku].id for row in counts}))
    )
    return {(sku, lot): Counted(level_id, on_hand) for sku, lot, level_id, on_hand in session.execute(statement)}


def never_held(counts: Sequence[Row], levels: Mapping[tuple[str, str], Counted]) -> list[dict[str, Any]]:
    """Counts of lots that never were in the store."""
    message = _l("Your store never held this lot; receive it first")
    return [
        refusal(row.number, row.key, "lot", message) for row in counts if (row.sku, row.lot) not in levels
    ]  # fmt: skip
