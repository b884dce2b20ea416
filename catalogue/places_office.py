"""Cooperatives with their households, and counters with their hours, as the office keeps them; stock as it moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue import counter_days
from catalogue.models import Cooperative, Counter, CounterHours, Household, Product, Sku
from catalogue.stock.causes import cause_number
from catalogue.stock.models import Location, Lot, MovementKind, StockLevel, StockMovement
from shop import audit
from shop.audit import Actor
from shop.audit_words import audit_actor
from shop.edits import ChangedMeanwhile, seen_of
from shop.errors import Invalid, NotFound
from shop.i18n import localised
from shop.lists import Cell, Column, Filter, ListSpec, like

Link = Callable[[int], str]
# Weekday (0 Monday) -> when the counter opens and closes; a day that is missing is closed.
Week = dict[int, tuple[time, time]]


def named(column: Any, text: str) -> Any:
    """Things whose Chinese or English name holds the text."""
    pattern = "%" + like(text)
    return column["zh"].astext.ilike(pattern) | column["en"].astext.ilike(pattern)


def yes_no(value: bool) -> Cell:
    """Open or closed, as a badge."""
    return Cell(_("Yes") if value else _("No"), kind="badge", tone="good" if value else "warn")


def cooperatives_list(link: Link) -> ListSpec:
    """Every cooperative."""
    households = (
        select(func.count()).where(Household.cooperative_id == Cooperative.id, Household.active)
        .correlate(Cooperative).scalar_subquery()
    )  # fmt: skip
    return ListSpec(
        statement=select(Cooperative, households),
        key=Cooperative.id,
        columns=(
            Column("code", _("Code"), Cooperative.code),
            Column("name", _("Called")),
            Column("township", _("Township")),
            Column("altitude", _("Altitude (m)"), numbers=True),
            Column("households", _("Households"), numbers=True),
            Column("active", _("Active")),
        ),
        row=lambda row: (
            Cell(row[0].code, href=link(row[0].id)),
            Cell(localised(row[0].names)),
            Cell(localised(row[0].township)),
            Cell(row[0].altitude_m, kind="number"),
            Cell(row[1], kind="number"),
            yes_no(row[0].active),
        ),
        sort="code",
        search=lambda text: Cooperative.code.like(like(text.upper())) | named(Cooperative.names, text),
    )


def counters_list(link: Link) -> ListSpec:
    """Every counter."""
    return ListSpec(
        statement=select(Counter),
        key=Counter.id,
        columns=(
            Column("code", _("Code"), Counter.code),
            Column("name", _("Called")),
            Column("district", _("District")),
            Column("capacity", _("Parcels a day"), numbers=True),
            Column("delivers", _("Delivers")),
            Column("active", _("Active")),
        ),
        row=lambda row: (
            Cell(row[0].code, href=link(row[0].id)),
            Cell(localised(row[0].names)),
            Cell(row[0].district),
            Cell(row[0].capacity, kind="number"),
            yes_no(row[0].delivers),
            yes_no(row[0].active),
        ),
        sort="code",
        search=lambda text: Counter.code.like(like(text.upper())) | named(Counter.names, text),
    )


def movements_list(session: Session) -> ListSpec:
    """The ledger of stock, newest first."""
    places = session.execute(select(Location.code).order_by(Location.code)).scalars().all()
    statement = (
        select(StockMovement, Sku.code, Lot.code, Location.code, Product.names, cause_number())
        .join(StockLevel, StockLevel.id == StockMovement.level_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .join(Location, Location.id == StockLevel.location_id)
    )
    return ListSpec(
        statement=statement,
        key=StockMovement.level_id,
        columns=(
            Column("when", _("When"), StockMovement.recorded_at),
            Column("place", _("Place")),
            Column("goods", _("Goods")),
            Column("lot", _("Lot")),
            Column("kind", _("Kind")),
            Column("change", _("There"), numbers=True),
            Column("reserved", _("Reserved"), numbers=True),
            Column("who", _("Who")),
            Column("cause", _("Cause")),
        ),
        row=movement_row,
        sort="-when",
        filters=(
            Filter("place", _("Place"), tuple((code, code) for code in places), lambda value: Location.code == value),
            Filter("kind", _("Kind"), tuple((kind.value, kind_words(kind)) for kind in MovementKind),
                   lambda value: StockMovement.kind == value),
        ),
        search=lambda text: Sku.code.like(like(text.upper())) | Lot.code.like(like(text)),
        hint=_("Beginning of a SKU or a lot number"),
    )  # fmt: skip


def movement_row(row: Any) -> tuple[Cell, ...]:
    """One row of the ledger: the change and what was there afterwards."""
    movement, sku, lot, place, names, cause = row
    return (
        Cell(movement.recorded_at, kind="when"),
        Cell(place),
        Cell(f"{localised(names)} · {sku}"),
        Cell(lot),
        Cell(kind_words(MovementKind(movement.kind))),
        Cell(f"{movement.d_on_hand:+d} = {movement.on_hand_after}"),
        Cell(f"{movement.d_reserved:+d} = {movement.reserved_after}"),
        Cell(audit_actor(movement.actor)),
        Cell(" · ".join(filter(None, (cause or movement.source_id[:16], movement.note)))),
    )


def kind_words(kind: MovementKind) -> Any:
    """Why stock moved, in words."""
    return {
        MovementKind.RECEIVE: _l("Received"), MovementKind.COUNT: _l("Counted"), MovementKind.WASTE: _l("Wasted"),
        MovementKind.RETURN: _l("Came back"), MovementKind.RESERVE: _l("Reserved"),
        MovementKind.RELEASE: _l("Released"), MovementKind.SHIP: _l("Handed over"),
        MovementKind.TRANSFER_OUT: _l("Sent to another counter"),
        MovementKind.TRANSFER_IN: _l("Came from another counter"),
    }[kind]  # fmt: skip


def households_of(session: Session, cooperative_id: int) -> Sequence[Household]:
    """A cooperative's households, by code."""
    statement = select(Household).where(Household.cooperative_id == cooperative_id).order_by(Household.code)
    return session.execute(statement).scalars().all()


