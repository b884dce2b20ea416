"""Read from the database what the router needs to know for some orders, once for all of them; make their instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from catalogue.stock.models import Location, Lot, StockLevel
from orders.checkout import place_of
from orders.fulfilment.models import Fulfilment, Rejection
from orders.fulfilment.world import World
from orders.models import Order
from orders.routing.problem import CounterState, Line, LotStock, OrderWish, Plan, Problem, SkuNeeds

MIDDLE_OF_WUHAN = (30.5928, 114.3055)  # for a delivery whose district has no counter left


@dataclass(frozen=True)
class Waiting:
    """An order and the packs (by SKU id) that need a counter."""

    order: Order
    wish: Mapping[int, int]


class Snapshot:
    """Stock, room and refusals for these orders, and what plans made meanwhile leave of them. Four statements.

    `freed` are packs by level that these orders give back. With `lock`, levels stay locked until the transaction
    ends, so that no rival takes them meanwhile.
    """

    def __init__(
        self,
        session: Session,
        world: World,
        waiting: Sequence[Waiting],
        freed: Mapping[int, int] | None = None,
        *,
        lock: bool = True,
    ) -> None:
        self.world = world
        self.lock, self.freed = lock, dict(freed or {})
        skus = sorted({sku for one in waiting for sku in one.wish})
        orders = [one.order.id for one in waiting]
        needs = select(Sku.id, Sku.storage, Sku.min_life_days).where(Sku.id.in_(skus))
        self.skus = {row.id: SkuNeeds(row.id, row.storage, row.min_life_days) for row in session.execute(needs)}
        self.by_sku = self.read_stock(session, skus)
        self.left = {lot.level: lot.quantity for lots in self.by_sku.values() for lot in lots}
        self.refused = self.read_refusals(session, orders)
        self.used, self.own = self.read_parcels(session, orders)
        self.planned: dict[tuple[int, date], int] = defaultdict(int)
        self.states: dict[date, tuple[CounterState, ...]] = {}

    def read_stock(self, session: Session, skus: Sequence[int]) -> dict[int, list[LotStock]]:
        """Free packs of sellable lots at counters by SKU, what is freed included."""
        there = (StockLevel.on_hand > StockLevel.reserved) | StockLevel.id.in_(self.freed)
        statement = (
            select(
                Counter.code,
                StockLevel.sku_id,
                StockLevel.id,
                StockLevel.on_hand - StockLevel.reserved,
                Lot.best_before,
            )
            .join(Location, Location.id == StockLevel.location_id)
            .join(Counter, Counter.id == Location.counter_id)
            .join(Lot, Lot.id == StockLevel.lot_id)
            .where(StockLevel.sku_id.in_(skus), StockLevel.on_hand > 0, there, Lot.sellable)
            .order_by(StockLevel.id)
        )
        if self.lock:
            statement = statement.with_for_update(of=StockLevel)
        found: dict[int, list[LotStock]] = {sku: [] for sku in skus}
        for code, sku, level, free, best_before in session.execute(statement):
            packs = free + self.freed.get(level, 0)
            if packs > 0:
                found[sku].append(LotStock(code, sku, level, packs, best_before))
        return found

    @staticmethod
    def read_refusals(session: Session, orders: Collection[int]) -> dict[int, dict[int, frozenset[int]]]:
        """By order and counter, the SKUs that counter has already said it cannot give."""
        refused: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        statement = select(Rejection.order_id, Rejection.counter_id, Rejection.sku_id)
        for order_id, counter_id, sku_id in session.execute(statement.where(Rejection.order_id.in_(orders))):
            refused[order_id][counter_id].add(sku_id)
        return {
            order_id: {counter_id: frozenset(skus) for counter_id, skus in of_order.items()}
            for order_id, of_order in refused.items()
        }

    def read_parcels(
        self, session: Session, orders: Collection[int]
    ) -> tuple[dict[tuple[int, date], int], dict[int, dict[tuple[int, date], int]]]:
        """Parcels already planned by counter and day: of everybody, and of each of these orders."""
        day = func.date(func.timezone("Asia/Shanghai", Fulfilment.due_at))
        live = (Fulfilment.due_at >= self.world.now - timedelta(days=1)) & Fulfilment.status.not_in(
            ("rejected", "cancelled")
        )
        everybody = select(Fulfilment.counter_id, day, func.count()).where(live).group_by(Fulfilment.counter_id, day)
        used = {(counter_id, on): count for counter_id, on, count in session.execute(everybody)}
        theirs = (
            select(Fulfilment.order_id, Fulfilment.counter_id, day, func.count())
            .where(live, Fulfilment.order_id.in_(orders))
            .group_by(Fulfilment.order_id, Fulfilment.counter_id, day)
        )
        own: dict[int, dict[tuple[int, date], int]] = defaultdict(dict)
        for order_id, counter_id, on, count in session.execute(theirs):
            own[order_id][counter_id, on] = count
        return used, own

    def position(self, order: Order) -> tuple[float, float]:
        """Where the goods go: the pickup counter, or the customer's place."""
        if order.pickup_counter_id is not None:
            counter = self.world.by_id[order.pickup_counter_id]
            return counter.lat, counter.lng
        places = [(counter.lat, counter.lng, counter.district) for counter in self.world.counters]
        found = place_of(order.contact, places) if order.contact is not None else None
        return found or MIDDLE_OF_WUHAN

    def states_of(self, day: date) -> tuple[CounterState, ...]:
        """Every counter on that day, as an order without refusals sees it."""
        if day not in self.states:
            world = self.world
            self.states[day] = tuple(
                CounterState(
                    code=one.code, lat=one.lat, lng=one.lng, storage=world.storage[one.id],
                    capacity=world.calendars[one.id].room(day), used=self.used.get((one.id, day), 0),
                    radius_m=one.radius_m if one.delivers else 0, closed=not world.takes_new(one.id, day),
                )
                for one in world.counters
            )  # fmt: skip
        return self.states[day]

    def counters_for(self, order: Order, day: date) -> tuple[CounterState, ...]:
        """Every counter on that day with its refusals to this order, and room taken by plans made meanwhile."""
        refused, own = self.refused.get(order.id, {}), self.own.get(order.id, {})
        return tuple(
            replace(
                state, refused=refused.get(one.id, frozenset()), used=state.used - own.get((one.id, day), 0),
                planned=self.planned.get((one.id, day), 0),
            )
            if one.id in refused or (one.id, day) in own or (one.id, day) in self.planned
            else state
            for one, state in zip(self.world.counters, self.states_of(day), strict=True)
        )  # fmt: skip

    def wish(self, waiting: Waiting, day: date) -> OrderWish:
        """What the order wants on that day."""
        order = waiting.order
        pickup = order.pickup_counter_id
        lat, lng = self.position(order)
        return OrderWish(
            number=order.number, lat=lat, lng=lng, method=order.method,
            pickup_counter=None if pickup is None else self.world.by_id[pickup].code,
            handover_on=day, lines=tuple(Line(sku, packs) for sku, packs in sorted(waiting.wish.items())),
        )  # fmt: skip

    def stock_of(self, skus: Collection[int]) -> tuple[LotStock, ...]:
        """What is left of these SKUs."""
        return tuple(
            lot if self.left[lot.level] == lot.quantity else replace(lot, quantity=self.left[lot.level])
            for sku in sorted(skus)
            for lot in self.by_sku[sku]
            if self.left[lot.level] > 0
        )

    def problem(self, waiting: Waiting, day: date) -> Problem:
        """The instance for a hand-over on that day."""
        return Problem(
            costs=self.world.costs,
            skus={sku: self.skus[sku] for sku in waiting.wish},
            counters=self.counters_for(waiting.order, day),
            stock=self.stock_of(waiting.wish),
            order=self.wish(waiting, day),
        )

    def take(self, plan: Plan, day: date) -> None:
        """Set aside what a plan uses."""
        for parcel in plan.parcels:
            self.planned[self.world.by_code[parcel.counter].id, day] += 1
            for take in parcel.takes:
                self.left[take.level] -= take.quantity
