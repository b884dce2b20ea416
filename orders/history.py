"""What an order's owner may see of it: the list of past orders, and one order's page with the steps of its life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import ceil

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.models import Cooperative, Counter, Product, Sku
from orders.consignments.models import Backorder, Consignment, ConsignmentLine
from orders.consignments.states import OPEN_BACKORDERS, BackorderState
from orders.fulfilment.change_pickup import may_change
from orders.fulfilment.models import Allocation, Fulfilment, Substitution
from orders.models import Order, OrderContact, OrderEvent, OrderLine, Reservation
from orders.payments.standing import PaymentStanding, payment_standing
from orders.states import CANCELLABLE, OPEN_ORDERS, FulfilmentStatus, OrderStatus, SubstitutionState
from orders.story import Step, event_text, fulfilment_text, status_text, steps_of, weight_text
from shop.clock import shanghai_day, utcnow
from shop.i18n import localised

PER_PAGE = 20
# Parts that are no longer part of the order.
GONE = ("rejected", "cancelled")


@dataclass(frozen=True)
class OrderSummary:
    """One row of the list of orders; `goods` names the first few products."""

    number: str
    placed_at: datetime
    status: str
    status_text: str
    is_open: bool
    total_fen: int
    packs: int
    goods: tuple[str, ...]


@dataclass(frozen=True)
class HistoryPage:
    """A page of somebody's orders, newest first."""

    orders: tuple[OrderSummary, ...]
    page: int
    pages: int
    total: int


@dataclass(frozen=True)
class PageLine:
    """A line of an order as its page shows it; `cancelled` packs could not be given.

    `weight` says what there is to say of goods sold by weight; `weighed` once all their packs were weighed.
    """

    slug: str
    art: str
    name: str
    pack: str
    quantity: int
    cancelled: int
    price_fen: int
    total_fen: int
    weight: str
    weighed: bool
    awaited: int = 0

    @property
    def given(self) -> int:
        return self.quantity - self.cancelled


@dataclass(frozen=True)
class PagePart:
    """What one counter does for the order."""

    counter: str
    district: str
    street: str
    phone: str
    hours: tuple[tuple[str, time, time], ...]
    role: str
    status: str
    status_text: str
    due_at: datetime | None
    lines: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class PageEvent:
    """One sentence of the order's story."""

    at: datetime
    text: str


@dataclass(frozen=True)
class PageQuestion:
    """Something else is offered for missing packs, and waits for a yes or no until `answer_by` (UTC)."""

    id: int
    missing: str
    offered: str
    art: str
    packs: int
    price_fen: int
    saves_fen: int
    answer_by: datetime


@dataclass(frozen=True)
class PageAwaited:
    """Packs of a line that are still on the road, and when they should be with the customer; `late` once that passed.

    `day` and `cooperative` are missing once they have `arrived`, and while another way to them is looked for.
    """

    position: int
    goods: str
    art: str
    packs: int
    day: date | None
    late: bool
    cooperative: str
    consignment_id: int | None
    consignment: str
    arrived: bool


@dataclass(frozen=True)
class OrderPage:
    """Everything an order's page says. `pickup_code` only while it is of use; `version` changes with the page."""

    number: str
    status: str
    status_text: str
    method: str
    placed_at: datetime
    collect_by: datetime | None
    is_open: bool
    can_cancel: bool
    can_move: bool
    pickup_code: str | None
    payment: PaymentStanding
    lines: tuple[PageLine, ...]
    lines_fen: int
    delivery_fen: int
    discount_fen: int
    total_fen: int
    steps: tuple[Step, ...]
    parts: tuple[PagePart, ...]
    pickup: PagePart | None
    contact: OrderContact | None
    note: str
    events: tuple[PageEvent, ...]
    question: PageQuestion | None
    awaited: tuple[PageAwaited, ...]

    @property
    def waits_for_scale(self) -> bool:
        """Whether something sold by weight was not weighed yet: the total is the most it can come to."""
        return self.is_open and any(line.weight and not line.weighed for line in self.lines)

    @property
    def may_change(self) -> bool:
        """Whether the page is worth asking for again: the order goes on, or its money is on its way back."""
        return self.is_open or self.payment.returning_fen > 0


