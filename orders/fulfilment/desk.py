"""Find the order of whoever stands at the counter: by pickup code, order number, or the end of their phone number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from orders.fulfilment.models import Fulfilment
from orders.fulfilment.steps import WrongCode
from orders.models import Order, OrderContact
from orders.phones import plain_phone
from orders.states import FulfilmentRole, FulfilmentStatus
from shop.errors import DomainError
from shop.i18n import localised

CODE, PHONE_END = re.compile(r"\d{8}"), re.compile(r"\d{4}|\d{11}")
# Letters people leave out or type in small: YL-7K3D-9QMF.
NUMBER = re.compile(r"(?:YL)?([A-Z0-9]{4})([A-Z0-9]{4})")
WAITS = [one.value for one in (FulfilmentStatus.ASSIGNED, FulfilmentStatus.ACCEPTED, FulfilmentStatus.READY,
                               FulfilmentStatus.DISPATCHED)]  # fmt: skip


class AtAnotherCounter(DomainError):
    """The code or number is good, but the goods wait elsewhere."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "wrong_counter"
    title = _l("This order waits at another counter")


class AlreadyHandedOver(DomainError):
    """The goods are gone: whoever shows the code now is too late, or shows it a second time."""

    code: ClassVar[str] = "handed_over"
    title = _l("This order was handed over already")


def find_waiting(session: Session, counter_ids: set[int] | None, typed: str) -> Sequence[Fulfilment]:
    """The parts at these counters (None: any) that the words fit; several only for the end of a phone number.

    Raises WrongCode when nothing fits, AtAnotherCounter, AlreadyHandedOver. Of another counter's orders only
    somebody who knows the whole code or number learns, and only where they wait.
    """
    wanted, exact = meant(typed)
    if wanted is None:
        raise WrongCode(errors=[{"field": "code"}])
    here = parts_like(wanted).where(Fulfilment.status.in_(WAITS))
    if counter_ids is not None:
        here = here.where(Fulfilment.counter_id.in_(counter_ids))
    found = session.execute(here.order_by(Fulfilment.due_at, Fulfilment.id).limit(20)).scalars().all()
    if found or not exact:
        if not found:
            raise WrongCode(errors=[{"field": "code"}])
        return found[:1] if exact else found
    raise reason_why_not(session, counter_ids, wanted)


def meant(typed: str) -> tuple[Any, bool]:
    """What the typed words may be (a condition, None for nothing), and whether they name one order alone."""
    plain = plain_phone(typed)
    if CODE.fullmatch(plain):
        return Order.pickup_code == plain, True
    if PHONE_END.fullmatch(plain):
        return OrderContact.phone.endswith(plain), False
    letters = NUMBER.fullmatch(re.sub(r"[\s-]", "", typed).upper())
    return (Order.number == f"YL-{letters[1]}-{letters[2]}", True) if letters else (None, True)


def parts_like(wanted: Any) -> Select[Any]:
    """Parts that end at a customer, of such orders."""
    return (
        select(Fulfilment)
        .join(Order, Order.id == Fulfilment.order_id)
        .outerjoin(OrderContact, OrderContact.order_id == Order.id)
        .where(wanted, Fulfilment.role != FulfilmentRole.TRANSFER.value)
        .options(joinedload(Fulfilment.counter), joinedload(Fulfilment.order).joinedload(Order.contact))
    )


def reason_why_not(session: Session, counter_ids: set[int] | None, wanted: Any) -> DomainError:
    """Why a whole code or number finds nothing here."""
    standing = [*WAITS, FulfilmentStatus.HANDED_OVER.value]
    statement = parts_like(wanted).where(Fulfilment.status.in_(standing)).order_by(Fulfilment.id.desc()).limit(1)
    part = session.execute(statement).scalars().first()
    if part is None:
        return WrongCode(errors=[{"field": "code"}])
    if counter_ids is not None and part.counter_id not in counter_ids:
        place = f"{localised(part.counter.names)}, {localised(part.counter.street)}"
        return AtAnotherCounter(_l("This order waits at another counter: %(place)s", place=place))
    return AlreadyHandedOver()
