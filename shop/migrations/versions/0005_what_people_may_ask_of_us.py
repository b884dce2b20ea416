"""The ledger of erased accounts, and which mails of their orders people want."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A small table and a column with a constant default: neither rewrites what is there."""
    op.create_table(
        "erasure",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_erasure_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_erasure")),
    )
    op.add_column("user", sa.Column("order_mails", sa.Text(), server_default="all", nullable=False))
    op.execute("ALTER TABLE \"user\" ADD CONSTRAINT ck_user_order_mails"
               " CHECK (order_mails IN ('all', 'needed')) NOT VALID")
    op.execute('ALTER TABLE "user" VALIDATE CONSTRAINT ck_user_order_mails')


def downgrade() -> None:
    """The wishes and the ledger go; the ledger is kept outside as well (`shop erasures show`)."""
    op.drop_column("user", "order_mails")
    op.drop_table("erasure")
