"""One order as the office reads it: who did what when, what was told to whom, what money moved, every part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext
from sqlalchemy import Text, and_, cast, or_, select
from sqlalchemy.orm import Session, joinedload

from catalogue.models import Cooperative, Counter, Sku
from orders.fulfilment.models import Fulfilment
from orders.models import Order
from orders.notifications.models import Notification
from orders.office.routing import cause_words
from orders.payments.models import MoneyEntry
from orders.states import FulfilmentStatus, OrderStatus
from orders.story import status_text
from shop.audit import AuditEntry
from shop.audit_words import audit_action, audit_actor, audit_values, value_text
from shop.i18n import localised
from shop.money import yuan


def _(text: str, **values: object) -> str:
    """The text in the reader's language."""
    return str(gettext(text, **values))


@dataclass(frozen=True)
class Moment:
    """One line of the timeline. `kind` is done, told or money; `tone` colours its badge."""

    at: datetime
    kind: str
    what: str
    who: str
    detail: str = ""


def order_for_office(session: Session, number: str) -> Order | None:
    """The order with what its page shows of it."""
    statement = (
        select(Order)
        .where(Order.number == number.upper())
        .options(joinedload(Order.contact), joinedload(Order.organisation), joinedload(Order.user))
    )
    return session.execute(statement).unique().scalar_one_or_none()


def timeline(session: Session, order: Order) -> tuple[Moment, ...]:
    """Everything that happened to the order, newest first; three queries, whatever its length."""
    moments = [*done(session, order), *told(session, order), *money(session, order)]
    return tuple(sorted(moments, key=lambda moment: moment.at, reverse=True))


def done(session: Session, order: Order) -> list[Moment]:
    """Audit rows of the order and of its parts."""
    parts = select(cast(Fulfilment.id, Text)).where(Fulfilment.order_id == order.id)
    statement = select(AuditEntry).where(
        or_(
            and_(AuditEntry.subject_type == "order", AuditEntry.subject_id == str(order.id)),
            and_(AuditEntry.subject_type == "fulfilment", AuditEntry.subject_id.in_(parts)),
        )
    )
    entries = session.execute(statement).scalars().all()
    codes = sku_codes(session, entries)
    return [
        Moment(entry.at, "done", audit_action(entry.action), audit_actor(entry.actor), change_of(entry, order, codes))
        for entry in entries
    ]


def sku_codes(session: Session, entries: Sequence[AuditEntry]) -> dict[int, str]:
    """The codes of the SKUs these rows speak of; one query where there are any."""
    ids = {entry.after["sku_id"] for entry in entries if entry.after and "sku_id" in entry.after}
    return dict(session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(ids))).all()) if ids else {}


def change_of(entry: AuditEntry, order: Order, codes: Mapping[int, str]) -> str:
    """What changed: a status in words, anything else as it was kept, SKUs by their code."""
    before, after = (entry.before or {}).get("status"), (entry.after or {}).get("status")
    if entry.subject_type == "order" and after in set(OrderStatus):
        words = status_text(after, order.method)
        return words if before is None else f"{status_text(before, order.method)} → {words}"
    if after in set(FulfilmentStatus):
        return f"{part_text(str(before))} → {part_text(str(after))}"
    if entry.action == "order.replanned":
        after = entry.after or {}
        before_codes, after_codes = value_text(after.get("from") or None), value_text(after.get("to") or None)
        return f"{cause_words(str(after.get('why')))}: {before_codes} → {after_codes}"
    if entry.after and entry.after.get("sku_id") in codes:
        rest = {name: value for name, value in entry.after.items() if name != "sku_id"}
        return audit_values({"sku": codes[entry.after["sku_id"]], **rest})
    return audit_values(entry.after) if entry.after else ""


def part_text(status: str) -> str:
    """A part's status as the office reads it."""
    texts = {
        "assigned": _("New"), "accepted": _("Being picked"), "ready": _("Ready"), "dispatched": _("On its way"),
        "handed_over": _("Handed over"), "received": _("Received"), "rejected": _("Sent back"),
        "cancelled": _("Cancelled"),
    }  # fmt: skip
    return texts.get(status, status)


def told(session: Session, order: Order) -> list[Moment]:
    """Notices about the order: to whom, and whether they were mailed and seen."""
    statement = (
        select(Notification, Cooperative.names, Counter.names)
        .outerjoin(Cooperative, Cooperative.id == Notification.cooperative_id)
        .outerjoin(Counter, Counter.id == Notification.counter_id)
        .where(Notification.order_id == order.id)
    )
    return [
        Moment(notice.created_at, "told", notice_text(notice.kind), localised(cooperative or counter), state_of(notice))
        for notice, cooperative, counter in session.execute(statement)
    ]


def notice_text(kind: str) -> str:
    """What a notice is about."""
    texts = {
        "supplier.sold": _("The cooperative was told what was sold"),
        "counter.assigned": _("The counter was told of its part"),
        "counter.cancelled": _("The counter was told it is cancelled"),
        "stock.low": _("The cooperative was told that stock runs low"),
        "consignment.proposed": _("The cooperative was asked for goods"),
        "consignment.dispatched": _("The counter was told what is on the road"),
        "consignment.received": _("The cooperative was told what arrived"),
        "digest": _("Digest of the day"),
    }
    return texts.get(kind, kind)


def state_of(notice: Notification) -> str:
    """How far a notice has come."""
    if notice.acknowledged_at is not None:
        return _("seen by %(who)s", who=notice.acknowledged_by or "")
    return _("mailed, not seen yet") if notice.mailed_at is not None else _("not mailed yet")


def money(session: Session, order: Order) -> list[Moment]:
    """What was received for the order and given back."""
    statement = select(MoneyEntry).where(MoneyEntry.order_id == order.id)
    return [
        Moment(entry.at, "money", _("Money received") if entry.amount_fen > 0 else _("Money given back"),
               audit_actor(entry.actor), f"{yuan(entry.amount_fen)} · {entry.ref}")
        for entry in session.execute(statement).scalars()
    ]  # fmt: skip


def parts_of(session: Session, order: Order) -> Sequence[Fulfilment]:
    """Every part of the order, also those that were sent back."""
    statement = (
        select(Fulfilment).where(Fulfilment.order_id == order.id).options(joinedload(Fulfilment.counter))
        .order_by(Fulfilment.id)
    )  # fmt: skip
    return session.execute(statement).unique().scalars().all()
