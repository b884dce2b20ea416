"""Other goods in the place of what is missing: only with the customer's consent, and never for more money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Product, Sku
from catalogue.stock.availability import lock_available, promise
from catalogue.stock.lots import last_selling_day
from catalogue.stock.models import Channel, Location, Lot, StockLevel
from orders.fulfilment.assign import ROUTER
from orders.fulfilment.models import Allocation, Fulfilment, Substitution
from orders.fulfilment.steps import lock_part, missing_of, reject_line, split, standing
from orders.fulfilment.write_parts import place
from orders.lifecycle import settle_order, tell, tell_suppliers
from orders.models import Order, OrderLine, Reservation
from orders.payments.refunds import give_back_surplus
from orders.promises import lock_order, shorten_line, unallocate
from orders.routing.problem import Take
from orders.states import SUBSTITUTION_MOVES, FulfilmentStatus, SubstitutionState
from shop import audit
from shop.audit import Actor
from shop.clock import shanghai_day
from shop.errors import DomainError, Invalid, NotFound, WrongState
from shop.outbox import emit

S = SubstitutionState
WITHIN = timedelta(hours=1)
MOST_OFFERS = 12
TIME_IS_UP = Actor("substitution clock")


class NoLongerThere(DomainError):
    """The goods that were offered have been sold meanwhile."""

    code: ClassVar[str] = "no_longer_there"
    title = _l("What was offered has been sold meanwhile. We look for your first choice at another counter.")


@dataclass(frozen=True)
class Candidate:
    """Goods that may stand in: `free` packs stand at the counter; the customer pays `price_fen` a pack, never more
    than for what was ordered."""

    sku_id: int
    names: dict[str, str]
    pack_names: dict[str, str]
    code: str
    price_fen: int
    free: int


def candidates(session: Session, part: Fulfilment, line: OrderLine, now: datetime) -> Sequence[Candidate]:
    """Goods of the same product or shelf that stand free at this counter and are not on the order yet.

    Goods sold by weight neither stand in nor are stood in for: what they will cost is known only on the scale.
    """
    if line.by_weight is not None:
        return []
    meant = session.execute(
        select(Product.id, Product.category_id).join(Sku, Sku.product_id == Product.id).where(Sku.id == line.sku_id)
    ).one()
    on_order = select(OrderLine.sku_id).where(OrderLine.order_id == part.order_id)
    free = func.sum(StockLevel.on_hand - StockLevel.reserved)
    statement = (
        select(Sku, Product.names, free)
        .join(Product, Product.id == Sku.product_id)
        .join(StockLevel, StockLevel.sku_id == Sku.id)
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(
            Location.counter_id == part.counter_id, Lot.sellable, Sku.active, Sku.per_kg_fen.is_(None),
            Lot.best_before - Sku.min_life_days >= shanghai_day(now),
            (Product.id == meant.id) | (Product.category_id == meant.category_id),
            Sku.id.not_in(on_order),
        )
        .group_by(Sku.id, Product.id)
        .having(free > 0)
        .order_by((Product.id == meant.id).desc(), Product.position, Sku.pack_g, Sku.id)
        .limit(MOST_OFFERS)
    )  # fmt: skip
    return [
        Candidate(sku.id, names, sku.pack_names, sku.code, min(sku.price_fen, line.price_fen), int(packs))
        for sku, names, packs in session.execute(statement)
    ]


def propose(
    session: Session, fulfilment_id: int, line_id: int, sku_id: int, packs: int, actor: Actor, now: datetime
) -> Substitution:
    """Ask the customer whether `packs` of another SKU will do for what is missing of a line.

    Raises Invalid (more than is missing or stands there, no mail address to ask), NotFound, WrongState (the part is
    packed, or they are being asked already).
    """
    order, part = lock_part(session, fulfilment_id)
    line = session.get(OrderLine, line_id)
    if line is None or line.order_id != order.id:
        raise NotFound()
    if FulfilmentStatus(part.status) not in {FulfilmentStatus.ASSIGNED, FulfilmentStatus.ACCEPTED}:
        raise WrongState(errors=[{"status": part.status}])
    if asked_already(session, order.id):
        raise WrongState(_l("The customer is being asked about this order already"))
    missing = sum(one.quantity - one.picked for one in standing(session, part) if one.order_line_id == line_id)
    offer = next((one for one in candidates(session, part, line, now) if one.sku_id == sku_id), None)
    if offer is None or not 1 <= packs <= min(missing, offer.free):
        raise Invalid(_l("Please choose goods that stand here, and no more packs than are missing"))
    asked = Substitution(
        order_id=order.id, order_line_id=line_id, fulfilment_id=part.id, sku_id=sku_id, packs=packs,
        price_fen=offer.price_fen, answer_by=now + WITHIN, proposed_by=actor.name,
    )  # fmt: skip
    session.add(asked)
    session.flush()
    audit.record(session, actor, "substitution.proposed", "fulfilment", part.id,
                 after={"sku": offer.code, "packs": packs, "price_fen": offer.price_fen})  # fmt: skip
    tell(session, order, "substitution.proposed", sku_id=sku_id, packs=packs)
    emit(session, "order.mail", f"{order.id}:substitute:{asked.id}", {"order_id": order.id, "kind": "substitute"})
    return asked


def asked_already(session: Session, order_id: int) -> bool:
    """Whether an answer about this order is still to come."""
    waiting = select(Substitution.id).where(Substitution.order_id == order_id, Substitution.state == S.PROPOSED.value)
    return session.scalar(waiting.limit(1)) is not None


def lock_substitution(session: Session, substitution_id: int, order_id: int) -> tuple[Order, Substitution]:
    """The order's row, then the question's, both read anew. Raises NotFound for another order's."""
    order = lock_order(session, order_id)
    asked = session.get(Substitution, substitution_id, populate_existing=True, with_for_update=True)
    if asked is None or asked.order_id != order_id:
        raise NotFound()
    return order, asked


