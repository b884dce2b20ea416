"""What a cooperative sees of its goods: stock by lot, what stands in Wuhan, and what was sold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from catalogue.models import Cooperative, Product, Sku
from catalogue.stock.models import Location, Lot, StockLevel
from orders.models import Order, OrderLine, Reservation
from orders.weights import taken_fen
from shop.errors import NotFound

DAYS_OF_SALES = 30


@dataclass(frozen=True)
class LotRow:
    """A lot in the cooperative's own store; `in_wuhan` packs of the same SKU stand at counters."""

    level_id: int
    names: dict[str, str]
    pack_names: dict[str, str]
    sku: str
    lot: str
    produced_on: date
    best_before: date
    sellable: bool
    on_hand: int
    reserved: int
    in_wuhan: int


@dataclass(frozen=True)
class SoldRow:
    """What was handed over of a SKU in the last thirty days: packs and fen."""

    sku: str
    names: dict[str, str]
    pack_names: dict[str, str]
    packs: int
    fen: int

    @property
    def yuan(self) -> Decimal:
        """The same money in yuan, for a sheet."""
        return Decimal(self.fen) / 100


def own_cooperative(session: Session, ids: Collection[int] | None, wanted: str = "") -> Cooperative:
    """The cooperative to show: the wanted one among one's own, else the first. Raises NotFound."""
    statement = select(Cooperative).order_by(Cooperative.code)
    if ids is not None:
        statement = statement.where(Cooperative.id.in_(ids))
    if wanted:
        statement = statement.where(Cooperative.code == wanted)
    found = session.execute(statement).scalars().first()
    if found is None:
        raise NotFound()
    return found


def skus_of(session: Session, cooperative_id: int) -> Sequence[tuple[Sku, dict[str, str]]]:
    """The SKUs a cooperative makes, with their product's names."""
    statement = (
        select(Sku, Product.names)
        .join(Product, Product.id == Sku.product_id)
        .where(Product.cooperative_id == cooperative_id, Sku.active)
        .order_by(Product.position, Sku.pack_g, Sku.id)
    )
    return [(sku, names) for sku, names in session.execute(statement)]


def stock_by_lot(session: Session, cooperative_id: int) -> Sequence[LotRow]:
    """Every lot in the cooperative's store that still holds something, the one that expires first on top."""
    return lot_rows(session, cooperative_id, lots_in_store(cooperative_id))


def lots_page(
    session: Session, cooperative_id: int, sku: str, page: int, per_page: int
) -> tuple[Sequence[LotRow], int]:
    """One page of the same, of one SKU where `sku` names one, and how many lots there are."""
    statement = lots_in_store(cooperative_id)
    if sku:
        statement = statement.where(Sku.code == sku)
    total = session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    return lot_rows(session, cooperative_id, statement.limit(per_page).offset((page - 1) * per_page)), total


def lots_in_store(cooperative_id: int) -> Select[int]:
    """Level ids of what the store holds, in the order of its shelves."""
    return (
        select(StockLevel.id)
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(Location.cooperative_id == cooperative_id, StockLevel.on_hand > 0)
        .order_by(Product.position, Sku.code, Lot.best_before, Lot.id)
    )


def lot_rows(session: Session, cooperative_id: int, level_ids: Select[int]) -> Sequence[LotRow]:
    """These levels with their lots, goods, and what of the same SKUs stands in Wuhan: one query."""
    wuhan = (
        select(StockLevel.sku_id, func.sum(StockLevel.on_hand).label("packs"))
        .join(Location, Location.id == StockLevel.location_id)
        .join(Lot, Lot.id == StockLevel.lot_id)
        .where(Location.channel == "counters", Lot.cooperative_id == cooperative_id)
        .group_by(StockLevel.sku_id)
        .subquery()
    )
    statement = (
        select(StockLevel, Lot, Sku, Product.names, func.coalesce(wuhan.c.packs, 0))
        .join(Lot, Lot.id == StockLevel.lot_id)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .outerjoin(wuhan, wuhan.c.sku_id == StockLevel.sku_id)
        .where(StockLevel.id.in_(level_ids))
        .order_by(Product.position, Sku.code, Lot.best_before, Lot.id)
    )
    return [
        LotRow(
            level.id, names, sku.pack_names, sku.code, lot.code, lot.produced_on, lot.best_before, lot.sellable,
            level.on_hand, level.reserved, int(packs),
        )
        for level, lot, sku, names, packs in session.execute(statement)
    ]  # fmt: skip


def own_level(session: Session, level_id: int, cooperative_id: int) -> StockLevel:
    """A level in the cooperative's own store. Raises NotFound for any other."""
    statement = (
        select(StockLevel)
        .join(Location, Location.id == StockLevel.location_id)
        .where(StockLevel.id == level_id, Location.cooperative_id == cooperative_id)
    )
    level = session.execute(statement).scalar_one_or_none()
    if level is None:
        raise NotFound()
    return level


def sold_lately(session: Session, cooperative_id: int, now: datetime) -> Sequence[SoldRow]:
    """What customers took of the cooperative's goods in the last thirty days, most money first."""
    fen = func.sum(taken_fen())
    statement = (
        select(Sku.code, Product.names, Sku.pack_names, func.sum(Reservation.handed_over), fen)
        .join(OrderLine, OrderLine.id == Reservation.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(
            Product.cooperative_id == cooperative_id,
            Reservation.handed_over > 0,
            Order.created_at >= now - timedelta(days=DAYS_OF_SALES),
        )
        .group_by(Product.id, Sku.id)
        .order_by(fen.desc())
    )
    return [
        SoldRow(sku, names, pack, int(packs), int(total))
        for sku, names, pack, packs, total in session.execute(statement)
    ]
