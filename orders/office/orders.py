"""The office's list of orders, found by number, name, phone, mail or purchase order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, select, union

from catalogue.models import Counter
from orders.fulfilment.queue import masked
from orders.models import Order, OrderContact
from orders.states import OPEN_ORDERS, OrderStatus
from orders.story import status_text
from shop.accounts.models import Organisation
from shop.i18n import localised
from shop.lists import Cell, Column, Filter, ListSpec, like


def order_tone(status: str) -> str:
    """The colour of an order's state."""
    if status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}:
        return "bad"
    if status in {OrderStatus.AWAITING_PAYMENT, OrderStatus.CONFIRMED}:
        return "warn"
    return "good" if status in {OrderStatus.READY, OrderStatus.COMPLETED} else "plain"


def found_by(text: str) -> ColumnElement[bool]:
    """Orders whose number, PO number, name, phone or mail begins with the text: one index each, then together."""
    digits = "".join(letter for letter in text if letter.isdigit())
    of_contact = select(OrderContact.order_id)
    ways = [
        select(Order.id).where(Order.number.like(like(text.upper()))),
        select(Order.id).where(Order.po_number.like(like(text))),
        of_contact.where(OrderContact.name.like(like(text))),
        of_contact.where(OrderContact.email.like(like(text.lower()))),
    ]
    if len(digits) >= 4:
        ways.append(of_contact.where(OrderContact.phone.like(like(digits))))
    return Order.id.in_(union(*ways))


def orders_list(link: Callable[[str], str]) -> ListSpec:
    """Every order; `link` makes the address of one from its number."""
    statement = (
        select(Order, OrderContact.name, OrderContact.phone, Counter.names, Organisation.name)
        .outerjoin(OrderContact, OrderContact.order_id == Order.id)
        .outerjoin(Counter, Counter.id == Order.pickup_counter_id)
        .outerjoin(Organisation, Organisation.id == Order.organisation_id)
    )
    kinds = (("retail", _("Retail")), ("bulk", _("Bulk")))
    states = tuple((status.value, status_text(status, "pickup")) for status in OrderStatus)
    return ListSpec(
        statement=statement,
        key=Order.id,
        columns=(
            Column("number", _("Order")),
            Column("placed", _("Placed"), Order.id),
            Column("kind", _("Kind")),
            Column("for", _("For")),
            Column("counter", _("Counter")),
            Column("status", _("Status")),
            Column("total", _("Total"), numbers=True),
        ),
        row=lambda row: order_row(row, link),
        sort="-placed",
        filters=(
            Filter("status", _("Status"), (("open", _("All open ones")), *states), status_is),
            Filter("kind", _("Kind"), kinds, lambda value: Order.kind == value),
            Filter("method", _("Way"), (("pickup", _("Pickup")), ("delivery", _("Delivery"))),
                   lambda value: Order.method == value),
        ),
        search=found_by,
        hint=_("Beginning of the number, PO number, name, phone or mail"),
    )  # fmt: skip


def status_is(value: str) -> ColumnElement[bool]:
    """Orders in that state, or in any that still moves."""
    if value == "open":
        return Order.status.in_([status.value for status in OPEN_ORDERS])
    return Order.status == value


def order_row(row: Any, link: Callable[[str], str]) -> tuple[Cell, ...]:
    """One order: lists mask the customer, the order's page names them."""
    order, name, phone, counter, organisation = row
    return (
        Cell(order.number, href=link(order.number)),
        Cell(order.created_at, kind="when"),
        Cell(_("Bulk") if order.kind == "bulk" else _("Retail")),
        Cell(organisation or masked(name or "", phone or "")),
        Cell(localised(counter) or _("Delivery")),
        Cell(status_text(order.status, order.method), kind="badge", tone=order_tone(order.status)),
        Cell(order.total_fen, kind="yuan"),
    )
