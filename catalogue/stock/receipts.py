"""Many lots at once: a cooperative's receipts from a file or a machine, all of them or, row by row, why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, Select, String, cast, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from catalogue.stock.lots import last_selling_day
from catalogue.stock.models import Lot, MovementKind, StockLevel, StockMovement
from shop.errors import DomainError


class RowsRefused(DomainError):
    """Some rows cannot be taken, so none was; `errors` has {row, id, field, message} for each."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "rows_refused"
    title = _l("Some rows cannot be taken; nothing was changed")


@dataclass(frozen=True)
class Receipt:
    """Packs of a lot that arrived. `row` is its place in what was sent, `key` makes it count once."""

    row: int
    key: str
    sku_id: int
    min_life_days: int
    lot: str
    quantity: int
    produced_on: date
    best_before: date


def refusal(row: int, key: str, field: str, message: Any) -> dict[str, Any]:
    """One entry of RowsRefused."""
    return {"row": row, "id": key, "field": field, "message": str(message)}


def receive_many(
    session: Session,
    receipts: Sequence[Receipt],
    *,
    location_id: int,
    cooperative_id: int,
    source: str,
    actor: str,
    today: date,
) -> int:
    """Write receipts into the ledger, each key of a `source` once; how many were new. A handful of statements.

    Raises RowsRefused (dates, a lot known with other dates, a lot that may not be sold any more).
    """
    if not receipts:
        return 0
    faults = [fault for receipt in receipts for fault in wrong_dates(receipt, today)]
    lots = find_or_make_lots(session, receipts, cooperative_id) if not faults else {}
    faults += [fault for receipt in receipts if lots for fault in wrong_lot(receipt, lots, cooperative_id)]
    if faults:
        raise RowsRefused(errors=faults)
    levels = lock_levels(session, lots.values(), location_id)
    rows: list[dict[str, Any]] = [
        {
            "level_id": levels[lots[receipt.sku_id, receipt.lot].id],
            "kind": MovementKind.RECEIVE.value,
            "d_on_hand": receipt.quantity,
            "d_reserved": 0,
            "source_type": "receipt",
            "source_id": f"{source}:{receipt.key}",
            "actor": actor,
        }
        # By SKU: the trigger locks availability, and everybody locks it in that order.
        for receipt in sorted(receipts, key=lambda one: (one.sku_id, one.lot, one.row))
    ]
    known = already_written(session, list(levels.values()), [row["source_id"] for row in rows])
    new = [row for row in rows if (row["level_id"], row["source_id"]) not in known]
    if new:
        session.execute(insert(StockMovement), new)
    return len(new)


def foreseen(
    session: Session, receipts: Sequence[Receipt], *, location_id: int, cooperative_id: int, source: str, today: date
) -> tuple[list[dict[str, Any]], set[str]]:
    """What `receive_many` would refuse, and the keys it was told before; nothing is written or locked."""
    faults = [fault for receipt in receipts for fault in wrong_dates(receipt, today)]
    late = {fault["row"] for fault in faults}
    good = [receipt for receipt in receipts if receipt.row not in late]
    lots = {key: Lot(sellable=True, **values) for key, values in new_lots(good, cooperative_id).items()}
    found = session.execute(named(list(lots))).scalars().all() if lots else []
    lots |= {(lot.sku_id, lot.code): lot for lot in found}
    faults += [fault for receipt in good for fault in wrong_lot(receipt, lots, cooperative_id)]
    at = (StockLevel.location_id == location_id) & StockLevel.lot_id.in_([lot.id for lot in found])
    levels = session.execute(select(StockLevel.id).where(at)).scalars().all()
    told = already_written(session, levels, [f"{source}:{receipt.key}" for receipt in good])
    return faults, {source_id.removeprefix(f"{source}:") for _level_id, source_id in told}


