"""A consignment from proposal to shelf, step by step; each step is safe to press twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.stock.ledger import level_for, move
from catalogue.stock.models import Location, MovementKind, StockLevel
from orders.consignments.models import Consignment, ConsignmentLot, TemperatureReading
from orders.consignments.setting_aside import SOURCE, lots_of, release, set_aside, set_aside_packs
from orders.consignments.states import CONSIGNMENT_MOVES, ConsignmentStatus, LotState
from orders.consignments.waiting import Landed, lock, lock_with_waiting, serve_waiting, turn_away
from shop import audit
from shop.audit import Actor
from shop.errors import DomainError, Invalid, NotFound, WrongState
from shop.outbox import emit

C = ConsignmentStatus


class NotSetAside(WrongState):
    """Less stands ready than the cooperative has confirmed: a count or a withdrawn lot took it."""

    code: ClassVar[str] = "not_set_aside"
    title = _l("Some of these packs are gone from the store. Please confirm again what will be sent.")


class PacksDoNotAddUp(DomainError):
    """Received, damaged, missing and too warm must come to what was sent."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "packs_do_not_add_up"
    title = _l("Received, damaged, missing and too warm must add up to what was sent")


@dataclass(frozen=True)
class Outcome:
    """What became of the packs of one lot on the road."""

    received: int
    damaged: int = 0
    missing: int = 0
    too_warm: int = 0

    @property
    def packs(self) -> int:
        """All of them."""
        return self.received + self.damaged + self.missing + self.too_warm


def find(session: Session, consignment_id: int, *, cooperatives: Collection[int] | None = None,
         counters: Collection[int] | None = None) -> Consignment:  # fmt: skip
    """A consignment from one of these cooperatives and to one of these counters (None: any). Raises NotFound."""
    found = session.get(Consignment, consignment_id)
    if (
        found is None
        or (cooperatives is not None and found.cooperative_id not in cooperatives)
        or (counters is not None and found.counter_id not in counters)
    ):
        raise NotFound()
    return found


def advance(session: Session, consignment: Consignment, to: ConsignmentStatus, actor: Actor, now: datetime) -> None:
    """The one function that moves a consignment (locked) along its diagram. Raises WrongState off the diagram."""
    before = ConsignmentStatus(consignment.status)
    if to not in CONSIGNMENT_MOVES[before]:
        raise WrongState(errors=[{"status": before.value, "wanted": to.value}])
    consignment.status = to.value
    if to == C.CONFIRMED:
        consignment.confirmed_at = now
    if to == C.DISPATCHED:
        consignment.dispatched_at = now
    if not CONSIGNMENT_MOVES[to]:
        consignment.closed_at = now
    audit.record(
        session, actor, "consignment.moved", "consignment", consignment.id,
        before={"status": before.value}, after={"status": to.value},
    )  # fmt: skip
    session.flush()


def tell(session: Session, consignment_id: int, what: str) -> None:
    """Let who waits for it hear what became of it: the counter when it was sent, the cooperative when it arrived."""
    payload = {"consignment_id": consignment_id, "kind": what}
    emit(session, "consignment.notice", f"{consignment_id}:{what}", payload)


def confirm(
    session: Session, consignment_id: int, packs: Mapping[int, int], actor: Actor, now: datetime
) -> Consignment:
    """The cooperative will send so many packs of each line (by line id); lines left out are not sent.

    Until it is dispatched it may be confirmed again with other figures; customers who waited for more than that are
    served otherwise. Raises InsufficientStock, Invalid, WrongState.
    """
    consignment = lock_with_waiting(session, consignment_id)
    lines = {line.id: line for line in consignment.lines}
    if any(line_id not in lines or quantity < 0 for line_id, quantity in packs.items()) or not any(packs.values()):
        raise Invalid(_l("Please say at least of one of the goods how many packs you will send"))
    release(session, lots_of(session, consignment_id, LotState.SET_ASIDE), actor.name)
    advance(session, consignment, C.CONFIRMED, actor, now)
    turn_away(session, {line_id: packs.get(line_id, 0) for line_id in lines}, "not_coming")
    for line_id, line in lines.items():
        line.confirmed = packs.get(line_id, 0)
    session.flush()
    set_aside(session, consignment, actor.name)
    audit.record(
        session, actor, "consignment.confirmed", "consignment", consignment_id,
        after={lines[line_id].sku.code: quantity for line_id, quantity in packs.items()},
    )  # fmt: skip
    return consignment


def end(
    session: Session, consignment_id: int, to: ConsignmentStatus, reason: str, actor: Actor, now: datetime
) -> Consignment:
    """The cooperative declines it, or the office withdraws it: what was set aside goes back, nobody waits for it."""
    consignment = lock_with_waiting(session, consignment_id)
    if consignment.status == to:
        return consignment
    advance(session, consignment, to, actor, now)
    consignment.note = reason[:500]
    turn_away(session, {line.id: 0 for line in consignment.lines}, "not_coming")
    release(session, lots_of(session, consignment_id, LotState.SET_ASIDE), actor.name)
    return consignment