def set_share(session: Session, household_id: int, share_bp: int, active: bool, seen: str, actor: Actor) -> Household:
    """Change a household's share; all shares of a cooperative together never pass the whole.

    Raises NotFound, Invalid, ChangedMeanwhile.
    """
    household = session.get(Household, household_id)
    if household is None:
        raise NotFound()
    # The cooperative's row is locked, so that two edits cannot pass the whole together.
    session.execute(select(Cooperative.id).where(Cooperative.id == household.cooperative_id).with_for_update())
    session.refresh(household)
    before = {"share_bp": household.share_bp, "active": household.active}
    if seen != seen_of(before):
        raise ChangedMeanwhile()
    others = session.scalar(
        select(func.coalesce(func.sum(Household.share_bp), 0)).where(
            Household.cooperative_id == household.cooperative_id, Household.active, Household.id != household_id
        )
    )
    if not 0 <= share_bp <= 10_000 or (active and int(others or 0) + share_bp > 10_000):
        raise Invalid(_l("The shares of a cooperative's households together are 100 % at most"))
    after = {"share_bp": share_bp, "active": active}
    if after != before:
        household.share_bp, household.active = share_bp, active
        audit.record(session, actor, "household.edited", "household", household_id, before=before, after=after)
        session.flush()
    return household


def week_of(counter: Counter) -> Week:
    """A counter's hours by weekday."""
    return {one.weekday: (one.opens, one.closes) for one in counter.hours}


def plain_week(week: Week) -> dict[str, str]:
    """The hours as the audit keeps them."""
    return {str(day): f"{opens:%H:%M}–{closes:%H:%M}" for day, (opens, closes) in sorted(week.items())}


def set_hours(session: Session, counter_id: int, week: Week, seen: str, actor: Actor) -> Counter:
    """Change a counter's opening hours. Raises NotFound, Invalid, ChangedMeanwhile."""
    counter = session.get(Counter, counter_id, with_for_update=True, populate_existing=True)
    if counter is None:
        raise NotFound()
    before = plain_week(week_of(counter))
    if seen != seen_of(before):
        raise ChangedMeanwhile()
    if any(opens >= closes for opens, closes in week.values()):
        raise Invalid(_l("A counter opens before it closes"))
    after = plain_week(week)
    if after == before:
        return counter
    kept = {one.weekday: one for one in counter.hours}
    counter.hours = [
        changed(kept.get(day) or CounterHours(weekday=day, opens=opens, closes=closes), opens, closes)
        for day, (opens, closes) in sorted(week.items())
    ]
    audit.record(session, actor, "counter.hours", "counter", counter_id, before=before, after=after)
    session.flush()
    counter_days.changed(session, counter_id, "closed", f"hours:{seen_of(before)}:{seen_of(after)}")
    return counter


def changed(hours: CounterHours, opens: time, closes: time) -> CounterHours:
    """The day's row with its new hours."""
    hours.opens, hours.closes = opens, closes
    return hours
