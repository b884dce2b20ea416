"""What a counter does with its part of an order, step by step; each step is safe to press twice."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.stock.ledger import level_for, move
from catalogue.stock.models import Location, MovementKind, StockLevel
from orders.fulfilment.models import Allocation, Fulfilment, Rejection, Substitution
from orders.fulfilment.weighing import Scale, Weighed, refuse_unweighed, weigh
from orders.lifecycle import settle_order, tell
from orders.models import Order, OrderLine, Reservation
from orders.payments.methods import take_money
from orders.promises import ALLOCATION, lock_order, unallocate
from orders.shortage import lock_for_arrival, refuse_recalled
from orders.states import FULFILMENT_MOVES, FulfilmentRole, FulfilmentStatus
from orders.weights import forget_weights
from shop import audit
from shop.audit import Actor
from shop.errors import DomainError, Invalid, NotFound, WrongState
from shop.outbox import emit

F = FulfilmentStatus


class WrongCode(DomainError):
    """No order waiting at this counter has that code."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "wrong_code"
    title = _l("No order waiting here has this code, number or phone. Please check what was typed.")


class NotAllPicked(WrongState):
    """Ticking off was begun and is not finished."""

    code: ClassVar[str] = "not_all_picked"
    title = _l("Not everything is ticked off yet. Tick off the rest, or send back what is missing.")


class CustomerIsAsked(WrongState):
    """The customer has not said yet whether a substitute will do."""

    code: ClassVar[str] = "customer_is_asked"
    title = _l("The customer has not answered yet whether something else will do")


class TransfersMissing(WrongState):
    """Goods for this part are still on their way from another counter."""

    code: ClassVar[str] = "transfers_missing"
    title = _l("Goods for this order are still on their way from another counter")


class OtherSum(WrongState):
    """The sum that was asked for is not what the goods cost by now; `errors` has the right one."""

    code: ClassVar[str] = "other_sum"
    title = _l("The sum has changed meanwhile. Please look at it again before you take the money.")


def find_part(session: Session, fulfilment_id: int, counter_ids: set[int] | None) -> Fulfilment:
    """A part of one of these counters (None: any). Raises NotFound, also for another counter's."""
    part = session.get(Fulfilment, fulfilment_id)
    if part is None or (counter_ids is not None and part.counter_id not in counter_ids):
        raise NotFound()
    return part


def find_coming(session: Session, fulfilment_id: int, counter_ids: set[int] | None) -> Fulfilment:
    """A transfer on its way to one of these counters (None: to any). Raises NotFound for any other part."""
    part = session.get(Fulfilment, fulfilment_id)
    if part is None or part.role != FulfilmentRole.TRANSFER:
        raise NotFound()
    if counter_ids is not None and session.get_one(Order, part.order_id).pickup_counter_id not in counter_ids:
        raise NotFound()
    return part


def lock_part(session: Session, fulfilment_id: int) -> tuple[Order, Fulfilment]:
    """The order's row, then the part's: the shop's one order of locks; both read anew. Raises NotFound."""
    order_id = session.scalar(select(Fulfilment.order_id).where(Fulfilment.id == fulfilment_id))
    if order_id is None:
        raise NotFound()
    order = lock_order(session, order_id)
    part = session.get_one(Fulfilment, fulfilment_id, populate_existing=True, with_for_update=True)
    return order, part


def move_fulfilment(
    session: Session, order: Order, part: Fulfilment, to: FulfilmentStatus, actor: Actor, now: datetime
) -> None:
    """The one function that moves a part (locked) along its diagram. Raises WrongState off the diagram."""
    before = FulfilmentStatus(part.status)
    if to not in FULFILMENT_MOVES[before]:
        raise WrongState(errors=[{"status": before.value, "wanted": to.value}])
    part.status = to.value
    if to == F.ACCEPTED and before == F.ASSIGNED:
        part.accepted_at = now
    if to == F.READY:
        part.ready_at = now
    if not FULFILMENT_MOVES[to]:
        part.closed_at = now
    audit.record(
        session, actor, "fulfilment.moved", "fulfilment", part.id,
        before={"status": before.value}, after={"status": to.value},
    )  # fmt: skip
    tell(session, order, f"fulfilment.{to.value}", counter=part.counter.code, role=part.role)
    session.flush()


def accept(session: Session, fulfilment_id: int, actor: Actor, now: datetime) -> None:
    """The counter will do it; pressing again changes nothing."""
    order, part = lock_part(session, fulfilment_id)
    if part.status == F.ACCEPTED:
        return
    move_fulfilment(session, order, part, F.ACCEPTED, actor, now)
    settle_order(session, order, actor, now)


