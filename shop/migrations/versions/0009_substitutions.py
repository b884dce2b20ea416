"""What counters offer customers instead of what is missing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One new, empty table."""
    op.create_table(
        "substitution",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("fulfilment_id", sa.BigInteger(), nullable=False),
        sa.Column("sku_id", sa.BigInteger(), nullable=False),
        sa.Column("packs", sa.Integer(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="proposed", nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('proposed', 'accepted', 'refused', 'expired')", name=op.f("ck_substitution_state")
        ),
        sa.CheckConstraint("(state = 'proposed') = (answered_at IS NULL)", name=op.f("ck_substitution_answered")),
        sa.CheckConstraint("packs > 0", name=op.f("ck_substitution_packs")),
        sa.CheckConstraint("price_fen >= 0", name=op.f("ck_substitution_price")),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name=op.f("fk_substitution_order_id")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_line.id"], name=op.f("fk_substitution_order_line_id")),
        sa.ForeignKeyConstraint(["fulfilment_id"], ["fulfilment.id"], name=op.f("fk_substitution_fulfilment_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["sku.id"], name=op.f("fk_substitution_sku_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_substitution")),
    )
    op.create_index(op.f("ix_substitution_fulfilment_id"), "substitution", ["fulfilment_id"])
    op.create_index("uq_substitution_open", "substitution", ["order_id"], unique=True,
                    postgresql_where=sa.text("state = 'proposed'"))  # fmt: skip
    op.create_index("ix_substitution_answer_by", "substitution", ["answer_by"],
                    postgresql_where=sa.text("state = 'proposed'"))  # fmt: skip


def downgrade() -> None:
    """The questions are forgotten; what was answered stands in the orders."""
    op.drop_table("substitution")
