"""Small builders that read like the shop: a counter with eggs, a cart of potatoes."""

from __future__ import annotations

import uuid
from datetime import date, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Category, Cooperative, Counter, CounterHours, Product, Sku
from catalogue.stock.lots import receive_lot
from catalogue.stock.models import Location, Lot
from orders.checkout import Contact, Delivery, DraftLine, OrderDraft, Pickup, place_order
from orders.models import Order
from shop.audit import Actor
from shop.clock import shanghai_day, utcnow

GUEST = Actor("guest")


def today() -> date:
    """The day in Wuhan."""
    return shanghai_day(utcnow())


class Builder:
    """Adds rows with sensible defaults to a session and flushes; `commit()` makes them visible to others."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.count = 0

    def number(self) -> int:
        """1, 2, 3 … for names."""
        self.count += 1
        return self.count

    def add(self, thing: object) -> None:
        """Add and flush, so that ids exist."""
        self.session.add(thing)
        self.session.flush()

    def commit(self) -> None:
        """Make everything visible to other connections."""
        self.session.commit()

    def cooperative(self, code: str = "") -> Cooperative:
        """A cooperative with its store."""
        code = code or f"COOP-{self.number()}"
        cooperative = Cooperative(
            code=code,
            names={"zh": f"合作社{code}", "en": f"Cooperative {code}"},
            township={"zh": "昌珠镇", "en": "Changzhug"},
            township_code="540502101",
            altitude_m=3560,
            story={"zh": "高原上的合作社。"},
            email=f"{code.lower()}@coop.example",
        )
        self.add(cooperative)
        self.add(Location(code=f"STORE-{code}", channel="origin", cooperative_id=cooperative.id))
        return cooperative

    def sku(
        self,
        code: str = "",
        *,
        price_fen: int = 2500,
        storage: str = "ambient",
        cooperative: Cooperative | None = None,
        min_life_days: int = 3,
        shelf_life_days: int = 30,
        max_per_order: int = 99999,
        by_weight: ByWeight | None = None,
    ) -> Sku:
        """A product in one pack size, with a price of its own or by weight."""
        code = code or f"SKU-{self.number()}"
        category = self.session.scalar(select(Category).limit(1))
        if category is None:
            category = Category(slug="goods", names={"zh": "好物", "en": "Goods"})
            self.add(category)
        product = Product(
            slug=code.lower(),
            category_id=category.id,
            cooperative_id=(cooperative or self.cooperative()).id,
            names={"zh": f"商品{code}", "en": f"Goods {code}"},
            story={"zh": "好吃。"},
            storage_advice={"zh": "阴凉处"},
            search_words=code.lower(),
        )
        self.add(product)
        sku = Sku(
            code=code,
            product_id=product.id,
            pack_names={"zh": "一份", "en": "one pack"},
            price_fen=by_weight.most_fen if by_weight else price_fen,
            pack_g=by_weight.middle_g if by_weight else 500,
            per_kg_fen=by_weight.per_kg_fen if by_weight else None,
            weight_from_g=by_weight.from_g if by_weight else None,
            weight_to_g=by_weight.to_g if by_weight else None,
            storage=storage,
            shelf_life_days=shelf_life_days,
            min_life_days=min_life_days,
            case_pack=12,
            max_per_order=max_per_order,
        )
        self.add(sku)
        return sku

    def counter(
        self,
        code: str = "",
        *,
        lat: float = 30.58,
        lng: float = 114.28,
        storage: tuple[str, ...] = ("ambient", "chilled", "frozen"),
        capacity: int = 100_000,
        radius_m: int = 10_000,
    ) -> Counter:
        """A counter that is open all week, with its location."""
        code = code or f"WH-{self.number():02d}"
        counter = Counter(
            code=code,
            names={"zh": f"{code}专柜", "en": f"Counter {code}"},
            district="江汉区",
            street={"zh": "解放大道 1 号"},
            lat=lat,
            lng=lng,
            storage=list(storage),
            capacity=capacity,
            radius_m=radius_m,
            cut_off=time(20, 0),
            email=f"{code.lower()}@counter.example",
        )
        counter.hours = [CounterHours(weekday=day, opens=time(0, 0), closes=time(23, 59, 59)) for day in range(7)]
        self.add(counter)
        self.add(Location(code=code, channel="counters", counter_id=counter.id))
        return counter

    def place(self, owner: Counter | Cooperative) -> Location:
        """Where a counter or a cooperative keeps its stock."""
        column = Location.counter_id if isinstance(owner, Counter) else Location.cooperative_id
        return self.session.execute(select(Location).where(column == owner.id)).scalar_one()

    def lot(
        self, sku: Sku, *, at: Counter | Cooperative, quantity: int, best_before_in: int = 20, code: str = ""
    ) -> Lot:
        """So many packs of a new lot of a SKU, standing at a counter or in a cooperative's store."""
        product = self.session.get_one(Product, sku.product_id)
        return receive_lot(
            self.session,
            location_id=self.place(at).id,
            sku_id=sku.id,
            cooperative_id=product.cooperative_id,
            code=code or f"L{self.number()}",
            quantity=quantity,
            produced_on=today() - timedelta(days=2),
            best_before=today() + timedelta(days=best_before_in),
            actor="test",
            source_id=uuid.uuid4().hex,
        )


def draft_of(
    wanted: dict[Sku, int], *, at: Counter | None = None, to: tuple[float, float] | None = None, **more: object
) -> OrderDraft:
    """An order as a customer would fill it in: collected at a counter, or delivered to (lat, lng)."""
    if to is not None:
        fulfilment: Pickup | Delivery = Delivery("江汉区", "前进四路 1 号", *to)
    else:
        assert at is not None
        fulfilment = Pickup(at.id)
    return OrderDraft(
        lines=tuple(DraftLine(sku.id, packs) for sku, packs in wanted.items()),
        contact=Contact("顾客", "13800001234", "customer@mail.example"),
        fulfilment=fulfilment,
        **more,  # type: ignore[arg-type]
    )


def order(session: Session, wanted: dict[Sku, int], *, at: Counter, key: str = "") -> Order:
    """Place such an order and commit."""
    placed = place_order(
        session, draft_of(wanted, at=at), placement_key=key or uuid.uuid4().hex, actor=GUEST, now=utcnow()
    )
    session.commit()
    return placed
