"""The inbox of a cooperative or a counter, and the answer 'I have seen it'."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session

from orders.notifications.models import Notification
from shop import audit
from shop.audit import Actor
from shop.errors import NotFound


def readable_by(cooperative_ids: Collection[int] | None, counter_ids: Collection[int] | None) -> ColumnElement[bool]:
    """Notices of these cooperatives and counters; None stands for all of them (the office)."""
    mine_as_cooperative = (
        Notification.cooperative_id.is_not(None)
        if cooperative_ids is None
        else Notification.cooperative_id.in_(cooperative_ids)
    )
    mine_as_counter = (
        Notification.counter_id.is_not(None) if counter_ids is None else Notification.counter_id.in_(counter_ids)
    )
    return or_(mine_as_cooperative, mine_as_counter)


def inbox(
    session: Session,
    *,
    cooperative_ids: Collection[int] | None = (),
    counter_ids: Collection[int] | None = (),
    unseen_only: bool = False,
    page: int = 1,
    per_page: int = 30,
) -> tuple[list[Notification], int]:
    """One page of notices, newest first, and how many there are."""
    condition = readable_by(cooperative_ids, counter_ids) & (
        Notification.acknowledged_at.is_(None) if unseen_only else true()
    )
    total = session.scalar(select(func.count()).select_from(Notification).where(condition)) or 0
    statement = (
        select(Notification)
        .where(condition)
        .order_by(Notification.id.desc())
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return list(session.execute(statement).scalars()), total


def unseen(
    session: Session, *, cooperative_ids: Collection[int] | None = (), counter_ids: Collection[int] | None = ()
) -> int:
    """How many notices wait for an answer."""
    return inbox(session, cooperative_ids=cooperative_ids, counter_ids=counter_ids, unseen_only=True, per_page=1)[1]


def find_notice(
    session: Session,
    notification_id: int,
    *,
    cooperative_ids: Collection[int] | None = (),
    counter_ids: Collection[int] | None = (),
) -> Notification:
    """A notice of these readers. Raises NotFound for everybody else's."""
    condition = readable_by(cooperative_ids, counter_ids) & (Notification.id == notification_id)
    notice = session.execute(select(Notification).where(condition)).scalar_one_or_none()
    if notice is None:
        raise NotFound
    return notice


def acknowledge(session: Session, notification_id: int, by: Actor) -> Notification:
    """Somebody has seen the notice; the first to say so stays written down. The caller checked whose it is."""
    notice = session.get(Notification, notification_id, with_for_update=True, populate_existing=True)
    if notice is None:
        raise NotFound
    if notice.acknowledged_at is None:
        notice.acknowledged_at = func.now()
        notice.acknowledged_by = by.name
        audit.record(session, by, "notice.acknowledged", "notification", notification_id)
        session.flush()
        session.refresh(notice)
    return notice
