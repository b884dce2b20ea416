"""Put a part's packs on the scale: what they cost follows, and what was paid too much goes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.by_weight import HEAVIEST_G
from orders.fulfilment.models import Allocation, Fulfilment, WeighedPack
from orders.lifecycle import tell
from orders.models import Order, OrderLine
from orders.payments.refunds import CASHIER, give_back_surplus, note_overpaid
from orders.states import FulfilmentStatus
from orders.weights import write_weights
from shop import audit
from shop.audit import Actor
from shop.errors import DomainError, Invalid, WrongState

# Until it leaves the counter, a weight may be corrected.
WEIGHABLE = frozenset({FulfilmentStatus.ASSIGNED, FulfilmentStatus.ACCEPTED, FulfilmentStatus.READY})


class WeightsMissing(DomainError):
    """Goods sold by weight were not weighed; `errors` names them."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "weights_missing"
    title = _l("Please enter the grams of every pack that is sold by weight")


class LightPacks(DomainError):
    """Packs weigh less than they are sold as; `errors` says which. Weigh again, or say that it is meant."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "light_packs"
    title = _l("A pack weighs less than it is sold as. Please weigh it again, or confirm that the weight is right.")


@dataclass(frozen=True)
class Scale:
    """What the scale showed: grams of each pack, by allocation. `light_is_meant`: somebody looked again."""

    grams: Mapping[int, Sequence[int]]
    light_is_meant: bool = False


@dataclass(frozen=True)
class Weighed:
    """What came of it: packs charged as less than they weigh, fen that go back, fen that went back before in excess."""

    heavy: tuple[int, ...] = field(default=())
    back_fen: int = 0
    overpaid_fen: int = 0


def weigh(session: Session, order: Order, part: Fulfilment, scale: Scale, actor: Actor, now: datetime) -> Weighed:
    """Write down the weights of a locked part's packs; the order costs what they cost, and a surplus goes back.

    The same weights again change nothing. Raises WrongState once the part has left, Invalid, LightPacks.
    """
    if FulfilmentStatus(part.status) not in WEIGHABLE:
        raise WrongState(errors=[{"status": part.status}])
    packs = by_weight_packs(session, part)
    check(packs, scale)
    changed = False
    for allocation in packs:
        grams = list(scale.grams.get(allocation.id, ()))
        before = [one.grams for one in allocation.weights]
        if grams and grams != before:
            write_weights(session, order, allocation, allocation.line, grams)
            note(session, order, part, allocation, before, grams, actor)
            changed = True
    heavy = tuple(
        one for allocation in packs for one in scale.grams.get(allocation.id, ()) if one > heaviest(allocation.line)
    )
    if not changed:
        return Weighed(heavy)
    # The refund follows from the scale by rule: whoever weighs decides nothing about money.
    back = give_back_surplus(session, order, order.total_fen, "weight", CASHIER, now)
    return Weighed(heavy, back, note_overpaid(session, order) if wholly_weighed(session, order) else 0)


def by_weight_packs(session: Session, part: Fulfilment) -> list[Allocation]:
    """The part's allocations of goods sold by weight that stand on its shelves, with line and weights; in level order.

    Also those whose packs were weighed where they came from.
    """
    statement = (
        select(Allocation)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .where(Allocation.fulfilment_id == part.id, Allocation.state == "reserved", OrderLine.per_kg_fen.is_not(None))
        .options(joinedload(Allocation.line), selectinload(Allocation.weights))
        .order_by(Allocation.level_id, Allocation.id)
        .execution_options(populate_existing=True)
    )
    return list(session.execute(statement).scalars())


def wholly_weighed(session: Session, order: Order) -> bool:
    """Whether nothing of the order is left whose weight could still bring money back."""
    missing = select(OrderLine.id).where(
        OrderLine.order_id == order.id, OrderLine.per_kg_fen.is_not(None),
        OrderLine.weighed_packs < OrderLine.quantity - OrderLine.cancelled,
    )  # fmt: skip
    return session.execute(missing.limit(1)).first() is None


def heaviest(line: OrderLine) -> int:
    """The grams of a pack that are charged at most."""
    return line.weight_to_g or HEAVIEST_G


def check(packs: Sequence[Allocation], scale: Scale) -> None:
    """Refuse what cannot be: raises Invalid for a wrong number of packs or impossible grams, LightPacks."""
    known = {allocation.id: allocation for allocation in packs}
    wrong = [
        {"field": field_of(number), "packs": known[number].quantity if number in known else 0}
        for number, grams in scale.grams.items()
        if number not in known or len(grams) != known[number].quantity
        or not all(1 <= one <= HEAVIEST_G for one in grams)
    ]  # fmt: skip
    if wrong:
        raise Invalid(_l("Please enter one weight in grams for each pack"), errors=wrong)
    light = [
        {"field": field_of(number), "grams": one, "least_g": known[number].line.weight_from_g}
        for number, grams in scale.grams.items()
        for one in grams
        if one < (known[number].line.weight_from_g or 0)
    ]
    if light and not scale.light_is_meant:
        raise LightPacks(errors=light)


def field_of(allocation_id: int) -> str:
    """What the weights of an allocation are called where they are typed."""
    return f"grams-{allocation_id}"


def note(
    session: Session, order: Order, part: Fulfilment, allocation: Allocation, before: list[int], grams: list[int],
    actor: Actor,
) -> None:  # fmt: skip
    """Audit, and the story the customer reads."""
    line = allocation.line
    audit.record(session, actor, "fulfilment.weighed", "fulfilment", part.id,
                 before={"sku_id": line.sku_id, "grams": before},
                 after={"sku_id": line.sku_id, "grams": grams})  # fmt: skip
    tell(session, order, "fulfilment.weighed", counter=part.counter.code, sku_id=line.sku_id, packs=len(grams),
         grams=sum(grams), again=bool(before))  # fmt: skip


def refuse_unweighed(session: Session, part: Fulfilment) -> None:
    """Raise WeightsMissing while a pack of the part that is sold by weight was not weighed."""
    weighed = (
        select(func.count()).where(WeighedPack.allocation_id == Allocation.id).correlate(Allocation).scalar_subquery()
    )
    statement = (
        select(Allocation.id, Allocation.quantity)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .where(Allocation.fulfilment_id == part.id, Allocation.state == "reserved", OrderLine.per_kg_fen.is_not(None),
               weighed < Allocation.quantity)
    )  # fmt: skip
    missing = session.execute(statement).all()
    if missing:
        raise WeightsMissing(errors=[{"field": field_of(number), "packs": packs} for number, packs in missing])
