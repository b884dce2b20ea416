"""Packs that customers wait for, promised against what a consignment brings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# A line of a consignment counts the packs on it that customers await; its CHECK lets nobody promise one twice.
FUNCTION = """
CREATE FUNCTION backorder_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.state = 'awaited' THEN
    UPDATE consignment_line SET promised = promised - OLD.packs WHERE id = OLD.consignment_line_id;
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.state = 'awaited' THEN
    UPDATE consignment_line SET promised = promised + NEW.packs WHERE id = NEW.consignment_line_id;
  END IF;
  RETURN NULL;
END $$;
"""
TRIGGER = """
CREATE TRIGGER backorder_counts AFTER INSERT OR UPDATE OR DELETE ON backorder
  FOR EACH ROW EXECUTE FUNCTION backorder_counts();
"""
BEFORE = {
    "every_pack_once": "held + allocated + handed_over + released = quantity",
    "not_negative": "held >= 0 AND allocated >= 0 AND handed_over >= 0 AND released >= 0",
}
AFTER = {
    "every_pack_once": "held + allocated + handed_over + released + awaited = quantity",
    "not_negative": "least(held, allocated, handed_over, released, awaited) >= 0",
}


def constrain(table: str, rules: dict[str, str]) -> None:
    """Rules of a table that is in use, each in the place of the one of that name."""
    for name, rule in rules.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def upgrade() -> None:
    """New columns are 0 and the new table is empty, so that what runs already goes on as before."""
    op.add_column("reservation", sa.Column("awaited", sa.Integer(), server_default="0", nullable=False))
    constrain("reservation", AFTER)
    op.add_column("consignment_line", sa.Column("promised", sa.Integer(), server_default="0", nullable=False))
    constrain("consignment_line", {"never_promised_twice": "promised BETWEEN 0 AND coalesce(confirmed, 0)"})
    op.create_index("ix_consignment_line_promised", "consignment_line", ["consignment_id"],
                    postgresql_where=sa.text("promised > 0"))  # fmt: skip
    op.create_table(
        "backorder",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("consignment_line_id", sa.BigInteger(), nullable=True),
        sa.Column("level_id", sa.BigInteger(), nullable=True),
        sa.Column("packs", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="awaited", nullable=False),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("packs > 0", name=op.f("ck_backorder_packs")),
        sa.CheckConstraint(
            "state IN ('awaited', 'arrived', 'adrift', 'fulfilled', 'released')", name=op.f("ck_backorder_state")
        ),
        sa.CheckConstraint(
            "(state IN ('fulfilled', 'released')) = (closed_at IS NOT NULL)", name=op.f("ck_backorder_closed")
        ),
        sa.CheckConstraint(
            "(consignment_line_id IS NULL) = (expected_on IS NULL)", name=op.f("ck_backorder_expected")
        ),
        sa.CheckConstraint(
            "state <> 'awaited' OR consignment_line_id IS NOT NULL", name=op.f("ck_backorder_awaits_something")
        ),
        sa.CheckConstraint(
            "state <> 'arrived' OR level_id IS NOT NULL", name=op.f("ck_backorder_arrived_somewhere")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name=op.f("fk_backorder_order_id")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_line.id"], name=op.f("fk_backorder_order_line_id")),
        sa.ForeignKeyConstraint(
            ["consignment_line_id"], ["consignment_line.id"], name=op.f("fk_backorder_consignment_line_id")
        ),
        sa.ForeignKeyConstraint(["level_id"], ["stock_level.id"], name=op.f("fk_backorder_level_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backorder")),
    )
    op.create_index("ix_backorder_order", "backorder", ["order_id", "id"])
    op.create_index("uq_backorder_awaited", "backorder", ["consignment_line_id", "order_line_id"], unique=True,
                    postgresql_where=sa.text("state = 'awaited'"))  # fmt: skip
    op.create_index("ix_backorder_level", "backorder", ["level_id"],
                    postgresql_where=sa.text("state = 'arrived'"))  # fmt: skip
    op.execute(FUNCTION)
    op.execute(TRIGGER)


def downgrade() -> None:
    """Nobody may be waiting: an order that awaits packs cannot be told of in the older tables."""
    constrain("reservation", BEFORE)
    op.drop_column("reservation", "awaited")
    op.drop_table("backorder")
    op.execute("DROP FUNCTION backorder_counts()")
    op.drop_column("consignment_line", "promised")
