"""Weights in versions, what differs on a counter's day, what a plan was made from, and cases a person must decide."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NOW = sa.text("now()")
WEIGHTS = (
    "parcel_fen >= 0 AND per_km_fen >= 0 AND cold_parcel_fen >= 0 AND transfer_fen >= 0 AND load_fen >= 0"
    " AND ageing_fen >= 0 AND horizon_days BETWEEN 0 AND 3650 AND unfilled_fen >= 0"
)


def upgrade() -> None:
    """New tables, and columns with constant defaults: nothing that is there is rewritten."""
    op.add_column("routing_costs", sa.Column("in_force_from", sa.DateTime(timezone=True), server_default=NOW,
                                             nullable=False))  # fmt: skip
    op.add_column("routing_costs", sa.Column("actor", sa.Text(), server_default="", nullable=False))
    op.add_column("routing_costs", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.execute(f"ALTER TABLE routing_costs ADD CONSTRAINT ck_routing_costs_weights CHECK ({WEIGHTS}) NOT VALID")
    op.execute("ALTER TABLE routing_costs VALIDATE CONSTRAINT ck_routing_costs_weights")
    op.create_index("ix_routing_costs_in_force", "routing_costs", ["in_force_from", "id"])
    op.execute("CREATE TRIGGER routing_costs_append_only BEFORE UPDATE OR DELETE ON routing_costs"
               " FOR EACH ROW EXECUTE FUNCTION forbid_change()")
    op.add_column("routing_plan", sa.Column("why", sa.Text(), server_default="placed", nullable=False))
    op.create_table(
        "routing_instance",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("instance", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["routing_plan.id"], name=op.f("fk_routing_instance_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_routing_instance")),
    )
    op.create_index("ix_routing_instance_created_at", "routing_instance", ["created_at"])
    op.create_table(
        "counter_day",
        sa.Column("counter_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("closes", sa.Time(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("num_nonnulls(closes, capacity) >= 1", name=op.f("ck_counter_day_differs")),
        sa.CheckConstraint("capacity >= 0", name=op.f("ck_counter_day_capacity")),
        sa.ForeignKeyConstraint(["counter_id"], ["counter.id"], name=op.f("fk_counter_day_counter_id"),
                                ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("counter_id", "day", name=op.f("pk_counter_day")),
    )  # fmt: skip
    op.create_table(
        "counter_outage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("counter_id", sa.BigInteger(), nullable=False),
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("storage IN ('ambient', 'chilled', 'frozen')", name=op.f("ck_counter_outage_storage")),
        sa.CheckConstraint("since <= ended_at", name=op.f("ck_counter_outage_ends_later")),
        sa.ForeignKeyConstraint(["counter_id"], ["counter.id"], name=op.f("fk_counter_outage_counter_id"),
                                ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counter_outage")),
    )  # fmt: skip
    op.create_index("uq_counter_outage_open", "counter_outage", ["counter_id", "storage"], unique=True,
                    postgresql_where=sa.text("ended_at IS NULL"))  # fmt: skip
    op.create_table(
        "routing_case",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at_version", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name=op.f("ck_routing_case_closed_by_somebody")),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name=op.f("fk_routing_case_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_case")),
    )
    op.create_index("ix_routing_case_order_id", "routing_case", ["order_id"])
    op.create_index("uq_routing_case_open", "routing_case", ["order_id"], unique=True,
                    postgresql_where=sa.text("closed_at IS NULL"))  # fmt: skip
    op.create_table(
        "routing_trial",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("costs", JSONB(), nullable=False),
        sa.Column("base_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_ids", JSONB(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", JSONB(), server_default="{}", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["base_id"], ["routing_costs.id"], name=op.f("fk_routing_trial_base_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_trial")),
    )


def downgrade() -> None:
    """Everything goes as it came."""
    op.drop_table("routing_trial")
    op.drop_table("routing_case")
    op.drop_table("counter_outage")
    op.drop_table("counter_day")
    op.drop_table("routing_instance")
    op.drop_column("routing_plan", "why")
    op.execute("DROP TRIGGER routing_costs_append_only ON routing_costs")
    op.drop_index("ix_routing_costs_in_force", "routing_costs")
    op.drop_constraint(op.f("ck_routing_costs_weights"), "routing_costs", type_="check")
    for column in ("note", "actor", "in_force_from"):
        op.drop_column("routing_costs", column)
