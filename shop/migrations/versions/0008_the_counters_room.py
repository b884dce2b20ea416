"""Ticks on a pick list, and how long a packed order waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns with constant defaults, their checks validated afterwards: nothing is rewritten, nobody waits."""
    op.add_column("allocation", sa.Column("picked", sa.Integer(), server_default="0", nullable=False))
    op.add_column("counter", sa.Column("hold_hours", sa.Integer(), server_default="72", nullable=False))
    op.add_column("order", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    for table, name, rule in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


CHECKS = (
    ("allocation", "ck_allocation_picked", "picked BETWEEN 0 AND quantity"),
    ("counter", "ck_counter_hold_hours", "hold_hours BETWEEN 2 AND 720"),
)


def downgrade() -> None:
    """Ticks and reminders are forgotten; every counter waits three days again."""
    op.drop_column("order", "reminded_at")
    op.drop_column("counter", "hold_hours")
    op.drop_column("allocation", "picked")