def move_substitution(
    session: Session, asked: Substitution, to: SubstitutionState, actor: Actor, now: datetime
) -> None:
    """The one function that moves a question (locked) along its diagram. Raises WrongState."""
    before = SubstitutionState(asked.state)
    if to not in SUBSTITUTION_MOVES[before]:
        raise WrongState(_l("This question has been answered, or its time is over"))
    asked.state, asked.answered_at = to.value, now
    audit.record(session, actor, f"substitution.{to.value}", "fulfilment", asked.fulfilment_id,
                 before={"state": before.value}, after={"state": to.value})  # fmt: skip
    session.flush()


def accept_substitute(session: Session, substitution_id: int, order_id: int, actor: Actor, now: datetime) -> None:
    """The customer agrees: stock, lines, total and (paid online) the difference move together.

    Raises WrongState (answered, too late, the part moved on), NoLongerThere (nothing is changed).
    """
    order, asked = lock_substitution(session, substitution_id, order_id)
    part = session.get_one(Fulfilment, asked.fulfilment_id, populate_existing=True, with_for_update=True)
    if now > asked.answer_by:
        raise WrongState(_l("This question has been answered, or its time is over"))
    if FulfilmentStatus(part.status) not in {FulfilmentStatus.ASSIGNED, FulfilmentStatus.ACCEPTED}:
        raise WrongState()
    move_substitution(session, asked, S.ACCEPTED, actor, now)
    old = session.get_one(OrderLine, asked.order_line_id)
    taken = missing_packs(session, part, asked)
    takes = free_packs(session, part, asked, [one.level_id for one in taken], now)
    unallocate(session, taken, actor.name)
    lock_available(session, [old.sku_id, asked.sku_id], Channel.COUNTERS)
    shorten_line(session, order, old, asked.packs)
    line = add_line(session, order, asked)
    promise(session, {asked.sku_id: asked.packs}, Channel.COUNTERS)
    promised = session.get_one(Reservation, line.id)
    place(session, [(promised, part, take) for take in takes], ROUTER)
    session.flush()
    tell(session, order, "substitution.accepted", sku_id=asked.sku_id, packs=asked.packs)
    tell_suppliers(session, order, f"substitute-{asked.id}")
    give_back_surplus(session, order, order.total_fen, "short", actor, now)
    settle_order(session, order, actor, now)