def orders_of(session: Session, user_id: int, page: int = 1) -> HistoryPage:
    """The person's orders, newest first, a page at a time; a page beyond the last is the last."""
    mine = Order.user_id == user_id
    total = session.scalar(select(func.count()).select_from(Order).where(mine)) or 0
    pages = max(1, ceil(total / PER_PAGE))
    page = min(max(page, 1), pages)
    statement = (
        select(Order)
        .where(mine)
        .options(selectinload(Order.lines).joinedload(OrderLine.sku).joinedload(Sku.product))
        .order_by(Order.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return HistoryPage(tuple(summary(order) for order in session.execute(statement).scalars()), page, pages, total)


def summary(order: Order) -> OrderSummary:
    """One row of the list."""
    return OrderSummary(
        number=order.number, placed_at=order.created_at, status=order.status,
        status_text=status_text(order.status, order.method), is_open=OrderStatus(order.status) in OPEN_ORDERS,
        total_fen=order.total_fen, packs=sum(line.quantity - line.cancelled for line in order.lines),
        goods=tuple(localised(line.sku.product.names) for line in order.lines[:3]),
    )  # fmt: skip


def find_order(session: Session, number: str) -> Order | None:
    """The order of that number, whatever the case it was typed in."""
    return session.execute(select(Order).where(Order.number == number.upper())).scalar_one_or_none()


def order_page(session: Session, order: Order) -> OrderPage:
    """The order as its owner sees it now."""
    status = OrderStatus(order.status)
    lines, parts = lines_of(session, order), parts_of(session, order)
    awaited = awaited_of(session, order) if any(line.awaited for line in lines) else ()
    events = session.execute(select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.id))
    story = events.scalars().all()
    left = any(part.status in {FulfilmentStatus.DISPATCHED, FulfilmentStatus.HANDED_OVER} for part in parts)
    return OrderPage(
        number=order.number, status=status.value, method=order.method,
        status_text=status_text(status, order.method, awaits=bool(awaited)),
        placed_at=order.created_at, collect_by=order.collect_by if status == OrderStatus.READY else None,
        is_open=status in OPEN_ORDERS, can_cancel=status in CANCELLABLE and not left,
        can_move=may_change(session, order),
        pickup_code=order.pickup_code if status in OPEN_ORDERS else None,
        payment=payment_standing(session, order),
        lines=lines, lines_fen=order.lines_fen, delivery_fen=order.delivery_fen, discount_fen=order.discount_fen,
        total_fen=order.total_fen, steps=steps_of(status, order.method, order.created_at, story), parts=parts,
        pickup=None if order.pickup_counter is None else at_counter(order.pickup_counter), contact=order.contact,
        note=order.note, events=tell_story(session, story),
        question=question_of(session, order) if status in OPEN_ORDERS else None, awaited=awaited,
    )  # fmt: skip


def awaited_of(session: Session, order: Order) -> tuple[PageAwaited, ...]:
    """What of the order is still on the road, or looked for anew; one query."""
    is_open = Backorder.state.in_([state.value for state in OPEN_BACKORDERS])
    statement = (
        select(OrderLine.position, Sku, Product, Backorder, Consignment, Cooperative.names)
        .select_from(Backorder)
        .join(OrderLine, OrderLine.id == Backorder.order_line_id)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .outerjoin(ConsignmentLine, ConsignmentLine.id == Backorder.consignment_line_id)
        .outerjoin(Consignment, Consignment.id == ConsignmentLine.consignment_id)
        .outerjoin(Cooperative, Cooperative.id == Consignment.cooperative_id)
        .where(Backorder.order_id == order.id, is_open)
        .order_by(OrderLine.position, Backorder.expected_on, Backorder.id)
    )
    today = shanghai_day(utcnow())
    found = []
    for position, sku, product, backorder, consignment, cooperative in session.execute(statement):
        day = backorder.expected_on if backorder.state == BackorderState.AWAITED else None
        found.append(
            PageAwaited(
                position, f"{localised(product.names)} · {localised(sku.pack_names)}", product.art, backorder.packs,
                day, day is not None and day < today, localised(cooperative) if day else "",
                consignment.id if consignment else None, consignment.number if consignment else "",
                backorder.state == BackorderState.ARRIVED,
            )
        )  # fmt: skip
    return tuple(found)


def question_of(session: Session, order: Order) -> PageQuestion | None:
    """What the counter asks the customer now."""
    statement = (
        select(Substitution)
        .where(Substitution.order_id == order.id, Substitution.state == SubstitutionState.PROPOSED.value)
        .options(
            joinedload(Substitution.sku).joinedload(Sku.product),
            joinedload(Substitution.line).joinedload(OrderLine.sku).joinedload(Sku.product),
        )
    )
    asked = session.execute(statement).scalars().first()
    if asked is None:
        return None
    return PageQuestion(
        id=asked.id, missing=goods_of(asked.line.sku), offered=goods_of(asked.sku), art=asked.sku.product.art,
        packs=asked.packs, price_fen=asked.price_fen, answer_by=asked.answer_by,
        saves_fen=asked.packs * (asked.line.price_fen - asked.price_fen),
    )  # fmt: skip


def goods_of(sku: Sku) -> str:
    """'Tibetan eggs · 30 in a box' in the reader's language."""
    return f"{localised(sku.product.names)} · {localised(sku.pack_names)}"


def lines_of(session: Session, order: Order) -> tuple[PageLine, ...]:
    """The order's lines with their goods, in one query."""
    statement = (
        select(OrderLine, Sku, Product, Reservation.awaited)
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .outerjoin(Reservation, Reservation.order_line_id == OrderLine.id)
        .where(OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    )
    return tuple(
        PageLine(product.slug, product.art, localised(product.names), localised(sku.pack_names), line.quantity,
                 line.cancelled, line.price_fen, line.total_fen, weight_text(line),
                 line.weighed_packs == line.quantity - line.cancelled, awaited or 0)
        for line, sku, product, awaited in session.execute(statement)
    )  # fmt: skip


def parts_of(session: Session, order: Order) -> tuple[PagePart, ...]:
    """The parts that counters do, with the packs each of them gives."""
    statement = (
        select(Fulfilment)
        .where(Fulfilment.order_id == order.id, Fulfilment.status.not_in(GONE))
        .options(
            selectinload(Fulfilment.counter),
            selectinload(Fulfilment.allocations).joinedload(Allocation.line).joinedload(OrderLine.sku)
            .joinedload(Sku.product),
        )
        .order_by(Fulfilment.id)
    )  # fmt: skip
    return tuple(at_counter(part.counter, part) for part in session.execute(statement).scalars())


def at_counter(counter: Counter, part: Fulfilment | None = None) -> PagePart:
    """A counter's address and hours, and (once routed) what it does for the order."""
    return PagePart(
        counter=localised(counter.names), district=counter.district, street=localised(counter.street),
        phone=counter.phone, hours=week(counter), role=part.role if part else "hand_over",
        status=part.status if part else "", status_text=fulfilment_text(part.status, part.role) if part else "",
        due_at=part.due_at if part else None, lines=packs_of(part) if part else (),
    )  # fmt: skip


def packs_of(part: Fulfilment) -> tuple[tuple[str, str, int], ...]:
    """Product, pack and how many of it, one row a SKU, for a part's allocations that still stand."""
    packs: dict[int, tuple[str, str, int]] = {}
    for allocation in part.allocations:
        if allocation.state == "released":
            continue
        sku = allocation.line.sku
        _name, _pack, before = packs.get(sku.id, ("", "", 0))
        packs[sku.id] = (localised(sku.product.names), localised(sku.pack_names), before + allocation.quantity)
    return tuple(packs.values())


def week(counter: Counter) -> tuple[tuple[str, time, time], ...]:
    """A counter's hours: one row for days in sequence that are alike, closed days left out."""
    days = [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
    runs: list[tuple[int, int, time, time]] = []
    for hours in sorted(counter.hours, key=lambda one: one.weekday):
        if runs and runs[-1][1] == hours.weekday - 1 and runs[-1][2:] == (hours.opens, hours.closes):
            runs[-1] = (runs[-1][0], hours.weekday, hours.opens, hours.closes)
        else:
            runs.append((hours.weekday, hours.weekday, hours.opens, hours.closes))
    rows = []
    for first, last, opens, closes in runs:
        if (first, last) == (0, 6):
            label = _("Every day")
        else:
            label = days[first] if first == last else f"{days[first]}–{days[last]}"
        rows.append((label, opens, closes))
    return tuple(rows)


def tell_story(session: Session, events: Sequence[OrderEvent]) -> tuple[PageEvent, ...]:
    """The order's events in words, newest first; events that say nothing to a customer are left out."""
    codes = {event.data["counter"] for event in events if "counter" in event.data}
    sku_ids = {event.data["sku_id"] for event in events if "sku_id" in event.data}
    sku_ids |= {sku_id for event in events for sku_id in event.data.get("instead", ())}
    names: dict[str | int, str] = {}
    if codes:
        rows = session.execute(select(Counter.code, Counter.names).where(Counter.code.in_(codes)))
        names.update({code: localised(texts) for code, texts in rows})
    if sku_ids:
        goods = session.execute(select(Sku.id, Product.names, Sku.pack_names).join(Product).where(Sku.id.in_(sku_ids)))
        names.update({sku_id: f"{localised(texts)} {localised(pack)}" for sku_id, texts, pack in goods})
    told, seen = [], set[str]()
    for event in events:
        told.append((event.at, event_text(event.kind, event.data, names, again=event.kind in seen)))
        seen.add(event.kind)
    return tuple(PageEvent(at, text) for at, text in reversed(told) if text)