def wrong_dates(receipt: Receipt, today: date) -> list[dict[str, Any]]:
    """What is wrong with a receipt by itself."""
    if receipt.produced_on > today:
        return [refusal(receipt.row, receipt.key, "produced_on", _l("This day has not come yet"))]
    if receipt.produced_on >= receipt.best_before:
        late = _l("Best before must be later than the day of production")
        return [refusal(receipt.row, receipt.key, "best_before", late)]
    if today > last_selling_day(receipt.best_before, receipt.min_life_days):
        return [refusal(receipt.row, receipt.key, "best_before", _l("This lot is too old to be sold"))]
    return []


def wrong_lot(receipt: Receipt, lots: dict[tuple[int, str], Lot], cooperative_id: int) -> list[dict[str, Any]]:
    """What is wrong with a receipt beside the lot that bears its number."""
    lot = lots[receipt.sku_id, receipt.lot]
    if (lot.cooperative_id, lot.produced_on, lot.best_before) != (
        cooperative_id,
        receipt.produced_on,
        receipt.best_before,
    ):
        message = _l("This lot number is already used with other dates")
        return [refusal(receipt.row, receipt.key, "lot", message)]
    if not lot.sellable:
        return [refusal(receipt.row, receipt.key, "lot", _l("This lot was taken out of sale"))]
    return []


def find_or_make_lots(session: Session, receipts: Sequence[Receipt], cooperative_id: int) -> dict[tuple[int, str], Lot]:
    """The lots of these receipts by SKU and number; the first row of a new number makes it."""
    wanted = new_lots(receipts, cooperative_id)
    rows = [values for _key, values in sorted(wanted.items())]
    session.execute(insert_or_skip(Lot).on_conflict_do_nothing(index_elements=["sku_id", "code"]), rows)
    # FOR SHARE: a lot cannot be withdrawn between this look and the receipt.
    found = session.execute(named(list(wanted)).with_for_update(read=True, of=Lot)).scalars()
    return {(lot.sku_id, lot.code): lot for lot in found}


def named(keys: Sequence[tuple[int, str]]) -> Select[Any]:
    """The lots of these SKUs and numbers; two arrays, for no server parses ten thousand pairs in a list."""
    pairs = (
        func.unnest(
            cast([sku_id for sku_id, _code in keys], ARRAY(BigInteger)),
            cast([code for _sku_id, code in keys], ARRAY(String)),
        )
        .table_valued("sku_id", "code")
        .render_derived()
    )
    return select(Lot).join(pairs, (Lot.sku_id == pairs.c.sku_id) & (Lot.code == pairs.c.code)).order_by(Lot.id)


def new_lots(receipts: Sequence[Receipt], cooperative_id: int) -> dict[tuple[int, str], dict[str, Any]]:
    """The columns of a lot by SKU and number, as the first of its receipts tells them. Pure."""
    return {
        (one.sku_id, one.lot): {
            "code": one.lot, "sku_id": one.sku_id, "cooperative_id": cooperative_id, "produced_on": one.produced_on,
            "best_before": one.best_before,
        }
        for one in reversed(receipts)
    }  # fmt: skip


def lock_levels(session: Session, lots: Iterable[Lot], location_id: int) -> dict[int, int]:
    """Level id by lot id at a location, made at zero where new, locked in id order."""
    rows = [{"lot_id": lot.id, "location_id": location_id, "sku_id": lot.sku_id} for lot in lots]
    session.execute(insert_or_skip(StockLevel).on_conflict_do_nothing(index_elements=["lot_id", "location_id"]), rows)
    statement = (
        select(StockLevel.lot_id, StockLevel.id)
        .where(StockLevel.location_id == location_id, StockLevel.lot_id.in_([row["lot_id"] for row in rows]))
        .order_by(StockLevel.id)
        .with_for_update()
    )
    return dict(session.execute(statement).all())


def already_written(session: Session, level_ids: Sequence[int], source_ids: Sequence[str]) -> set[tuple[int, str]]:
    """Which of these receipts the ledger has, as (level, source)."""
    statement = select(StockMovement.level_id, StockMovement.source_id).where(
        StockMovement.level_id.in_(level_ids),
        StockMovement.source_type == "receipt",
        StockMovement.kind == MovementKind.RECEIVE.value,
        StockMovement.source_id.in_(source_ids),
    )
    return {(level_id, source_id) for level_id, source_id in session.execute(statement)}