def missing_packs(session: Session, part: Fulfilment, asked: Substitution) -> list[Allocation]:
    """As many unticked packs of the line as the question is about, as allocations of their own. Raises WrongState."""
    left, taken = asked.packs, []
    for allocation in standing(session, part):
        rest = missing_of(session, allocation) if allocation.order_line_id == asked.order_line_id and left else None
        if rest is not None:
            taken.append(split(session, rest, min(left, rest.quantity)))
            left -= taken[-1].quantity
    if left:
        raise WrongState()
    return taken


def free_packs(
    session: Session, part: Fulfilment, asked: Substitution, leaving: Sequence[int], now: datetime
) -> list[Take]:
    """The lots the offered packs come from, the one that expires first before others; all levels concerned are locked
    in id order. Raises NoLongerThere."""
    here = select(Location.id).where(Location.counter_id == part.counter_id).scalar_subquery()
    statement = (
        select(StockLevel, Lot, Sku.min_life_days)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .where(
            ((StockLevel.sku_id == asked.sku_id) & (StockLevel.location_id == here)) | StockLevel.id.in_(list(leaving))
        )
        .order_by(StockLevel.id)
        .with_for_update(of=StockLevel)
        .execution_options(populate_existing=True)
    )
    today, left, takes = shanghai_day(now), asked.packs, []
    found = [row for row in session.execute(statement) if row[0].sku_id == asked.sku_id]
    for level, lot, min_life_days in sorted(found, key=lambda row: (row[1].best_before, row[0].id)):
        packs = min(left, level.on_hand - level.reserved)
        if packs > 0 and lot.sellable and last_selling_day(lot.best_before, min_life_days) >= today:
            takes.append(Take(asked.sku_id, level.id, packs))
            left -= packs
    if left:
        raise NoLongerThere()
    return takes


def add_line(session: Session, order: Order, asked: Substitution) -> OrderLine:
    """The new line with its promise, and the (locked) order's total with it."""
    last = session.scalar(select(func.max(OrderLine.position)).where(OrderLine.order_id == order.id)) or 0
    line = OrderLine(order_id=order.id, position=last + 1, sku_id=asked.sku_id, quantity=asked.packs,
                     price_fen=asked.price_fen)  # fmt: skip
    session.add(line)
    session.flush()
    session.add(Reservation(order_line_id=line.id, order_id=order.id, sku_id=asked.sku_id,
                            channel=Channel.COUNTERS.value, quantity=asked.packs, held=asked.packs))  # fmt: skip
    order.lines_fen += asked.packs * asked.price_fen
    order.total_fen += asked.packs * asked.price_fen
    session.flush()
    session.expire(order, ["lines"])
    return line


def refuse_substitute(session: Session, substitution_id: int, order_id: int, actor: Actor, now: datetime) -> None:
    """The customer wants what was ordered: what is missing goes back to routing. Raises WrongState."""
    end_question(session, substitution_id, order_id, S.REFUSED, actor, now)


def end_question(
    session: Session, substitution_id: int, order_id: int, to: SubstitutionState, actor: Actor, now: datetime
) -> None:
    """No substitute: what is missing of the line goes back to routing, if the counter still has it to do."""
    _order, asked = lock_substitution(session, substitution_id, order_id)
    move_substitution(session, asked, to, actor, now)
    part = session.get_one(Fulfilment, asked.fulfilment_id, populate_existing=True)
    wanted = [one for one in standing(session, part) if one.order_line_id == asked.order_line_id]
    if part.closed_at is None and any(one.picked < one.quantity for one in wanted):
        reject_line(session, part.id, asked.order_line_id, "no substitute wanted", actor, now, keep_picked=True)


def end_unanswered(session: Session, now: datetime, limit: int = 100) -> int:
    """End the questions nobody answered in time, each in a transaction of its own; how many."""
    statement = (
        select(Substitution.id, Substitution.order_id)
        .where(Substitution.state == S.PROPOSED.value, Substitution.answer_by < now)
        .order_by(Substitution.id)
        .limit(limit)
    )
    ended = 0
    for substitution_id, order_id in session.execute(statement).all():
        try:
            end_question(session, substitution_id, order_id, S.EXPIRED, TIME_IS_UP, now)
        except WrongState:  # answered a moment ago
            session.rollback()
            continue
        session.commit()
        ended += 1
    return ended
