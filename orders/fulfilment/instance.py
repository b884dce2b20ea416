"""Read from the database what the router needs to know for one order on one day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.models import Counter, CounterClosure, Sku
from catalogue.stock.models import Location, Lot, StockLevel
from orders.checkout import place_of
from orders.fulfilment.models import Fulfilment, Rejection, RoutingCosts
from orders.models import Order
from orders.routing.problem import Costs, CounterState, Line, LotStock, OrderWish, Problem, SkuNeeds
from shop.clock import SHANGHAI, shanghai

DAYS_AHEAD = 7
# Preparing takes a counter about this long once it has the order.
PREPARATION = timedelta(hours=2)


class RoutingInputs:
    """Everything that does not depend on the day, read once; `problem(day)` makes the instance of a day."""

    def __init__(self, session: Session, order: Order, held: Mapping[int, int], now: datetime) -> None:
        self.session, self.order, self.held, self.now = session, order, held, now
        self.costs_row = session.execute(select(RoutingCosts).order_by(RoutingCosts.id.desc()).limit(1)).scalar_one()
        self.skus = {
            row.id: SkuNeeds(row.id, row.storage, row.min_life_days)
            for row in session.execute(select(Sku.id, Sku.storage, Sku.min_life_days).where(Sku.id.in_(held)))
        }
        self.counters = list(session.execute(select(Counter).where(Counter.active).order_by(Counter.code)).scalars())
        self.by_code = {counter.code: counter for counter in self.counters}
        self.stock = self.free_stock()
        self.refused = self.refused_skus()
        self.closed = self.closed_days()
        self.used = self.used_by_day()

    def free_stock(self) -> tuple[LotStock, ...]:
        """Free packs of sellable lots at counters; the levels stay locked, so that no rival takes them meanwhile."""
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
            .where(StockLevel.sku_id.in_(self.held), StockLevel.on_hand > 0, Lot.sellable)
            .order_by(StockLevel.id)
            .with_for_update(of=StockLevel)
        )
        return tuple(LotStock(*row) for row in self.session.execute(statement) if row[3] > 0)

    def refused_skus(self) -> dict[int, frozenset[int]]:
        """SKUs that a counter has already said it cannot give for this order."""
        refused: dict[int, set[int]] = defaultdict(set)
        statement = select(Rejection.counter_id, Rejection.sku_id).where(Rejection.order_id == self.order.id)
        for counter_id, sku_id in self.session.execute(statement):
            refused[counter_id].add(sku_id)
        return {counter_id: frozenset(skus) for counter_id, skus in refused.items()}

    def closed_days(self) -> set[tuple[int, date]]:
        """Counters and days of closures within the days ahead."""
        today = shanghai(self.now).date()
        last = today + timedelta(days=DAYS_AHEAD)
        statement = select(CounterClosure).where(CounterClosure.from_day <= last, CounterClosure.to_day >= today)
        return {
            (closure.counter_id, today + timedelta(days=offset))
            for closure in self.session.execute(statement).scalars()
            for offset in range(DAYS_AHEAD + 1)
            if closure.from_day <= today + timedelta(days=offset) <= closure.to_day
        }

    def used_by_day(self) -> dict[tuple[int, date], int]:
        """Parcels already planned, by counter and day."""
        day = func.date(func.timezone("Asia/Shanghai", Fulfilment.due_at))
        statement = (
            select(Fulfilment.counter_id, day, func.count())
            .where(
                Fulfilment.due_at >= self.now - timedelta(days=1),
                Fulfilment.status.not_in(("rejected", "cancelled")),
                Fulfilment.order_id != self.order.id,
            )
            .group_by(Fulfilment.counter_id, day)
        )
        return {(counter_id, on): count for counter_id, on, count in self.session.execute(statement)}

    def is_closed(self, counter: Counter, day: date) -> bool:
        """Closed that weekday, on holiday, or (today) past its cut-off."""
        if (counter.id, day) in self.closed or day.weekday() not in {hours.weekday for hours in counter.hours}:
            return True
        local = shanghai(self.now)
        return day == local.date() and local.time() > counter.cut_off

    def due_at(self, counter: Counter, day: date) -> datetime:
        """When the part should be ready (UTC): two hours from now or from opening, at closing time at the latest."""
        hours = next(hours for hours in counter.hours if hours.weekday == day.weekday())
        opens = datetime.combine(day, hours.opens, SHANGHAI)
        closes = datetime.combine(day, min(hours.closes, time(23, 59)), SHANGHAI)
        return min(max(opens, self.now) + PREPARATION, closes)

    def position(self) -> tuple[float, float]:
        """Where the goods go: the pickup counter, or the customer's place."""
        if self.order.pickup_counter_id is not None:
            counter = self.session.get_one(Counter, self.order.pickup_counter_id)
            return counter.lat, counter.lng
        contact = self.order.contact
        places = [(counter.lat, counter.lng, counter.district) for counter in self.counters]
        found = place_of(contact, places) if contact is not None else None
        return found or (30.5928, 114.3055)  # the middle of Wuhan, when a district has no counter left

    def problem(self, day: date) -> Problem:
        """The instance for a hand-over on that day."""
        lat, lng = self.position()
        row = self.costs_row
        states = tuple(
            CounterState(
                code=counter.code, lat=counter.lat, lng=counter.lng, storage=frozenset(counter.storage),
                capacity=counter.capacity, used=self.used.get((counter.id, day), 0),
                radius_m=counter.radius_m if counter.delivers else 0, closed=self.is_closed(counter, day),
                refused=self.refused.get(counter.id, frozenset()),
            )
            for counter in self.counters
        )  # fmt: skip
        pickup = next((c.code for c in self.counters if c.id == self.order.pickup_counter_id), None)
        return Problem(
            costs=Costs(
                row.parcel_fen, row.per_km_fen, row.cold_parcel_fen, row.transfer_fen, row.load_fen, row.ageing_fen,
                row.horizon_days, row.unfilled_fen,
            ),
            skus=self.skus,
            counters=states,
            stock=self.stock,
            order=OrderWish(
                number=self.order.number, lat=lat, lng=lng, method=self.order.method, pickup_counter=pickup,
                handover_on=day, lines=tuple(Line(sku, packs) for sku, packs in sorted(self.held.items())),
            ),
        )  # fmt: skip
