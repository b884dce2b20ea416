"""The office's first look: orders by day, stock that will soon be too old, work that waits, who earned what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Date, Integer, cast, func, select
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Product, Sku
from catalogue.stock.models import Location, Lot, StockLevel
from orders.models import Order, OrderLine, Reservation
from orders.states import OPEN_ORDERS
from orders.weights import taken_fen
from shop.clock import shanghai_day
from shop.outbox import Job

DAYS, DAYS_OF_INCOME, DAYS_AT_RISK, MOST_LOTS = 14, 30, 7, 20


@dataclass(frozen=True)
class DayOfOrders:
    """Orders placed on a day in Wuhan and what they came to (fen), cancelled ones left out."""

    day: date
    orders: int
    total_fen: int


@dataclass(frozen=True)
class LotAtRisk:
    """A lot that may be sold for `days` more days at most, and the packs of it nobody has ordered."""

    sku: str
    names: dict[str, str]
    lot: str
    place: str
    sell_by: date
    days: int
    packs: int
    value_fen: int


@dataclass(frozen=True)
class Income:
    """What was handed over of a cooperative's goods (fen)."""

    code: str
    names: dict[str, str]
    packs: int
    total_fen: int


@dataclass(frozen=True)
class JobsNow:
    """Jobs that wait, are late by a minute, or were parked."""

    waiting: int
    late: int
    parked: int


@dataclass(frozen=True)
class Dashboard:
    """Everything on the first page of the office."""

    by_status: dict[str, int]
    days: tuple[DayOfOrders, ...]
    risk: tuple[LotAtRisk, ...]
    income: tuple[Income, ...]
    jobs: JobsNow


def dashboard(session: Session, now: datetime) -> Dashboard:
    """The figures of now, in five queries."""
    counted = select(Order.status, func.count()).where(Order.status.in_(OPEN_ORDERS)).group_by(Order.status)
    return Dashboard(
        by_status={status: int(count) for status, count in session.execute(counted)},
        days=orders_by_day(session, now),
        risk=stock_at_risk(session, shanghai_day(now)),
        income=income(session, now),
        jobs=jobs_now(session, now),
    )


def orders_by_day(session: Session, now: datetime) -> tuple[DayOfOrders, ...]:
    """The last fourteen days, also those without an order."""
    today = shanghai_day(now)
    first = today - timedelta(days=DAYS - 1)
    day = cast(func.timezone("Asia/Shanghai", Order.created_at), Date)
    statement = (
        select(day, func.count(), func.coalesce(func.sum(Order.total_fen), 0))
        .where(Order.created_at >= now - timedelta(days=DAYS), Order.status.not_in(("cancelled", "expired")))
        .group_by(day)
    )
    found = {on: (int(count), int(total)) for on, count, total in session.execute(statement)}
    days = [first + timedelta(days=offset) for offset in range(DAYS)]
    return tuple(DayOfOrders(on, *found.get(on, (0, 0))) for on in days)


def stock_at_risk(session: Session, today: date) -> tuple[LotAtRisk, ...]:
    """Free packs of lots whose last selling day comes within a week, the most urgent first."""
    sell_by = Lot.best_before - Sku.min_life_days
    free = StockLevel.on_hand - StockLevel.reserved
    statement = (
        select(Sku.code, Product.names, Lot.code, Location.code, sell_by, free, cast(free * Sku.price_fen, Integer))
        .select_from(StockLevel)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .join(Location, Location.id == StockLevel.location_id)
        .where(Lot.sellable, StockLevel.on_hand > StockLevel.reserved, sell_by <= today + timedelta(days=DAYS_AT_RISK))
        .order_by(sell_by, (free * Sku.price_fen).desc())
        .limit(MOST_LOTS)
    )
    return tuple(
        LotAtRisk(sku, names, lot, place, last, (last - today).days, int(packs), int(value))
        for sku, names, lot, place, last, packs, value in session.execute(statement)
    )


def income(session: Session, now: datetime) -> tuple[Income, ...]:
    """What the last thirty days' orders brought each cooperative, most first; also those that earned nothing."""
    earned = (
        select(
            Product.cooperative_id.label("cooperative_id"),
            func.sum(Reservation.handed_over).label("packs"),
            func.sum(taken_fen()).label("fen"),
        )
        .select_from(Order)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(Reservation, Reservation.order_line_id == OrderLine.id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(Order.created_at >= now - timedelta(days=DAYS_OF_INCOME), Reservation.handed_over > 0)
        .group_by(Product.cooperative_id)
        .subquery()
    )
    fen = func.coalesce(earned.c.fen, 0)
    statement = (
        select(Cooperative.code, Cooperative.names, func.coalesce(earned.c.packs, 0), fen)
        .outerjoin(earned, earned.c.cooperative_id == Cooperative.id)
        .where(Cooperative.active)
        .order_by(fen.desc(), Cooperative.code)
    )
    return tuple(
        Income(code, names, int(packs), int(total)) for code, names, packs, total in session.execute(statement)
    )


def jobs_now(session: Session, now: datetime) -> JobsNow:
    """What the workers have before them."""
    still = Job.done_at.is_(None) & Job.dead_at.is_(None)
    statement = select(
        select(func.count()).select_from(Job).where(still).scalar_subquery(),
        select(func.count()).select_from(Job).where(still, Job.next_at < now - timedelta(minutes=1)).scalar_subquery(),
        select(func.count()).select_from(Job).where(Job.dead_at.is_not(None)).scalar_subquery(),
    )
    waiting, late, parked = session.execute(statement).one()
    return JobsNow(int(waiting), int(late), int(parked))


def at_risk_by_day(lots: Sequence[LotAtRisk]) -> dict[int, int]:
    """What the lots at risk are worth (fen), by days left (0: today or overdue). Pure."""
    worth = dict.fromkeys(range(DAYS_AT_RISK + 1), 0)
    for lot in lots:
        day = min(max(lot.days, 0), DAYS_AT_RISK)
        worth[day] += lot.value_fen
    return worth
