"""Promise stock to an order, and take the promise back. The rows here are the hottest of the shop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Sku
from catalogue.stock.models import Availability, Channel
from shop.errors import DomainError


class InsufficientStock(DomainError):
    """Some lines want more than may be promised; `errors` has {sku, wanted, available} for each of them."""

    code: ClassVar[str] = "insufficient_stock"
    title = _l("There is not enough left of some goods")


def available(session: Session, sku_ids: Iterable[int], channel: Channel = Channel.COUNTERS) -> dict[int, int]:
    """Packs that may still be promised, by SKU id; unknown SKUs are left out."""
    statement = select(Availability.sku_id, Availability.available).where(
        Availability.sku_id.in_(list(sku_ids)), Availability.channel == channel.value
    )
    return dict(session.execute(statement).all())


def lock_available(session: Session, sku_ids: Iterable[int], channel: Channel) -> dict[int, int]:
    """Lock the rows in SKU order (the shop's one order, so two orders never wait for each other) and read them."""
    statement = (
        select(Availability.sku_id, Availability.available)
        .where(Availability.sku_id.in_(sorted(sku_ids)), Availability.channel == channel.value)
        .order_by(Availability.sku_id)
        .with_for_update()
    )
    return dict(session.execute(statement).all())


def promise(session: Session, wanted: Mapping[int, int], channel: Channel) -> None:
    """Take `wanted` packs (by SKU id) out of what may be promised, all or nothing.

    Call it last in a transaction: the hot rows are then locked for one round trip and the commit.
    Raises InsufficientStock naming every line that cannot be had.
    """
    taking = {"skus": list(wanted), "packs": list(wanted.values()), "channel": channel.value}
    taken = len(session.execute(TAKE, taking).all())
    if taken == len(wanted):
        return
    if taken:
        raise RuntimeError(f"{taken} of {len(wanted)} SKUs were promised: all or none is the rule")
    left = lock_available(session, wanted, channel)
    short = {sku_id: packs for sku_id, packs in wanted.items() if left.get(sku_id, 0) < packs}
    if short:
        codes = dict(session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(short))).all())
        raise InsufficientStock(
            errors=[
                {"sku": codes[sku_id], "wanted": packs, "available": left.get(sku_id, 0)}
                for sku_id, packs in short.items()
            ]
        )
    # Somebody gave packs back between the two looks; now the rows are ours.
    add_to_available(session, {sku_id: -packs for sku_id, packs in wanted.items()}, channel)


# Lock in SKU order, look, take all or nothing: in one statement, so that the rows wait for no round trip. What is left
# is reckoned from the locked row: what the statement sees may be older (packs came back while it waited), and
# PostgreSQL holds the CHECK against the row it saw first, before it looks at the newest.
TAKE = sa.text(
    """
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:skus AS bigint[]), CAST(:packs AS bigint[])) AS wanted (sku_id, packs)
    ), locked AS MATERIALIZED (
        SELECT sku_id, available FROM availability
         WHERE sku_id = ANY (CAST(:skus AS bigint[])) AND channel = :channel
         ORDER BY sku_id
           FOR UPDATE
    )
    UPDATE availability SET available = locked.available - wanted.packs
      FROM locked JOIN wanted USING (sku_id)
     WHERE availability.sku_id = locked.sku_id AND availability.channel = :channel
       AND NOT EXISTS (
           SELECT FROM wanted LEFT JOIN locked USING (sku_id) WHERE coalesce(locked.available, 0) < wanted.packs)
    RETURNING availability.sku_id
    """
)


def give_back(session: Session, packs: Mapping[int, int], channel: Channel) -> None:
    """Make packs (by SKU id) promisable again."""
    returned = {sku_id: count for sku_id, count in packs.items() if count}
    if not returned:
        return
    lock_available(session, returned, channel)
    add_to_available(session, returned, channel)


def add_to_available(session: Session, changes: Mapping[int, int], channel: Channel) -> None:
    """Add signed packs to rows the caller has locked; the CHECK never_oversold stands behind it."""
    session.execute(
        sa.text(
            "UPDATE availability SET available = available + change.packs"
            " FROM unnest(CAST(:skus AS bigint[]), CAST(:packs AS bigint[])) AS change (sku_id, packs)"
            " WHERE availability.sku_id = change.sku_id AND availability.channel = :channel"
        ),
        {"skus": list(changes), "packs": list(changes.values()), "channel": channel.value},
    )
