"""Order for an organisation: cases become packs, and the shop's one checkout does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter
from orders.bulk.quick_order import QuickLine
from orders.checkout import Contact, DraftLine, OrderDraft, Pickup, place_order
from orders.models import Order
from shop.accounts.models import Membership, User
from shop.audit import Actor
from shop.clock import shanghai_day
from shop.errors import DomainError, Forbidden, Invalid
from shop.money import yuan

# The green channel's road and a day at the counter.
EARLIEST_DAYS = 4
LATEST_DAYS = 180


class OverOwnLimit(DomainError):
    """The member may order less than this at once; `errors` has the figures."""

    code: ClassVar[str] = "over_own_limit"
    title = _l("This order is larger than you may place")


@dataclass(frozen=True)
class BulkWish:
    """Everything a buyer fills in besides the rows; the contact is the buyer's own unless another is given."""

    organisation_id: int
    counter_code: str
    po_number: str
    needed_by: date | None
    note: str = ""
    contact: Contact | None = None
    expected_total_fen: int | None = None


def earliest_day(now: datetime) -> date:
    """The first day goods ordered now can stand at a counter."""
    return shanghai_day(now) + timedelta(days=EARLIEST_DAYS)


def place_bulk_order(
    session: Session,
    buyer: User,
    wish: BulkWish,
    lines: Sequence[QuickLine],
    *,
    placement_key: str,
    actor: Actor,
    now: datetime,
) -> Order:
    """An order on account for the buyer's organisation, its stock held at the cooperatives.

    Raises CreditExceeded, OverOwnLimit, InsufficientStock, PriceChanged, CounterClosed, Invalid, Forbidden.
    """
    member = membership(session, buyer.id, wish.organisation_id)
    check_day(wish.needed_by, now)
    counter_id = session.scalar(select(Counter.id).where(Counter.code == wish.counter_code))
    if counter_id is None:
        raise Invalid(_l("Please choose a counter"), errors=[{"field": "counter"}])
    if any(line.fault in {"unknown", "quantity"} for line in lines) or not lines:
        raise Invalid(_l("Please mend the marked rows"), errors=[{"field": "rows"}])
    total = sum(line.total_fen for line in lines)
    if member.order_limit_fen is not None and total > member.order_limit_fen:
        raise OverOwnLimit(
            _l("You may place orders of up to %(limit)s, and this one comes to %(total)s. Ask a colleague with a "
               "higher limit to place it, or order in parts.", limit=yuan(member.order_limit_fen), total=yuan(total)),
            errors=[{"limit_fen": member.order_limit_fen, "wanted_fen": total}],
        )  # fmt: skip
    draft = OrderDraft(
        lines=tuple(DraftLine(line.sku_id, line.packs) for line in lines),
        contact=wish.contact or Contact(buyer.name or buyer.email, buyer.phone, buyer.email, buyer.locale),
        fulfilment=Pickup(counter_id),
        payment_method="on_account",
        user_id=buyer.id,
        note=wish.note,
        kind="bulk",
        organisation_id=wish.organisation_id,
        po_number=wish.po_number or None,
        needed_by=wish.needed_by,
        expected_total_fen=wish.expected_total_fen,
    )
    return place_order(session, draft, placement_key=placement_key, actor=actor, now=now)


def membership(session: Session, user_id: int, organisation_id: int) -> Membership:
    """The buyer's place in the organisation. Raises Forbidden for strangers, whatever else they are."""
    statement = select(Membership).where(Membership.user_id == user_id, Membership.organisation_id == organisation_id)
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise Forbidden(_l("Only members of the organisation may order for it"))
    return found


def check_day(needed_by: date | None, now: datetime) -> None:
    """Raise Invalid for a day the green channel cannot reach, or too far away to promise."""
    first = earliest_day(now)
    if needed_by is not None and not first <= needed_by <= first + timedelta(days=LATEST_DAYS):
        raise Invalid(_l("Goods need four days on the road: please choose a later day, within six months"),
                      errors=[{"field": "needed_by"}])  # fmt: skip
