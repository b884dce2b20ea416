"""Every notice the shop wrote: to whom, about which order, mailed and seen or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from catalogue.models import Cooperative, Counter
from orders.models import Order
from orders.notifications.models import Notification
from orders.office.timeline import notice_text
from shop.i18n import localised
from shop.lists import Cell, Column, Filter, ListSpec, like

KINDS = (
    "supplier.sold", "counter.assigned", "counter.cancelled", "stock.low", "consignment.proposed",
    "consignment.dispatched", "consignment.received", "digest",
)  # fmt: skip


def notices_list(link: Callable[[str], str]) -> ListSpec:
    """All notices, newest first."""
    statement = (
        select(Notification, Cooperative.names, Counter.names, Order.number)
        .outerjoin(Cooperative, Cooperative.id == Notification.cooperative_id)
        .outerjoin(Counter, Counter.id == Notification.counter_id)
        .outerjoin(Order, Order.id == Notification.order_id)
    )
    states = (("unseen", _("Not seen yet")), ("seen", _("Seen")), ("unmailed", _("Not mailed yet")))
    return ListSpec(
        statement=statement,
        key=Notification.id,
        columns=(
            Column("when", _("When"), Notification.id),
            Column("to", _("To")),
            Column("what", _("What")),
            Column("order", _("Order")),
            Column("mailed", _("Mailed")),
            Column("seen", _("Seen")),
        ),
        row=lambda row: notice_row(row, link),
        sort="-when",
        filters=(
            Filter("kind", _("What"), tuple((kind, notice_text(kind)) for kind in KINDS),
                   lambda value: Notification.kind == value),
            Filter("state", _("State"), states, state_is),
        ),
        search=lambda text: Order.number.like(like(text.upper())),
        hint=_("Beginning of an order's number"),
    )  # fmt: skip


def state_is(value: str) -> Any:
    """Notices by how far they have come."""
    if value == "unmailed":
        return Notification.mailed_at.is_(None)
    return Notification.acknowledged_at.is_(None) if value == "unseen" else Notification.acknowledged_at.is_not(None)


def notice_row(row: Any, link: Callable[[str], str]) -> tuple[Cell, ...]:
    """One notice."""
    notice, cooperative, counter, number = row
    return (
        Cell(notice.created_at, kind="when"),
        Cell(localised(cooperative or counter)),
        Cell(notice_text(notice.kind)),
        Cell(number, href=link(number) if number else ""),
        Cell(notice.mailed_at, kind="when"),
        Cell(f"{notice.acknowledged_by}" if notice.acknowledged_at else _("Not seen yet"), kind="badge",
             tone="good" if notice.acknowledged_at else "plain"),
    )  # fmt: skip