def dispatch(session: Session, consignment_id: int, vehicle: str, actor: Actor, now: datetime) -> Consignment:
    """It is on the road: its packs leave the store. Raises NotSetAside when less stands ready than was confirmed."""
    consignment = lock(session, consignment_id)
    if consignment.status == C.DISPATCHED:
        return consignment
    ready = set_aside_packs(session, consignment_id)
    if any((line.confirmed or 0) != ready.get(line.id, 0) for line in consignment.lines):
        raise NotSetAside()
    advance(session, consignment, C.DISPATCHED, actor, now)
    consignment.vehicle = vehicle[:200]
    for lot in lots_of(session, consignment_id, LotState.SET_ASIDE):
        move(
            session, lot.level_id, MovementKind.TRANSFER_OUT, on_hand=-lot.quantity, reserved=-lot.quantity,
            source_type=SOURCE, source_id=lot.id, actor=actor.name,
        )  # fmt: skip
        lot.state = LotState.ON_THE_ROAD.value
    tell(session, consignment_id, "dispatched")
    return consignment


def receive(
    session: Session, consignment_id: int, outcomes: Mapping[int, Outcome], actor: Actor, now: datetime
) -> Consignment:
    """It is here: what is good stands on the counter's shelf from now on (`outcomes` by consignment lot id).

    Customers who wait for it come first, before anybody else may be promised any of it.
    Raises PacksDoNotAddUp naming each lot whose packs are not all accounted for, WrongState.
    """
    consignment = lock_with_waiting(session, consignment_id)
    if consignment.status == C.RECEIVED:
        return consignment
    lots = lots_of(session, consignment_id, LotState.ON_THE_ROAD)
    wrong = [lot.id for lot in lots if outcomes.get(lot.id, Outcome(0)).packs != lot.quantity]
    if wrong:
        raise PacksDoNotAddUp(errors=[{"field": f"lot-{lot_id}"} for lot_id in wrong])
    advance(session, consignment, C.RECEIVED, actor, now)
    shelf = session.execute(select(Location.id).where(Location.counter_id == consignment.counter_id)).scalar_one()
    landed = [put_on_shelf(session, lot, outcomes[lot.id], shelf, actor) for lot in by_sku(session, lots)]
    serve_waiting(session, consignment, [one for one in landed if one is not None], actor)
    tell(session, consignment_id, "received")
    return consignment


def by_sku(session: Session, lots: Sequence[ConsignmentLot]) -> list[ConsignmentLot]:
    """In SKU order: receiving raises availability, whose rows everybody locks in that order."""
    return sorted(lots, key=lambda lot: (session.get_one(StockLevel, lot.level_id).sku_id, lot.id))


def put_on_shelf(session: Session, lot: ConsignmentLot, outcome: Outcome, shelf: int, actor: Actor) -> Landed | None:
    """Write down what became of a lot, and receive what is good of it; where that stands now."""
    lot.received, lot.damaged = outcome.received, outcome.damaged
    lot.missing, lot.too_warm = outcome.missing, outcome.too_warm
    lot.state = LotState.ARRIVED.value
    session.flush()
    if not outcome.received:
        return None
    level = level_for(session, session.get_one(StockLevel, lot.level_id).lot_id, shelf)
    move(
        session, level.id, MovementKind.RECEIVE, on_hand=outcome.received,
        source_type=SOURCE, source_id=lot.id, actor=actor.name,
    )  # fmt: skip
    return Landed(lot.line_id, level.id, outcome.received)


def note_temperatures(session: Session, consignment_id: int, readings: Mapping[datetime, int], actor: Actor) -> int:
    """Add what the thermometer said (tenths of °C by time, UTC); readings known already are left; how many were new.

    Raises WrongState unless the goods are set aside or on the road, Invalid for what no lorry can be.
    """
    consignment = lock(session, consignment_id)
    if consignment.status not in {C.CONFIRMED, C.DISPATCHED}:
        raise WrongState()
    if any(not -600 <= tenths <= 600 for tenths in readings.values()):
        raise Invalid(_l("A temperature lies between −60 and 60 °C"))
    if not readings:
        return 0
    statement = (
        insert(TemperatureReading)
        .values([
            {"consignment_id": consignment_id, "at": at, "tenths": tenths, "actor": actor.name}
            for at, tenths in sorted(readings.items())
        ])
        .on_conflict_do_nothing(index_elements=["consignment_id", "at"])
        .returning(TemperatureReading.id)
    )  # fmt: skip
    return len(session.execute(statement).all())
