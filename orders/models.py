"""Orders, their lines and promises of stock, and the carts they come from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalogue.by_weight import PricedByWeight, terms_hold
from catalogue.models import Counter, Sku
from orders.states import OrderStatus, values
from shop.accounts.models import Organisation, User
from shop.db import Base, HasId, HasTimes


class Cart(HasId, HasTimes, Base):
    """What somebody means to buy. `key_hash` is SHA-256 of the secret in a guest's cookie."""

    __tablename__ = "cart"

    key_hash: Mapped[bytes | None] = mapped_column(unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), unique=True)
    updated_at: Mapped[datetime] = mapped_column(server_default=sa.func.now(), index=True)

    lines: Mapped[list[CartLine]] = relationship(
        order_by="CartLine.id", cascade="all, delete-orphan", passive_deletes=True
    )

    __table_args__ = (CheckConstraint("num_nonnulls(key_hash, user_id) = 1", name="one_owner"),)


class CartLine(HasId, Base):
    """So many packs of a SKU in a cart; nothing is held for it."""

    __tablename__ = "cart_line"

    cart_id: Mapped[int] = mapped_column(ForeignKey("cart.id", ondelete="CASCADE"))
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"))
    quantity: Mapped[int] = mapped_column(sa.Integer)

    sku: Mapped[Sku] = relationship()

    __table_args__ = (
        UniqueConstraint("cart_id", "sku_id"),
        CheckConstraint("quantity BETWEEN 1 AND 99999", name="quantity"),
    )


class Order(HasId, HasTimes, Base):
    """What somebody bought. Total = lines + delivery − discount, to the fen (a deferred trigger holds it).

    `number` is random and public; `pickup_code` is what the counter asks for; `placement_key` makes placing safe
    to repeat; `expires_at` ends the wait for payment, `collect_by` the wait for collection, of
    which the customer was reminded at `reminded_at`.
    """

    __tablename__ = "order"

    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(server_default="retail")
    status: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    po_number: Mapped[str | None]
    needed_by: Mapped[date | None]
    placement_key: Mapped[str] = mapped_column(unique=True)
    method: Mapped[str]
    pickup_counter_id: Mapped[int | None] = mapped_column(ForeignKey("counter.id"))
    pickup_code: Mapped[str | None]
    payment_method: Mapped[str]
    lines_fen: Mapped[int]
    delivery_fen: Mapped[int] = mapped_column(server_default="0")
    discount_fen: Mapped[int] = mapped_column(server_default="0")
    total_fen: Mapped[int]
    locale: Mapped[str] = mapped_column(server_default="zh")
    note: Mapped[str] = mapped_column(server_default="")
    expires_at: Mapped[datetime | None]
    collect_by: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    lines: Mapped[list[OrderLine]] = relationship(back_populates="order", order_by="OrderLine.position")
    contact: Mapped[OrderContact | None] = relationship(back_populates="order")
    pickup_counter: Mapped[Counter | None] = relationship()
    organisation: Mapped[Organisation | None] = relationship()
    user: Mapped[User | None] = relationship()

    __table_args__ = (
        CheckConstraint(f"status IN {values(OrderStatus)}", name="status"),
        CheckConstraint("kind IN ('retail', 'bulk')", name="kind"),
        CheckConstraint("method IN ('pickup', 'delivery')", name="method"),
        CheckConstraint("payment_method IN ('at_counter', 'stripe', 'on_account')", name="payment_method"),
        CheckConstraint("(method = 'pickup') = (pickup_counter_id IS NOT NULL)", name="pickup_has_counter"),
        CheckConstraint("total_fen = lines_fen + delivery_fen - discount_fen", name="total"),
        CheckConstraint(
            "lines_fen >= 0 AND delivery_fen >= 0 AND discount_fen >= 0 AND total_fen >= 0", name="amounts"
        ),
        CheckConstraint("status <> 'awaiting_payment' OR expires_at IS NOT NULL", name="waiting_expires"),
        CheckConstraint("locale IN ('zh', 'bo', 'en')", name="locale"),
        Index("ix_order_user", "user_id", "id"),
        # For the lists of organisations and of the office: what begins with the letters typed, newest first.
        Index(
            "ix_order_organisation", "organisation_id", "id", postgresql_where=sa.text("organisation_id IS NOT NULL")
        ),
        Index("ix_order_number_prefix", "number", postgresql_ops={"number": "text_pattern_ops"}),
        Index(
            "ix_order_po_number",
            "po_number",
            postgresql_ops={"po_number": "text_pattern_ops"},
            postgresql_where=sa.text("po_number IS NOT NULL"),
        ),
        Index("ix_order_created_at", "created_at", postgresql_using="brin"),
        Index("ix_order_status", "status", "id"),
        Index("ix_order_expires", "expires_at", postgresql_where=sa.text("status = 'awaiting_payment'")),
        Index("ix_order_collect_by", "collect_by", postgresql_where=sa.text("status = 'ready'")),
        Index(
            "uq_order_pickup_code",
            "pickup_counter_id",
            "pickup_code",
            unique=True,
            postgresql_where=sa.text("status NOT IN ('completed', 'cancelled', 'expired')"),
        ),
    )


