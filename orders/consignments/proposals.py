"""Ask cooperatives for what the counters will lack: every night by itself, at any time by hand."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Counter, Product, Sku
from catalogue.stock.models import Location, Lot, MovementKind, StockLevel, StockMovement
from orders.consignments.demand import SHAPE_WEEKS, forecast
from orders.consignments.models import Consignment, ConsignmentLine, ReorderPoint
from orders.consignments.replenish import REVIEW_DAYS, ROAD_DAYS, Shelf, StoreLot, Wish, share_out, wish_of
from orders.consignments.setting_aside import DAYS_AT_THE_COUNTER
from orders.consignments.states import COMING, ConsignmentStatus
from shop import audit
from shop.audit import Actor
from shop.clock import SHANGHAI, shanghai_day
from shop.errors import Invalid, NotFound
from shop.outbox import emit

PLANNER = Actor("replenishment")
HISTORY_DAYS = 7 * SHAPE_WEEKS
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

Key = tuple[int, int]  # counter id, SKU id
SOLD = (MovementKind.SHIP.value, MovementKind.TRANSFER_OUT.value, MovementKind.TRANSFER_IN.value)


def propose_all(session: Session, now: datetime) -> int:
    """Propose to every cooperative what its counters will lack; how many consignments were asked for.

    Proposals nobody has answered get the new figures; what is on its way is counted as if it were there.
    """
    today = shanghai_day(now)
    made = 0
    for cooperative_id in session.execute(select(Cooperative.id).where(Cooperative.active)).scalars().all():
        made += propose_for(session, cooperative_id, today, now)
        session.commit()
    return made


def propose_for(session: Session, cooperative_id: int, today: date, now: datetime) -> int:
    """Write the proposals to one cooperative; how many."""
    session.execute(select(Cooperative.id).where(Cooperative.id == cooperative_id).with_for_update())
    arrives_on = today + timedelta(days=ROAD_DAYS + REVIEW_DAYS)
    lots = store_lots(session, cooperative_id, arrives_on)
    wishes: dict[int, list[Wish]] = defaultdict(list)
    for shelf in shelves_of(session, cooperative_id, today):
        wish = wish_of(shelf, lots.get(shelf.sku_id, ()))
        if wish is not None:
            wishes[shelf.sku_id].append(wish)
    by_counter: dict[int, dict[int, tuple[int, dict[str, Any]]]] = defaultdict(dict)
    for sku_id, wanted in sorted(wishes.items()):
        for wish, packs in share_out(wanted, sum(lot.quantity for lot in lots[sku_id])):
            by_counter[wish.shelf.counter_id][sku_id] = packs, why(wish)
    for counter_id, lines in sorted(by_counter.items()):
        propose(session, cooperative_id, counter_id, arrives_on, lines, PLANNER)
    return len(by_counter)


def why(wish: Wish) -> dict[str, Any]:
    """The figures behind a proposal, as a person may ask for them."""
    shelf = wish.shelf
    return {
        "free": shelf.free, "coming": shelf.coming, "point": shelf.point, "up_to": shelf.up_to,
        "sold_on_the_road": round(wish.sold_on_the_road, 1), "at_arrival": round(wish.at_arrival, 1),
    }  # fmt: skip


def store_lots(session: Session, cooperative_id: int, arrives_on: date) -> dict[int, list[StoreLot]]:
    """Free packs in a cooperative's store by SKU, with the days they can be sold once they have arrived."""
    statement = (
        select(
            StockLevel.sku_id, StockLevel.on_hand - StockLevel.reserved, Lot.best_before - Sku.min_life_days
        )
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Location, Location.id == StockLevel.location_id)
        .where(
            Location.cooperative_id == cooperative_id, StockLevel.on_hand > StockLevel.reserved,
            Lot.sellable, Sku.active,
        )
        .order_by(StockLevel.id)
    )  # fmt: skip
    lots: dict[int, list[StoreLot]] = defaultdict(list)
    for sku_id, free, last_selling_day in session.execute(statement):
        days = (last_selling_day - arrives_on).days
        if days >= DAYS_AT_THE_COUNTER:
            lots[sku_id].append(StoreLot(int(free), days + 1))
    return lots


