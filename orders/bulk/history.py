"""The orders of an organisation, as its buyers see them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from catalogue.models import Counter
from orders.models import Order
from orders.states import OPEN_ORDERS, OrderStatus
from orders.story import status_text
from shop.errors import NotFound
from shop.i18n import localised
from shop.lists import Cell, Column, Filter, ListSpec, like


def orders_list(organisation_ids: Collection[int], link: Any) -> ListSpec:
    """The list of these organisations' orders; `link` makes the address of one from its number."""
    statement = (
        select(Order, Counter.names)
        .outerjoin(Counter, Counter.id == Order.pickup_counter_id)
        .where(Order.organisation_id.in_(organisation_ids), Order.kind == "bulk")
    )
    return ListSpec(
        statement=statement,
        key=Order.id,
        columns=(
            Column("number", _("Order")),
            Column("po", _("PO number"), Order.po_number),
            Column("placed", _("Placed"), Order.id),
            Column("needed", _("Needed by"), Order.needed_by),
            Column("counter", _("Counter")),
            Column("status", _("Status")),
            Column("total", _("Total"), Order.total_fen, numbers=True),
        ),
        row=lambda row: order_row(row, link),
        sort="-placed",
        filters=(
            Filter("state", _("State"), (("open", _("Open")), ("closed", _("Finished"))), state_is),
        ),
        search=lambda text: Order.number.like(like(text.upper())) | Order.po_number.ilike(like(text)),
        hint=_("Order or PO number"),
    )  # fmt: skip


def state_is(value: str) -> Any:
    """Open or closed orders."""
    still_open = Order.status.in_([status.value for status in OPEN_ORDERS])
    return still_open if value == "open" else ~still_open


def order_row(row: Any, link: Any) -> tuple[Cell, ...]:
    """One order of the list."""
    order, counter = row
    return (
        Cell(order.number, href=link(order.number)),
        Cell(order.po_number),
        Cell(order.created_at, kind="when"),
        Cell(order.needed_by, kind="day"),
        Cell(localised(counter)),
        Cell(status_text(order.status, order.method), kind="badge", tone=tone_of(order.status)),
        Cell(order.total_fen, kind="yuan"),
    )


def tone_of(status: str) -> str:
    """The colour of an order's state."""
    if status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}:
        return "bad"
    return "good" if status in {OrderStatus.READY, OrderStatus.COMPLETED} else "plain"


def order_of(session: Session, number: str, organisation_ids: Collection[int]) -> Order:
    """One order of these organisations. Raises NotFound for anybody else's."""
    statement = (
        select(Order)
        .where(Order.number == number.upper(), Order.kind == "bulk", Order.organisation_id.in_(organisation_ids))
        .options(joinedload(Order.organisation))
    )
    order = session.execute(statement).scalar_one_or_none()
    if order is None:
        raise NotFound(_("There is no such order of your organisation."))
    return order