def make_ready(
    session: Session, fulfilment_id: int, actor: Actor, now: datetime, *, scale: Scale | None = None
) -> Weighed:
    """Picked, weighed and packed; with other weights for a part that is ready, they are corrected.

    Raises TransfersMissing while goods for a hand-over are on their way, WeightsMissing, and what weigh() raises;
    WrongState where nothing is left to pack (it was called back a moment ago, and the router has not been there yet),
    NotAllPicked where ticking off was begun and packs are missing, CustomerIsAsked while a substitute
    is offered.
    """
    order, part = lock_part(session, fulfilment_id)
    weighed = weigh(session, order, part, scale, actor, now) if scale is not None else Weighed()
    if part.status == F.READY:
        return weighed
    if part.role == FulfilmentRole.HAND_OVER and transfers_open(session, order.id):
        raise TransfersMissing()
    asked = select(Substitution.id).where(Substitution.fulfilment_id == part.id, Substitution.state == "proposed")
    if session.scalar(asked) is not None:
        raise CustomerIsAsked()
    refuse_unweighed(session, part)
    packs = goods_of(session, part)
    begun = any(one.picked and one.picked_at is None for one in packs)
    if begun and any(one.picked < one.quantity for one in packs):
        raise NotAllPicked()
    if part.status == F.ASSIGNED:
        move_fulfilment(session, order, part, F.ACCEPTED, actor, now)
    move_fulfilment(session, order, part, F.READY, actor, now)
    for allocation in packs:
        allocation.picked, allocation.picked_at = allocation.quantity, now
    settle_order(session, order, actor, now)
    return weighed


def transfers_open(session: Session, order_id: int) -> bool:
    """Whether a transfer of this order has not arrived yet."""
    statement = select(Fulfilment.id).where(
        Fulfilment.order_id == order_id,
        Fulfilment.role == FulfilmentRole.TRANSFER.value,
        Fulfilment.status.in_([F.ASSIGNED.value, F.ACCEPTED.value, F.READY.value, F.DISPATCHED.value]),
    )
    return session.execute(statement).first() is not None


def standing(session: Session, part: Fulfilment) -> list[Allocation]:
    """The part's allocations that stand on its shelves, in level order."""
    statement = (
        select(Allocation)
        .where(Allocation.fulfilment_id == part.id, Allocation.state == "reserved")
        .order_by(Allocation.level_id, Allocation.id)
    )
    return list(session.execute(statement).scalars())


def goods_of(session: Session, part: Fulfilment) -> list[Allocation]:
    """The same, of a part that is nothing without them. Raises WrongState when they were taken back."""
    packs = standing(session, part)
    if not packs:
        raise WrongState(errors=[{"status": part.status, "packs": 0}])
    return packs


def dispatch(session: Session, fulfilment_id: int, actor: Actor, now: datetime) -> None:
    """It left the counter: a delivery for the customer, a transfer for the pickup counter."""
    order, part = lock_part(session, fulfilment_id)
    if part.status == F.DISPATCHED:
        return
    if part.role == FulfilmentRole.HAND_OVER:
        raise WrongState()
    move_fulfilment(session, order, part, F.DISPATCHED, actor, now)
    packs = goods_of(session, part)
    if part.role == FulfilmentRole.TRANSFER:
        for allocation in packs:
            shift(session, allocation, MovementKind.TRANSFER_OUT, -allocation.quantity, actor)
            allocation.state = "in_transit"
    settle_order(session, order, actor, now)


def receive_transfer(session: Session, fulfilment_id: int, actor: Actor, now: datetime) -> None:
    """A transfer arrived at the pickup counter: its packs now stand there and belong to the hand-over.

    Those of a lot that was called back meanwhile stay on the shelf for nobody; the order is planned anew.
    """
    lock_for_arrival(session, fulfilment_id)
    order, part = lock_part(session, fulfilment_id)
    if part.status == F.RECEIVED:
        return
    if part.role != FulfilmentRole.TRANSFER:
        raise WrongState()
    move_fulfilment(session, order, part, F.RECEIVED, actor, now)
    target = session.execute(
        select(Fulfilment).where(
            Fulfilment.order_id == order.id,
            Fulfilment.role == FulfilmentRole.HAND_OVER.value,
            Fulfilment.status.in_([F.ASSIGNED.value, F.ACCEPTED.value, F.READY.value]),
        )
    ).scalar_one()
    place = session.execute(select(Location).where(Location.counter_id == target.counter_id)).scalar_one()
    moving = select(Allocation).where(Allocation.fulfilment_id == part.id, Allocation.state == "in_transit")
    arrived = session.execute(moving.order_by(Allocation.id)).scalars().all()
    for allocation in arrived:
        lot_id = session.get_one(StockLevel, allocation.level_id).lot_id
        allocation.level_id = level_for(session, lot_id, place.id).id
        allocation.fulfilment_id = target.id
        allocation.state = "reserved"
        allocation.picked, allocation.picked_at = 0, None  # whoever hands it over ticks it off again
        shift(session, allocation, MovementKind.TRANSFER_IN, allocation.quantity, actor)
    settle_order(session, order, actor, now)
    refuse_recalled(session, arrived, actor, now)


def shift(session: Session, allocation: Allocation, kind: MovementKind, packs: int, actor: Actor) -> None:
    """Move allocated packs in or out of a level: what is there and what is reserved together."""
    move(
        session, allocation.level_id, kind, on_hand=packs, reserved=packs,
        source_type=ALLOCATION, source_id=allocation.id, actor=actor.name,
    )  # fmt: skip