def shelves_of(session: Session, cooperative_id: int, today: date) -> list[Shelf]:
    """Every shelf with a reorder point that this cooperative fills, with its stock, what is coming, and its demand."""
    statement = (
        select(ReorderPoint, Sku.case_pack, Sku.shelf_life_days)
        .join(Sku, Sku.id == ReorderPoint.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .join(Counter, Counter.id == ReorderPoint.counter_id)
        .where(Product.cooperative_id == cooperative_id, Sku.active, Counter.active)
        .order_by(ReorderPoint.counter_id, ReorderPoint.sku_id)
    )
    rows = session.execute(statement).all()
    sku_ids = sorted({point.sku_id for point, _, _ in rows})
    free, coming = free_at_counters(session, sku_ids), coming_to_counters(session, sku_ids)
    sold = sold_a_day(session, sku_ids, today)
    return [
        Shelf(
            point.counter_id, point.sku_id, point.point, point.up_to,
            free.get((point.counter_id, point.sku_id), 0), coming.get((point.counter_id, point.sku_id), 0),
            tuple(forecast(sold.get((point.counter_id, point.sku_id), ()), today - timedelta(days=1),
                           ROAD_DAYS + REVIEW_DAYS + shelf_life)),
            case_pack,
        )
        for point, case_pack, shelf_life in rows
    ]  # fmt: skip


def free_at_counters(session: Session, sku_ids: Sequence[int]) -> dict[Key, int]:
    """Free sellable packs at each counter."""
    statement = (
        select(Counter.id, StockLevel.sku_id, func.sum(StockLevel.on_hand - StockLevel.reserved))
        .join(Location, Location.id == StockLevel.location_id)
        .join(Counter, Counter.id == Location.counter_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(StockLevel.sku_id.in_(sku_ids), Lot.sellable)
        .group_by(Counter.id, StockLevel.sku_id)
    )
    return {(counter_id, sku_id): int(packs) for counter_id, sku_id, packs in session.execute(statement)}


def coming_to_counters(session: Session, sku_ids: Sequence[int]) -> dict[Key, int]:
    """Packs that cooperatives have confirmed or sent, by counter and SKU; what customers wait for fills no shelf."""
    for_the_shelf = func.sum(ConsignmentLine.confirmed - ConsignmentLine.promised)
    statement = (
        select(Consignment.counter_id, ConsignmentLine.sku_id, for_the_shelf)
        .join(Consignment, Consignment.id == ConsignmentLine.consignment_id)
        .where(ConsignmentLine.sku_id.in_(sku_ids), Consignment.status.in_(COMING))
        .group_by(Consignment.counter_id, ConsignmentLine.sku_id)
    )
    return {(counter_id, sku_id): int(packs or 0) for counter_id, sku_id, packs in session.execute(statement)}


def sold_a_day(session: Session, sku_ids: Sequence[int], today: date) -> dict[Key, list[int]]:
    """Packs that left each shelf for customers on each of the last eight weeks' days, oldest first.

    What a counter sends to another for an order is the sender's sale. A younger shelf starts on its first day.
    """
    day = func.date(func.timezone("Asia/Shanghai", StockMovement.recorded_at))
    begin = datetime.combine(today - timedelta(days=HISTORY_DAYS), datetime.min.time(), SHANGHAI)
    statement = (
        select(Counter.id, StockLevel.sku_id, day, -func.sum(StockMovement.d_on_hand))
        .join(StockLevel, StockLevel.id == StockMovement.level_id)
        .join(Location, Location.id == StockLevel.location_id)
        .join(Counter, Counter.id == Location.counter_id)
        .where(
            StockLevel.sku_id.in_(sku_ids), StockMovement.kind.in_(SOLD),
            StockMovement.recorded_at >= begin, day < today,
        )
        .group_by(Counter.id, StockLevel.sku_id, day)
    )  # fmt: skip
    packs: dict[Key, dict[date, int]] = defaultdict(dict)
    for counter_id, sku_id, on, count in session.execute(statement):
        packs[counter_id, sku_id][on] = max(0, int(count))
    return {
        key: [days.get(on, 0) for on in days_between(min(days), today)] for key, days in packs.items() if days
    }  # fmt: skip


def days_between(first: date, end: date) -> list[date]:
    """Every day from the first up to, but not with, the end."""
    return [first + timedelta(days=offset) for offset in range((end - first).days)]


def propose(
    session: Session,
    cooperative_id: int,
    counter_id: int,
    arrives_on: date,
    lines: Mapping[int, tuple[int, dict[str, Any]]],
    actor: Actor,
) -> Consignment:
    """Ask for packs (and why) by SKU id; a proposal to that counter that waits for an answer gets these figures."""
    waiting = select(Consignment).where(
        Consignment.cooperative_id == cooperative_id, Consignment.counter_id == counter_id,
        Consignment.status == ConsignmentStatus.PROPOSED.value,
    )  # fmt: skip
    consignment = session.execute(waiting.with_for_update()).scalar_one_or_none()
    if consignment is None:
        consignment = Consignment(
            number=new_number(), cooperative_id=cooperative_id, counter_id=counter_id, arrives_on=arrives_on
        )
        session.add(consignment)
        session.flush()
    consignment.arrives_on = arrives_on
    before = {line.sku_id: line.proposed for line in consignment.lines}
    after = {sku_id: packs for sku_id, (packs, _) in lines.items()}
    if before == after:
        return consignment
    for line in consignment.lines:
        if line.sku_id not in lines:
            session.delete(line)
    upsert = insert(ConsignmentLine).values([
        {"consignment_id": consignment.id, "sku_id": sku_id, "proposed": packs, "why": figures}
        for sku_id, (packs, figures) in sorted(lines.items())
    ])  # fmt: skip
    session.execute(
        upsert.on_conflict_do_update(
            index_elements=["consignment_id", "sku_id"],
            set_={"proposed": upsert.excluded.proposed, "why": upsert.excluded.why},
        )
    )
    session.expire(consignment)
    codes = dict(session.execute(select(Sku.id, Sku.code).where(Sku.id.in_({*before, *after}))).all())
    audit.record(
        session, actor, "consignment.proposed", "consignment", consignment.id,
        before={codes[sku_id]: packs for sku_id, packs in before.items()} or None,
        after={codes[sku_id]: packs for sku_id, packs in after.items()},
    )  # fmt: skip
    version = session.scalar(
        select(func.count()).where(
            audit.AuditEntry.subject_type == "consignment", audit.AuditEntry.subject_id == str(consignment.id),
            audit.AuditEntry.action == "consignment.proposed",
        )
    )  # fmt: skip
    payload = {"consignment_id": consignment.id, "kind": "proposed"}
    emit(session, "consignment.notice", f"{consignment.id}:proposed:{version}", payload)
    return consignment


def propose_by_hand(
    session: Session, cooperative_id: int, counter_id: int, arrives_on: date, packs: Mapping[int, int], actor: Actor,
    now: datetime,
) -> Consignment:  # fmt: skip
    """The office asks a cooperative for packs by SKU id. Raises Invalid, NotFound (not this cooperative's goods)."""
    if arrives_on < shanghai_day(now) + timedelta(days=ROAD_DAYS):
        raise Invalid(_l("The road takes four days"), errors=[{"field": "arrives_on"}])
    wanted = {sku_id: count for sku_id, count in packs.items() if count}
    if not wanted or min(wanted.values()) < 0:
        raise Invalid(_l("Please enter a whole number of packs."), errors=[{"field": "packs"}])
    own = select(func.count(Sku.id)).join(Product, Product.id == Sku.product_id)
    found = session.scalar(own.where(Sku.id.in_(wanted), Product.cooperative_id == cooperative_id))
    if found != len(wanted) or session.get(Counter, counter_id) is None:
        raise NotFound()
    session.execute(select(Cooperative.id).where(Cooperative.id == cooperative_id).with_for_update())
    lines = {sku_id: (count, {"asked_by": actor.name}) for sku_id, count in wanted.items()}
    return propose(session, cooperative_id, counter_id, arrives_on, lines, actor)


def new_number() -> str:
    """A random number people can read aloud: GC-7K3D-9Q (31 or so letters each)."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(6))
    return f"GC-{letters[:4]}-{letters[4:]}"
