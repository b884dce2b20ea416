"""Goods sold by weight: their terms on SKUs and order lines, the packs a counter weighed, refunds by the gram."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

HEAVIEST_G = 100_000
TERMS = {
    "whole_terms": "num_nonnulls(per_kg_fen, weight_from_g, weight_to_g) IN (0, 3)",
    "terms": f"per_kg_fen > 0 AND weight_from_g > 0 AND weight_from_g <= weight_to_g AND weight_to_g <= {HEAVIEST_G}"
    " AND price_fen = (per_kg_fen * weight_to_g + 500) / 1000",
}
OF_SKU = {"pack_within_weight": "pack_g BETWEEN weight_from_g AND weight_to_g"}
OF_LINE = {
    "weight_less": "weight_less_fen = 0 OR per_kg_fen IS NOT NULL AND weight_less_fen > 0"
    " AND weight_less_fen <= price_fen * (quantity - cancelled)",
    "weighed": "weighed_packs BETWEEN 0 AND quantity - cancelled AND weighed_g >= weighed_packs",
}

# A line's deduction is what its weighed packs cost less than the most a pack can cost, each by the one rounding rule.
FUNCTION = """
CREATE FUNCTION weights_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed_line bigint;
  line order_line%ROWTYPE;
  less bigint;
  packs bigint;
  weight bigint;
  wrong bigint;
BEGIN
  IF TG_TABLE_NAME = 'order_line' THEN changed_line := NEW.id;
  ELSIF TG_OP = 'DELETE' THEN changed_line := OLD.order_line_id;
  ELSE changed_line := NEW.order_line_id; END IF;
  SELECT * INTO STRICT line FROM order_line WHERE id = changed_line;
  SELECT coalesce(sum(line.price_fen - price_fen), 0), count(*), coalesce(sum(grams), 0),
         count(*) FILTER (WHERE price_fen IS DISTINCT FROM
                                (line.per_kg_fen * least(grams, line.weight_to_g) + 500) / 1000)
    INTO less, packs, weight, wrong FROM weighed_pack WHERE order_line_id = changed_line;
  IF (less, packs, weight) <> (line.weight_less_fen, line.weighed_packs::bigint, line.weighed_g)
     OR wrong > 0 OR packs > line.quantity - line.cancelled THEN
    RAISE EXCEPTION 'line % says % fen less for weight, its % packs say %', changed_line, line.weight_less_fen,
      packs, less USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_order_line_weights_add_up';
  END IF;
  RETURN NULL;
END $$;
"""
TRIGGERS = """
CREATE CONSTRAINT TRIGGER weighed_pack_adds_up AFTER INSERT OR UPDATE OR DELETE ON weighed_pack
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION weights_add_up();
CREATE CONSTRAINT TRIGGER order_line_weights_add_up AFTER UPDATE OF weight_less_fen, weighed_packs, weighed_g ON order_line
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION weights_add_up();
"""


def constrain(table: str, rules: dict[str, str]) -> None:
    """Rules of a table that is in use, checked without holding up who writes into it."""
    for name, rule in rules.items():
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def charge(expression: str) -> None:
    """What a line costs is computed anew: the one step that rewrites a table, and placing orders waits for it."""
    op.execute("ALTER TABLE order_line DROP COLUMN total_fen")
    op.execute(f"ALTER TABLE order_line ADD COLUMN total_fen bigint GENERATED ALWAYS AS ({expression}) STORED NOT NULL")


def upgrade() -> None:
    """New columns are empty, so that what runs already goes on as before."""
    for table in ("sku", "order_line"):
        op.add_column(table, sa.Column("per_kg_fen", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("weight_from_g", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("weight_to_g", sa.Integer(), nullable=True))
    op.add_column("order_line", sa.Column("weight_less_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("order_line", sa.Column("weighed_packs", sa.Integer(), server_default="0", nullable=False))
    op.add_column("order_line", sa.Column("weighed_g", sa.BigInteger(), server_default="0", nullable=False))
    charge("price_fen * (quantity - cancelled) - weight_less_fen")
    constrain("sku", TERMS | OF_SKU)
    constrain("order_line", TERMS | OF_LINE)
    op.add_column("refund_line", sa.Column("grams", sa.Integer(), nullable=True))
    constrain("refund_line", {"grams": "grams IS NULL OR grams > 0 AND packs IS NULL"})
    op.create_table(
        "weighed_pack",
        sa.Column("allocation_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.Integer(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(f"grams BETWEEN 1 AND {HEAVIEST_G}", name=op.f("ck_weighed_pack_grams")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_weighed_pack_number")),
        sa.ForeignKeyConstraint(["allocation_id"], ["allocation.id"], name=op.f("fk_weighed_pack_allocation_id")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_line.id"], name=op.f("fk_weighed_pack_order_line_id")),
        sa.PrimaryKeyConstraint("allocation_id", "number", name=op.f("pk_weighed_pack")),
    )
    op.create_index(op.f("ix_weighed_pack_order_line_id"), "weighed_pack", ["order_line_id"])
    op.execute(FUNCTION)
    op.execute(TRIGGERS)


def downgrade() -> None:
    """Lines cost the most again that their packs can cost; what was weighed is lost."""
    op.execute("DROP TRIGGER order_line_weights_add_up ON order_line")
    op.drop_table("weighed_pack")
    op.execute("DROP FUNCTION weights_add_up()")
    op.drop_column("refund_line", "grams")
    charge("price_fen * (quantity - cancelled)")
    op.execute(
        'UPDATE "order" o SET lines_fen = lines_fen + less.fen, total_fen = total_fen + less.fen FROM'
        " (SELECT order_id, sum(weight_less_fen) AS fen FROM order_line GROUP BY order_id) less"
        " WHERE less.order_id = o.id AND less.fen > 0"
    )
    # The books are compared at the end of the transaction otherwise, when the column is gone already.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for column in ("weight_less_fen", "weighed_packs", "weighed_g"):
        op.drop_column("order_line", column)
    for table in ("sku", "order_line"):
        for column in ("per_kg_fen", "weight_from_g", "weight_to_g"):
            op.drop_column(table, column)
