"""Fill the green channel of the demonstration: shelves that are kept filled, and consignments at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.models import Category, Cooperative, Counter, Product, Sku
from catalogue.seed.demo import ACTOR, arrive
from catalogue.stock.models import Location, StockLevel
from orders.consignments.models import Consignment, ReorderPoint
from orders.consignments.proposals import propose_by_hand
from orders.consignments.replenish import ROAD_DAYS
from orders.consignments.setting_aside import lots_of
from orders.consignments.states import ConsignmentStatus, LotState
from orders.consignments.steps import Outcome, confirm, dispatch, end, note_temperatures, receive
from shop.audit import Actor
from shop.clock import shanghai_day

C = ConsignmentStatus
SEED = Actor(ACTOR)
# Seeded shelves hold 12 packs or more: a few are under their point from the first night on.
POINT = 14
WOVEN_TO_ORDER = "handicraft"
MADE_BEFORE = timedelta(days=2)
LOADING = timedelta(days=1)
BETWEEN_READINGS = timedelta(hours=12)


@dataclass(frozen=True)
class Journey:
    """A consignment of the demonstration: asked for some days ago, and how far it came.

    `packs` by SKU; `tenths` what the lorry's thermometer said, in tenths of °C; `damaged` packs of each SKU.
    """

    cooperative: str
    counter: str
    packs: Mapping[str, int]
    days_ago: int
    status: ConsignmentStatus
    vehicle: str = ""
    tenths: tuple[int, ...] = ()
    damaged: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


JOURNEYS = (
    Journey("CHANGZHU", "WH-JH-01", {"RP-1000": 40, "RP-5000": 8}, 3, C.DISPATCHED, "藏C·D2617"),
    Journey("CHANGZHU", "WH-WC-01", {"RP-1000": 60, "RP-2500": 16}, 0, C.PROPOSED),
    Journey("CHANGZHU", "WH-JX-02", {"RP-1000": 20, "RP-2500": 8}, 1, C.CONFIRMED),
    Journey("CHANGZHU", "WH-QS-01", {"RP-1000": 40}, 8, C.RECEIVED, "藏C·D2617", damaged={"RP-1000": 3}),
    Journey("YADUI", "WH-JH-01", {"ZE-10": 48, "ZE-30": 16}, 4, C.DISPATCHED, "藏C·L0358", (42, 47, 61, 93)),
    Journey("YADUI", "WH-HS-01", {"ZE-10": 24, "ZC-HALF": 12}, 1, C.CONFIRMED),
    Journey("SUOZHU", "WH-JX-01", {"ZP-BELLY-500": 40}, 6, C.DISPATCHED, "藏C·L1190", (-196, -188, -181)),
    Journey("SUOZHU", "WH-JH-01", {"ZP-RIBS-500": 20}, 9, C.RECEIVED, "藏C·L1190", (-194, -187), {"ZP-RIBS-500": 1}),
    Journey("ZETANG", "WH-JH-01", {"ZH-OIL-1800": 12, "TS-500": 20}, 1, C.CONFIRMED),
    Journey("ZETANG", "WH-DX-01", {"ZH-OIL-5000": 8}, 0, C.PROPOSED),
    Journey("DUOPO", "WH-JX-01", {"YW-BOX": 30}, 5, C.DECLINED, note="大雪封山，这周走不了"),
)  # fmt: skip


def seed_channel(session: Session, now: datetime, *, with_consignments: bool) -> None:
    """Reorder points, and consignments on their way; a second run changes nothing."""
    seed_points(session)
    if with_consignments and session.execute(select(Consignment.id).limit(1)).first() is None:
        for journey in JOURNEYS:
            travel(session, journey, now)
    session.commit()


def seed_points(session: Session) -> None:
    """Every shelf that has food on it is kept filled, up to a case above its point."""
    if session.execute(select(ReorderPoint.counter_id).limit(1)).first() is not None:
        return
    shelves = (
        select(Location.counter_id, Sku.id, sa.literal(POINT), POINT + func.max(Sku.case_pack))
        .join(StockLevel, StockLevel.location_id == Location.id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .join(Category, Category.id == Product.category_id)
        .where(Location.counter_id.is_not(None), Category.slug != WOVEN_TO_ORDER)
        .group_by(Location.counter_id, Sku.id)
    )
    session.execute(insert(ReorderPoint).from_select(["counter_id", "sku_id", "point", "up_to"], shelves))


def travel(session: Session, journey: Journey, now: datetime) -> None:
    """Let a consignment come as far as it should, by the steps its people would take."""
    cooperative = session.execute(select(Cooperative).where(Cooperative.code == journey.cooperative)).scalar_one()
    counter_id = session.execute(select(Counter.id).where(Counter.code == journey.counter)).scalar_one()
    skus = {sku.id: sku for sku in session.execute(select(Sku).where(Sku.code.in_(journey.packs))).scalars()}
    packs = {sku_id: journey.packs[sku.code] for sku_id, sku in skus.items()}
    asked_at = now - timedelta(days=journey.days_ago)
    arrives_on = shanghai_day(asked_at) + timedelta(days=ROAD_DAYS)
    asked = propose_by_hand(session, cooperative.id, counter_id, arrives_on, packs, SEED, asked_at)
    asked.created_at = asked_at
    if journey.status == C.DECLINED:
        end(session, asked.id, C.DECLINED, journey.note, SEED, asked_at + LOADING)
    if journey.status in {C.CONFIRMED, C.DISPATCHED, C.RECEIVED}:
        store = session.execute(select(Location).where(Location.cooperative_id == cooperative.id)).scalar_one()
        for sku_id, quantity in packs.items():
            arrive(session, store, skus[sku_id], cooperative.id, shanghai_day(asked_at - MADE_BEFORE), quantity)
        confirm(session, asked.id, {line.id: line.proposed for line in asked.lines}, SEED, asked_at)
    if journey.status in {C.DISPATCHED, C.RECEIVED}:
        left_at = asked_at + LOADING
        dispatch(session, asked.id, journey.vehicle, SEED, left_at)
        readings = {left_at + number * BETWEEN_READINGS: tenths for number, tenths in enumerate(journey.tenths)}
        note_temperatures(session, asked.id, readings, SEED)
    if journey.status == C.RECEIVED:
        unload(session, asked.id, journey.damaged, asked_at + timedelta(days=ROAD_DAYS))


def unload(session: Session, consignment_id: int, damaged: Mapping[str, int], now: datetime) -> None:
    """Put it on the counter's shelf, without the packs of each SKU that broke on the road."""
    outcomes = {}
    for lot in lots_of(session, consignment_id, LotState.ON_THE_ROAD):
        broken = damaged.get(lot.line.sku.code, 0)
        outcomes[lot.id] = Outcome(received=lot.quantity - broken, damaged=broken)
    receive(session, consignment_id, outcomes, SEED, now)
