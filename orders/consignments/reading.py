"""Consignments as people read them: what is under way, one of them whole, the office's list, words for figures."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from catalogue.models import Cooperative, Counter, Sku
from catalogue.stock.models import StockLevel
from orders.consignments.models import Consignment, ConsignmentLine, ConsignmentLot, TemperatureReading
from orders.consignments.proposals import store_lots
from orders.consignments.setting_aside import set_aside_packs
from orders.consignments.states import OPEN_CONSIGNMENTS, ConsignmentStatus, LotState
from orders.consignments.temperatures import limit_of, too_warm
from orders.notifications.words import losses
from shop.i18n import localised
from shop.lists import Cell, Column, Filter, ListSpec, like

C = ConsignmentStatus
LATELY = timedelta(days=30)
MOST_SHOWN = 200
LOST = ("damaged", "missing", "too_warm")
STATUS_WORDS: dict[str, tuple[Any, str]] = {
    C.PROPOSED: (_l("Asked for"), "warn"), C.CONFIRMED: (_l("Confirmed"), "good"),
    C.DISPATCHED: (_l("On the road"), "plain"), C.RECEIVED: (_l("Arrived"), "good"),
    C.DECLINED: (_l("Declined"), "bad"), C.WITHDRAWN: (_l("Withdrawn"), "bad"),
}  # fmt: skip


@dataclass(frozen=True)
class Goods:
    """A line in a list: packs as far as they are known (received, else confirmed, else asked for)."""

    names: dict[str, str]
    pack_names: dict[str, str]
    packs: int


@dataclass(frozen=True)
class Summary:
    """A consignment in a list; `lost` says what did not arrive well, `late` that its day has passed."""

    consignment: Consignment
    goods: Sequence[Goods]
    lost: str
    late: bool


@dataclass(frozen=True)
class Whole:
    """A consignment with everything that belongs to it. `limit` is in tenths of °C, `can_travel` packs by SKU id."""

    summary: Summary
    lots: Sequence[ConsignmentLot]
    limit: int | None
    too_warm: Sequence[TemperatureReading]
    can_travel: Mapping[int, int]

    @property
    def consignment(self) -> Consignment:
        """The row itself."""
        return self.summary.consignment


# What a consignment's summary needs, whole lists of them at once.
WITH_GOODS = (
    joinedload(Consignment.cooperative),
    joinedload(Consignment.counter),
    selectinload(Consignment.lines).joinedload(ConsignmentLine.sku).joinedload(Sku.product),
    selectinload(Consignment.lines).selectinload(ConsignmentLine.lots),
)


def is_late(consignment: Consignment, today: date) -> bool:
    """Whether its day has passed and it is not closed."""
    return consignment.status in OPEN_CONSIGNMENTS and consignment.arrives_on < today


def summary_of(consignment: Consignment, today: date) -> Summary:
    """A consignment with its lines, loaded."""
    arrived = consignment.status == C.RECEIVED
    goods = []
    for line in consignment.lines:
        said = line.proposed if line.confirmed is None else line.confirmed
        packs = sum(lot.received for lot in line.lots) if arrived else said
        goods.append(Goods(line.sku.product.names, line.sku.pack_names, packs))
    lots = [lot for line in consignment.lines for lot in line.lots]
    lost = losses({name: sum(getattr(lot, name) for lot in lots) for name in LOST})
    return Summary(consignment, [one for one in goods if one.packs], lost, is_late(consignment, today))


def under_way(
    session: Session, today: date, now: datetime, *, cooperatives: Collection[int] | None = None,
    counters: Collection[int] | None = None,
) -> dict[str, list[Summary]]:  # fmt: skip
    """Open consignments and those closed in the last thirty days, by status, of these (None: all); four queries."""
    statement = (
        select(Consignment)
        .where(or_(Consignment.closed_at.is_(None), Consignment.closed_at >= now - LATELY))
        .order_by(Consignment.arrives_on.desc(), Consignment.id.desc())
        .limit(MOST_SHOWN)
        .options(*WITH_GOODS)
    )
    if cooperatives is not None:
        statement = statement.where(Consignment.cooperative_id.in_(cooperatives))
    if counters is not None:
        statement = statement.where(Consignment.counter_id.in_(counters))
    found: dict[str, list[Summary]] = {status.value: [] for status in C}
    for consignment in session.execute(statement).scalars():
        found[consignment.status].append(summary_of(consignment, today))
    for status in OPEN_CONSIGNMENTS:
        found[status.value].reverse()
    return found


def whole(session: Session, consignment: Consignment, today: date) -> Whole:
    """Everything about a consignment that its pages show, in as many queries for many goods as for one."""
    consignment = session.execute(
        select(Consignment).where(Consignment.id == consignment.id).options(*WITH_GOODS)
    ).scalar_one()
    lots = session.execute(
        select(ConsignmentLot)
        .join(ConsignmentLine, ConsignmentLine.id == ConsignmentLot.line_id)
        .where(
            ConsignmentLine.consignment_id == consignment.id, ConsignmentLot.state != LotState.GIVEN_BACK.value
        )
        .order_by(ConsignmentLine.sku_id, ConsignmentLot.id)
        .options(
            joinedload(ConsignmentLot.level).joinedload(StockLevel.lot),
            joinedload(ConsignmentLot.line).joinedload(ConsignmentLine.sku).joinedload(Sku.product),
        )
    ).scalars().all()  # fmt: skip
    limit = limit_of(line.sku.storage for line in consignment.lines)
    return Whole(
        summary_of(consignment, today), lots, limit, too_warm(consignment.readings, limit),
        can_travel(session, consignment),
    )  # fmt: skip


def can_travel(session: Session, consignment: Consignment) -> dict[int, int]:
    """Packs by SKU id that the store could send with it: free ones, and those set aside for it already."""
    if consignment.status not in {C.PROPOSED, C.CONFIRMED}:
        return {}
    free = store_lots(session, consignment.cooperative_id, consignment.arrives_on)
    ready = set_aside_packs(session, consignment.id)
    return {
        line.sku_id: sum(lot.quantity for lot in free.get(line.sku_id, ())) + ready.get(line.id, 0)
        for line in consignment.lines
    }


def why_words(why: Mapping[str, Any]) -> str:
    """The figures behind a proposal, in a sentence."""
    if "point" not in why:
        return str(_("The office in Wuhan asked for it by hand."))
    return str(
        _("%(free)s on the shelf and %(coming)s on the way; about %(sold)s are sold before it arrives. "
          "The counter wants no fewer than %(point)s, and up to %(up_to)s.",
          free=why["free"], coming=why["coming"], sold=format_decimal(why["sold_on_the_road"]),
          point=why["point"], up_to=why["up_to"])
    )  # fmt: skip


def standing(session: Session, today: date) -> dict[str, int]:
    """How many consignments are open in each status, and how many of them are `late`."""
    is_open = Consignment.closed_at.is_(None)
    late = Consignment.arrives_on < today
    statement = select(Consignment.status, late, func.count()).where(is_open).group_by(Consignment.status, late)
    counts: Tally[str] = Tally()
    for status, passed, count in session.execute(statement):
        counts[status] += count
        counts["late"] += count if passed else 0
    return dict(counts)


def consignments_list(link: Callable[[int], str], today: date) -> ListSpec:
    """Every consignment; `link` makes the address of one from its id."""
    line = aliased(ConsignmentLine)
    packs = (
        select(func.sum(func.coalesce(line.confirmed, line.proposed)))
        .where(line.consignment_id == Consignment.id).scalar_subquery()
    )  # fmt: skip
    lost = (
        select(func.sum(sum((getattr(ConsignmentLot, name) for name in LOST), literal(0))))
        .join(line, line.id == ConsignmentLot.line_id)
        .where(line.consignment_id == Consignment.id).scalar_subquery()
    )  # fmt: skip
    statement = (
        select(Consignment, Cooperative.names, Counter.names, packs, lost)
        .join(Cooperative, Cooperative.id == Consignment.cooperative_id)
        .join(Counter, Counter.id == Consignment.counter_id)
    )
    late = Consignment.closed_at.is_(None) & (Consignment.arrives_on < today)

    def status_is(value: str) -> ColumnElement[bool]:
        return {"late": late, "open": Consignment.closed_at.is_(None)}.get(value, Consignment.status == value)

    choices = tuple((status, words) for status, (words, _tone) in STATUS_WORDS.items())
    return ListSpec(
        statement=statement,
        key=Consignment.id,
        columns=(
            Column("number", _("Consignment")),
            Column("asked", _("Asked for"), Consignment.id),
            Column("from", _("Cooperative")),
            Column("to", _("Counter")),
            Column("arrives", _("To be there by"), Consignment.arrives_on),
            Column("status", _("Status")),
            Column("packs", _("Packs"), numbers=True),
            Column("lost", _("Losses"), numbers=True),
        ),
        row=lambda row: list_row(row, link, today),
        sort="-asked",
        filters=(
            Filter("status", _("Status"), (("late", _("Late")), ("open", _("All open ones")), *choices), status_is),
        ),
        search=lambda text: Consignment.number.like(like(text.upper())),
        hint=_("Beginning of the number"),
    )  # fmt: skip


def list_row(row: Any, link: Callable[[int], str], today: date) -> tuple[Cell, ...]:
    """One consignment of the office's list."""
    consignment, cooperative, counter, packs, lost = row
    words, tone = STATUS_WORDS[consignment.status]
    late = is_late(consignment, today)
    return (
        Cell(consignment.number, href=link(consignment.id)),
        Cell(consignment.created_at, kind="when"),
        Cell(localised(cooperative)),
        Cell(localised(counter)),
        Cell(consignment.arrives_on, kind="day"),
        Cell(_("%(status)s, late", status=words) if late else words, kind="badge", tone="bad" if late else tone),
        Cell(packs or 0),
        Cell(lost, kind="badge", tone="bad") if lost else Cell(None),
    )
