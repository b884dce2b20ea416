"""The personal part of orders: who and where to. It is copied for its person and erased; the money facts stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.models import Sku
from orders.fulfilment.plan_models import RoutingInstance, RoutingPlan
from orders.models import Cart, CartLine, Order, OrderContact, OrderEvent, OrderLine
from orders.payments.models import MoneyEntry, Payment, Refund
from orders.states import OPEN_ORDERS
from shop.accounts import erasure
from shop.accounts.erasure import ACCOUNT, Holder, Record
from shop.db import db


def copy_orders(session: Session, user_id: int) -> Record:
    """Every order of a person with its goods, its contact and what was paid; and their cart."""
    statement = (
        select(Order)
        .where(Order.user_id == user_id)
        .options(
            joinedload(Order.contact),
            joinedload(Order.pickup_counter),
            selectinload(Order.lines).joinedload(OrderLine.sku).joinedload(Sku.product),
        )
        .order_by(Order.id)
    )
    orders = session.execute(statement).unique().scalars().all()
    cart = (
        select(Sku.code, CartLine.quantity)
        .join(CartLine, CartLine.sku_id == Sku.id)
        .join(Cart, Cart.id == CartLine.cart_id)
        .where(Cart.user_id == user_id)
    )
    more = told_beside(session, [order.id for order in orders])
    return {
        "orders": [told(order) | {name: rows[order.id] for name, rows in more.items()} for order in orders],
        "cart": [{"sku": sku, "quantity": quantity} for sku, quantity in session.execute(cart)],
    }


def told_beside(session: Session, order_ids: Sequence[int]) -> dict[str, dict[int, list[Record]]]:
    """What is told of these orders from other tables: by its name in the copy, then by order."""
    statements = {
        "payments": select(MoneyEntry.order_id, MoneyEntry.at, MoneyEntry.amount_fen, MoneyEntry.kind)
        .where(MoneyEntry.order_id.in_(order_ids)).order_by(MoneyEntry.at),
        "paid_online": select(
            Payment.order_id, Payment.created_at.label("at"), Payment.amount_fen, Payment.means, Payment.state
        ).where(Payment.order_id.in_(order_ids)).order_by(Payment.id),
        "refunds": select(
            Payment.order_id, Refund.created_at.label("at"), Refund.amount_fen, Refund.why, Refund.state, Refund.note
        ).join(Payment, Payment.id == Refund.payment_id).where(Payment.order_id.in_(order_ids)).order_by(Refund.id),
        "events": select(OrderEvent.order_id, OrderEvent.at, OrderEvent.kind, OrderEvent.data)
        .where(OrderEvent.order_id.in_(order_ids)).order_by(OrderEvent.id),
    }  # fmt: skip
    more: dict[str, dict[int, list[Record]]] = {}
    for name, statement in statements.items():
        of_orders = more.setdefault(name, {order_id: [] for order_id in order_ids})
        for row in session.execute(statement).mappings():
            told_row = dict(row)
            of_orders[told_row.pop("order_id")].append(told_row)
    return more


def told(order: Order) -> Record:
    """One order as its person's copy tells it."""
    contact = order.contact
    return {
        "number": order.number, "placed_at": order.created_at, "status": order.status, "method": order.method,
        "kind": order.kind, "po_number": order.po_number, "needed_by": order.needed_by, "language": order.locale,
        "counter": order.pickup_counter.code if order.pickup_counter else None, "pickup_code": order.pickup_code,
        "payment_method": order.payment_method, "delivery_fen": order.delivery_fen,
        "discount_fen": order.discount_fen, "total_fen": order.total_fen, "note": order.note,
        "contact": None if contact is None else {
            "name": contact.name, "phone": contact.phone, "email": contact.email, "district": contact.district,
            "street": contact.street, "lat": contact.lat, "lng": contact.lng,
        },
        "lines": [
            {"sku": line.sku.code, "names": line.sku.product.names, "quantity": line.quantity,
             "cancelled": line.cancelled, "price_fen": line.price_fen, "total_fen": line.total_fen,
             "per_kg_fen": line.per_kg_fen, "weighed_g": line.weighed_g}
            for line in order.lines
        ],
    }  # fmt: skip


def erase_orders(session: Session, user_id: int) -> bool:
    """Erase contact and notes of every order that is over, and the cart; whether no open order is left.

    An open order keeps its contact until it ends: somebody has to be able to hand it over.
    """
    session.execute(delete(Cart).where(Cart.user_id == user_id))
    still_open = [status.value for status in OPEN_ORDERS]
    over = select(Order.id).where(Order.user_id == user_id, Order.status.not_in(still_open))
    # In the shop's order of locks: the order's row before what hangs on it.
    ids = session.scalars(over.order_by(Order.id).with_for_update()).all()
    session.execute(
        update(OrderContact)
        .where(OrderContact.order_id.in_(ids))
        .values(name="", phone="", email="", district="", street="", lat=None, lng=None)
    )
    session.execute(update(Order).where(Order.id.in_(ids), Order.note != "").values(note=""))
    # What the router planned from says where the customer lives.
    their_plans = select(RoutingPlan.id).where(RoutingPlan.order_id.in_(ids))
    session.execute(delete(RoutingInstance).where(RoutingInstance.plan_id.in_(their_plans)))
    their_payments = select(Payment.id).where(Payment.order_id.in_(ids))
    session.execute(update(Refund).where(Refund.payment_id.in_(their_payments), Refund.note != "").values(note=""))
    left = select(Order.id).where(Order.user_id == user_id, Order.status.in_(still_open)).limit(1)
    return session.scalar(left) is None


ORDERS = Holder("orders", copy_orders, erase_orders)
HOLDERS = (ACCOUNT, ORDERS)


def erase_the_rest(session: Session) -> int:
    """Erase what had to wait for an order that has ended since; how many people are done."""
    return erasure.erase_the_rest(session, HOLDERS)


@click.group("erasures")
def command() -> None:
    """The ledger of erased accounts: keep it outside the backups, apply it after a restore."""


@command.command("show")
def show() -> None:
    """Print the numbers of all erased accounts, one a line."""
    for user_id in erasure.erased_ids(db.session()):
        click.echo(user_id)


@command.command("apply")
@click.argument("ledger", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def apply(ledger: Path) -> None:
    """Erase these accounts again, as printed by `show` before the restore."""
    ids = [int(line) for line in ledger.read_text().split() if line.isdecimal()]
    click.echo(f"erased again: {erasure.erase_again(db.session(), ids, HOLDERS)} of {len(ids)}")