def hand_over(
    session: Session, fulfilment_id: int, code: str, actor: Actor, now: datetime, *, taken_fen: int | None = None
) -> Order:
    """Give the goods to whoever shows the code, and take the money for them if they are paid at the counter.

    `taken_fen` is what the customer was asked for, where it is known. Raises WrongCode, WrongState (not ready, or
    handed over already: a second redeem finds the part closed), OtherSum.
    """
    order, part = lock_part(session, fulfilment_id)
    if part.role == FulfilmentRole.TRANSFER:
        raise WrongState()
    digits = "".join(letter for letter in code if letter.isdigit())
    if not compare_digest(digits.encode(), (order.pickup_code or "").encode()):
        raise WrongCode(errors=[{"field": "code"}])
    move_fulfilment(session, order, part, F.HANDED_OVER, actor, now)
    packs = goods_of(session, part)
    due = take_money(session, order, part, actor.name)
    if taken_fen is not None and taken_fen != due:
        raise OtherSum(errors=[{"due_fen": due}])
    for allocation in packs:
        shift(session, allocation, MovementKind.SHIP, -allocation.quantity, actor)
        allocation.state = "shipped"
        reservation = session.get_one(Reservation, allocation.order_line_id, with_for_update=True)
        reservation.allocated -= allocation.quantity
        reservation.handed_over += allocation.quantity
    settle_order(session, order, actor, now)
    return order


def reject_line(
    session: Session,
    fulfilment_id: int,
    line_id: int,
    reason: str,
    actor: Actor,
    now: datetime,
    *,
    keep_picked: bool = False,
) -> None:
    """The counter cannot give a line: its packs go back to routing, which will not ask this counter for them again.

    With `keep_picked` what is ticked off stays, and only what is missing goes back.
    Raises Invalid without a reason, WrongState once the part is gone.
    """
    if not reason.strip():
        raise Invalid(_l("Please say why"), errors=[{"field": "reason"}])
    order, part = lock_part(session, fulfilment_id)
    if FulfilmentStatus(part.status) not in {F.ASSIGNED, F.ACCEPTED, F.READY}:
        raise WrongState(errors=[{"status": part.status}])
    taken = [one for one in standing(session, part) if one.order_line_id == line_id]
    if keep_picked:
        taken = [one for one in (missing_of(session, allocation) for allocation in taken) if one is not None]
    if not taken:
        raise NotFound()
    line = session.get_one(OrderLine, line_id)
    unallocate(session, taken, actor.name)
    note_rejection(session, part, line, sum(one.quantity for one in taken), reason.strip(), actor)
    tell(session, order, "fulfilment.line_rejected", counter=part.counter.code, sku_id=line.sku_id)
    if not standing(session, part) and not (
        part.role == FulfilmentRole.HAND_OVER and transfers_open(session, order.id)
    ):
        part.rejected_reason = reason.strip()
        move_fulfilment(session, order, part, F.REJECTED, actor, now)
    settle_order(session, order, actor, now)
    key = f"{order.id}:rejected:{part.id}:{line_id}:{taken[0].id}"
    emit(session, "order.route", key, {"order_id": order.id, "why": "rejected"})


def missing_of(session: Session, allocation: Allocation) -> Allocation | None:
    """The packs of an allocation that are not ticked off, as an allocation of their own; None when all are."""
    missing = allocation.quantity - allocation.picked
    return split(session, allocation, missing) if missing else None


def split(session: Session, allocation: Allocation, packs: int) -> Allocation:
    """So many unticked packs of an allocation as one of their own; the allocation itself when those are all.

    Nobody knows which of the packs were which on the scale: they are weighed again.
    """
    if packs == allocation.quantity:
        return allocation
    forget_weights(session, [allocation.id])
    allocation.quantity -= packs
    rest = Allocation(
        order_line_id=allocation.order_line_id, fulfilment_id=allocation.fulfilment_id, level_id=allocation.level_id,
        quantity=packs,
    )  # fmt: skip
    session.add(rest)
    session.flush()
    return rest


def note_rejection(session: Session, part: Fulfilment, line: OrderLine, packs: int, reason: str, actor: Actor) -> None:
    """Remember who could not give what, and why."""
    known = session.execute(
        select(Rejection).where(
            Rejection.order_id == part.order_id,
            Rejection.counter_id == part.counter_id,
            Rejection.sku_id == line.sku_id,
        )
    ).scalar_one_or_none()
    if known is None:
        session.add(
            Rejection(
                order_id=part.order_id, counter_id=part.counter_id, sku_id=line.sku_id,
                quantity=packs, reason=reason, actor=actor.name,
            )
        )  # fmt: skip
    after: dict[str, Any] = {"sku_id": line.sku_id, "packs": packs, "reason": reason}
    audit.record(session, actor, "fulfilment.line_rejected", "fulfilment", part.id, after=after)
