"""The rows of a new order: order, contact, lines and promises, written and read back in one statement.

Each statement costs its way through the libraries and to the database and back, more than the database works on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from orders.models import Order, OrderContact, OrderLine
from shop.db import Base, table_of


def columns(model: type[Base], source: str) -> str:
    """Every column of a model, in its order, from a part of the statement."""
    return ", ".join(f"{source}.{column.name}" for column in table_of(model).columns)


WRITE = sa.text(
    f"""
    WITH placed AS (
        INSERT INTO "order" (
            number, kind, status, user_id, organisation_id, po_number, needed_by, placement_key, method,
            pickup_counter_id, pickup_code, payment_method, lines_fen, delivery_fen, discount_fen, total_fen, locale,
            note, expires_at)
        VALUES (
            :number, :kind, :status, :user_id, :organisation_id, :po_number, :needed_by, :placement_key, :method,
            :pickup_counter_id, :pickup_code, :payment_method, :lines_fen, :delivery_fen, :discount_fen, :total_fen,
            :locale, :note, :expires_at)
        ON CONFLICT DO NOTHING
        RETURNING *
    ), contact AS (
        INSERT INTO order_contact (order_id, name, phone, email, district, street, lat, lng)
        SELECT id, :name, :phone, :email, :district, :street,
               CAST(:lat AS double precision), CAST(:lng AS double precision)
          FROM placed
        RETURNING *
    ), line AS (
        INSERT INTO order_line (
            order_id, position, sku_id, quantity, price_fen, per_kg_fen, weight_from_g, weight_to_g)
        SELECT placed.id, wanted.position, wanted.sku_id, wanted.quantity, wanted.price_fen, wanted.per_kg_fen,
               wanted.from_g, wanted.to_g
          FROM placed,
               unnest(CAST(:sku_ids AS bigint[]), CAST(:quantities AS integer[]), CAST(:prices_fen AS bigint[]),
                      CAST(:per_kg_fen AS bigint[]), CAST(:weights_from_g AS bigint[]), CAST(:weights_to_g AS bigint[]))
               WITH ORDINALITY AS wanted (sku_id, quantity, price_fen, per_kg_fen, from_g, to_g, position)
        RETURNING *
    ), promised AS (
        INSERT INTO reservation (order_line_id, order_id, sku_id, channel, quantity, held)
        SELECT id, order_id, sku_id, :channel, quantity, quantity FROM line
    )
    SELECT {columns(Order, "placed")}, {columns(OrderContact, "contact")}, {columns(OrderLine, "line")}
      FROM placed, contact, line
     ORDER BY line.position
    """  # noqa: S608  only names of our own columns are put in
).columns(*table_of(Order).columns, *table_of(OrderContact).columns, *table_of(OrderLine).columns)
ROWS = select(Order, OrderContact, OrderLine).from_statement(WRITE)


def write_rows(session: Session, values: Mapping[str, Any]) -> Order | None:
    """Write an order with contact, lines and promises, and hold them together as if read with it.

    None when something of it was there already: its number, the pickup code or the placement key.
    """
    rows = session.execute(ROWS, dict(values)).all()
    if not rows:
        return None
    order: Order
    order, contact, _ = rows[0]
    set_committed_value(order, "contact", contact)
    set_committed_value(order, "lines", [line for _, _, line in rows])
    return order
