"""The shelves that counters keep filled: which SKU, when more is asked for, and how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Product, Sku
from orders.consignments.models import ReorderPoint
from shop import audit
from shop.audit import Actor
from shop.edits import ChangedMeanwhile, seen_of
from shop.errors import Invalid, NotFound
from shop.i18n import localised
from shop.lists import Cell, Column, Filter, ListSpec, like

MOST = 100_000


def sign_of(point: ReorderPoint | None) -> str:
    """The sign of what an editor saw; that there was none is one too."""
    return seen_of({"point": point.point, "up_to": point.up_to} if point else {})


def set_point(session: Session, counter_id: int, sku_id: int, point: int, up_to: int, seen: str, actor: Actor) -> None:
    """Below `point` packs more is asked for, up to `up_to`; with `up_to` 0 nothing is asked for any more.

    Raises NotFound, Invalid, and ChangedMeanwhile when it no longer is what `seen` was made from.
    """
    counter = session.get(Counter, counter_id, with_for_update={"key_share": True})
    if counter is None or session.get(Sku, sku_id) is None:
        raise NotFound()
    if not 0 <= point <= up_to <= MOST:
        raise Invalid(_l("The counter must want at least as many packs as the point at which more is asked for"))
    found = session.get(ReorderPoint, (counter_id, sku_id), with_for_update=True, populate_existing=True)
    if sign_of(found) != seen:
        raise ChangedMeanwhile()
    before = {"point": found.point, "up_to": found.up_to} if found else None
    if found is not None and not up_to:
        session.delete(found)
    elif found is not None:
        found.point, found.up_to = point, up_to
    elif up_to:
        session.add(ReorderPoint(counter_id=counter_id, sku_id=sku_id, point=point, up_to=up_to))
    after = {"point": point, "up_to": up_to} if up_to else None
    if before != after:
        audit.record(
            session, actor, "reorder_point.edited", "reorder_point", f"{counter_id}:{sku_id}",
            before=before, after=after,
        )  # fmt: skip
    session.flush()


def points_list(session: Session, link: Callable[[int, int], str]) -> ListSpec:
    """Every reorder point; `link` makes the address of one from its counter's and its SKU's id."""
    statement = (
        select(ReorderPoint, Sku.code, Sku.pack_names, Product.names, Counter.names)
        .join(Sku, Sku.id == ReorderPoint.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .join(Counter, Counter.id == ReorderPoint.counter_id)
    )
    counters = session.execute(select(Counter.id, Counter.names).order_by(Counter.code)).all()
    return ListSpec(
        statement=statement,
        key=ReorderPoint.counter_id * 1_000_000_000 + ReorderPoint.sku_id,
        columns=(
            Column("sku", _("SKU"), Sku.code),
            Column("goods", _("Goods")),
            Column("counter", _("Counter")),
            Column("point", _("Ask below"), numbers=True),
            Column("up_to", _("Fill up to"), numbers=True),
        ),
        row=lambda row: point_row(row, link),
        sort="sku",
        filters=(
            Filter("counter", _("Counter"), tuple((str(number), localised(names)) for number, names in counters),
                   lambda value: ReorderPoint.counter_id == int(value)),
        ),
        search=lambda text: Sku.code.like(like(text.upper())),
        hint=_("Beginning of the SKU"),
    )  # fmt: skip


def point_row(row: Any, link: Callable[[int, int], str]) -> tuple[Cell, ...]:
    """One reorder point."""
    point, code, pack_names, names, counter = row
    return (
        Cell(code, href=link(point.counter_id, point.sku_id)),
        Cell(f"{localised(names)} · {localised(pack_names)}"),
        Cell(localised(counter)),
        Cell(point.point),
        Cell(point.up_to),
    )