class OrderContact(Base):
    """Who to tell and where to bring it: the personal part of an order, in a table of its own so it can be erased."""

    __tablename__ = "order_contact"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), primary_key=True)
    name: Mapped[str]
    phone: Mapped[str]
    email: Mapped[str] = mapped_column(server_default="")
    district: Mapped[str] = mapped_column(server_default="")
    street: Mapped[str] = mapped_column(server_default="")
    lat: Mapped[float | None]
    lng: Mapped[float | None]

    order: Mapped[Order] = relationship(back_populates="contact")

    __table_args__ = tuple(
        Index(f"ix_order_contact_{column}", column, postgresql_ops={column: "text_pattern_ops"})
        for column in ("name", "phone", "email")
    )


class OrderLine(HasId, PricedByWeight, Base):
    """So many packs at the price of that day. `cancelled` packs could not be given and are not charged.

    Of goods sold by weight, `price_fen` is the most a pack can cost; `weighed_packs` of them weigh `weighed_g` in all
    and cost `weight_less_fen` less than the most (orders/weights.py writes these, a deferred trigger holds them).
    `total_fen` is what is charged.
    """

    __tablename__ = "order_line"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    position: Mapped[int] = mapped_column(sa.SmallInteger)
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"), index=True)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    cancelled: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    price_fen: Mapped[int]
    weight_less_fen: Mapped[int] = mapped_column(server_default="0")
    weighed_packs: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    weighed_g: Mapped[int] = mapped_column(server_default="0")
    total_fen: Mapped[int] = mapped_column(
        sa.BigInteger, sa.Computed("price_fen * (quantity - cancelled) - weight_less_fen", persisted=True)
    )

    order: Mapped[Order] = relationship(back_populates="lines")
    sku: Mapped[Sku] = relationship()
    reservation: Mapped[Reservation | None] = relationship(back_populates="line")

    __table_args__ = (
        UniqueConstraint("order_id", "sku_id"),
        UniqueConstraint("order_id", "position"),
        CheckConstraint("quantity BETWEEN 1 AND 99999", name="quantity"),
        CheckConstraint("cancelled BETWEEN 0 AND quantity", name="cancelled"),
        CheckConstraint("price_fen >= 0", name="price"),
        *terms_hold(),
        CheckConstraint(
            "weight_less_fen = 0 OR per_kg_fen IS NOT NULL AND weight_less_fen > 0"
            " AND weight_less_fen <= price_fen * (quantity - cancelled)",
            name="weight_less",
        ),
        CheckConstraint(
            "weighed_packs BETWEEN 0 AND quantity - cancelled AND weighed_g >= weighed_packs", name="weighed"
        ),
    )


class Reservation(Base):
    """The promise made to a line: every promised pack is held, allocated to a lot, handed over, awaited, or released.

    Held packs are promised from what stands on shelves; awaited ones from a consignment (orders/backorders.py), so no
    shelf's stock stands for them.
    """

    __tablename__ = "reservation"

    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), index=True)
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"))
    channel: Mapped[str]
    quantity: Mapped[int] = mapped_column(sa.Integer)
    held: Mapped[int] = mapped_column(sa.Integer)
    allocated: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    handed_over: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    released: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    awaited: Mapped[int] = mapped_column(sa.Integer, server_default="0")

    line: Mapped[OrderLine] = relationship(back_populates="reservation")

    __table_args__ = (
        CheckConstraint("held + allocated + handed_over + released + awaited = quantity", name="every_pack_once"),
        CheckConstraint("least(held, allocated, handed_over, released, awaited) >= 0", name="not_negative"),
        CheckConstraint("channel IN ('counters', 'origin')", name="channel"),
        Index("ix_reservation_held", "sku_id", "channel", postgresql_where=sa.text("held > 0")),
    )


class OrderEvent(HasId, Base):
    """One step of an order's life as its owner may read it: append-only."""

    __tablename__ = "order_event"

    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    at: Mapped[datetime] = mapped_column(server_default=sa.func.clock_timestamp())
    kind: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")

    __table_args__ = (Index("ix_order_event_order", "order_id", "id"),)


class DeliveryTariff(HasId, HasTimes, Base):
    """What delivery in Wuhan costs; the newest row applies. Fen; free from `free_from_fen` of goods."""

    __tablename__ = "delivery_tariff"

    fee_fen: Mapped[int]
    cold_fee_fen: Mapped[int]
    free_from_fen: Mapped[int]

    __table_args__ = (CheckConstraint("fee_fen >= 0 AND cold_fee_fen >= 0 AND free_from_fen >= 0", name="amounts"),)
