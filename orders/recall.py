"""Call a lot back: out of sale at once, its orders sent elsewhere, and a list of who has some of it already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from catalogue.stock.models import Location, Lot, StockLevel
from orders.consignments.models import Consignment, ConsignmentLine, ConsignmentLot
from orders.consignments.states import LotState
from orders.fulfilment.models import Allocation
from orders.models import Order, OrderContact, OrderLine
from orders.shortage import withdraw_lot
from shop.audit import Actor
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import Invalid, NotFound

CLERK = Actor("command line")


@dataclass(frozen=True)
class Taken:
    """Packs of the lot that a customer has: whom to call."""

    number: str
    packs: int
    name: str
    phone: str


@dataclass(frozen=True)
class Standing:
    """Packs of the lot that stand somewhere, to be taken off the shelf there."""

    place: str
    packs: int


@dataclass(frozen=True)
class Travelling:
    """Packs of the lot on the road to a counter: whoever receives them must not sell them."""

    number: str
    counter: str
    packs: int


@dataclass(frozen=True)
class Recall:
    """What a recall found. `new` is false when the lot was out of sale already."""

    new: bool
    standing: Sequence[Standing]
    consignments: Sequence[Travelling]
    on_the_road: Sequence[Taken]
    taken: Sequence[Taken]


def find_lot(session: Session, sku_code: str, lot_code: str) -> Lot:
    """The lot of that number. Raises NotFound."""
    statement = select(Lot).join(Sku, Sku.id == Lot.sku_id).where(Sku.code == sku_code, Lot.code == lot_code)
    lot = session.execute(statement).scalar_one_or_none()
    if lot is None:
        raise NotFound()
    return lot


def recall_lot(session: Session, sku_code: str, lot_code: str, reason: str, actor: Actor, now: datetime) -> Recall:
    """Take a lot out of sale and say where its packs are; a second time only says so. Raises NotFound, Invalid."""
    if not reason.strip():
        raise Invalid(errors=[{"field": "reason"}])
    lot = find_lot(session, sku_code, lot_code)
    new = withdraw_lot(session, lot.id, f"recalled: {reason.strip()}", actor, now)
    session.flush()
    on_the_road, taken = holders(session, lot.id, "in_transit"), holders(session, lot.id, "shipped")
    return Recall(new, standing(session, lot.id), travelling(session, lot.id), on_the_road, taken)


def travelling(session: Session, lot_id: int) -> list[Travelling]:
    """The consignments that have packs of the lot on the road."""
    statement = (
        select(Consignment.number, Counter.code, func.sum(ConsignmentLot.quantity))
        .join(ConsignmentLine, ConsignmentLine.consignment_id == Consignment.id)
        .join(ConsignmentLot, ConsignmentLot.line_id == ConsignmentLine.id)
        .join(StockLevel, StockLevel.id == ConsignmentLot.level_id)
        .join(Counter, Counter.id == Consignment.counter_id)
        .where(StockLevel.lot_id == lot_id, ConsignmentLot.state == LotState.ON_THE_ROAD.value)
        .group_by(Consignment.id, Counter.id)
        .order_by(Consignment.id)
    )
    return [Travelling(number, counter, int(packs)) for number, counter, packs in session.execute(statement)]


def standing(session: Session, lot_id: int) -> list[Standing]:
    """Where packs of the lot stand."""
    statement = (
        select(Location.code, StockLevel.on_hand)
        .join(Location, Location.id == StockLevel.location_id)
        .where(StockLevel.lot_id == lot_id, StockLevel.on_hand > 0)
        .order_by(Location.code)
    )
    return [Standing(place, packs) for place, packs in session.execute(statement)]


def holders(session: Session, lot_id: int, state: str) -> list[Taken]:
    """The orders whose packs of the lot are in that state, the newest first."""
    statement = (
        select(Order.number, func.sum(Allocation.quantity), OrderContact.name, OrderContact.phone)
        .select_from(Allocation)
        .join(StockLevel, StockLevel.id == Allocation.level_id)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .outerjoin(OrderContact, OrderContact.order_id == Order.id)
        .where(StockLevel.lot_id == lot_id, Allocation.state == state)
        .group_by(Order.id, OrderContact.order_id)
        .order_by(Order.id.desc())
    )
    return [
        Taken(number, int(packs), name or "", phone or "") for number, packs, name, phone in session.execute(statement)
    ]


@click.command("recall")
@click.argument("sku")
@click.argument("lot")
@click.option("--reason", required=True, help="Stands in the audit and with the lot.")
def command(sku: str, lot: str, reason: str) -> None:
    """Take a lot out of sale and list who has some of it; safe to repeat."""
    try:
        found = in_transaction(db.session(), lambda: recall_lot(db.session(), sku, lot, reason, CLERK, utcnow()))
    except NotFound:
        raise click.ClickException(f"there is no lot {lot} of {sku}") from None
    except Invalid:
        raise click.ClickException("say why it is recalled") from None
    click.echo(f"Lot {lot} of {sku} " + ("is out of sale now." if found.new else "was out of sale already."))
    console = Console()
    for title, rows in (("On the road, stop them", found.on_the_road), ("With customers, call them", found.taken)):
        table = Table("order", "packs", "name", "phone", title=f"{title}: {sum(row.packs for row in rows)} packs")
        for row in rows:
            table.add_row(row.number, str(row.packs), row.name, row.phone)
        console.print(table)
    road = Table(
        "consignment", "to", "packs", title=f"In lorries: {sum(one.packs for one in found.consignments)} packs"
    )
    for one in found.consignments:
        road.add_row(one.number, one.counter, str(one.packs))
    console.print(road)
    left = sum(place.packs for place in found.standing)
    shelf = Table("place", "packs", title=f"On shelves, take them off: {left} packs")
    for place in found.standing:
        shelf.add_row(place.place, str(place.packs))
    console.print(shelf)
