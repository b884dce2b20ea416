"""Indexes for the lists and the search of the buyer's room and the office, made without holding orders up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PREFIX = "text_pattern_ops"
# Name, table, columns, and what else the index says.
MADE = (
    ("ix_order_organisation", "order", ["organisation_id", "id"],
     {"postgresql_where": sa.text("organisation_id IS NOT NULL")}),
    ("ix_order_number_prefix", "order", ["number"], {"postgresql_ops": {"number": PREFIX}}),
    ("ix_order_po_number", "order", ["po_number"],
     {"postgresql_ops": {"po_number": PREFIX}, "postgresql_where": sa.text("po_number IS NOT NULL")}),
    ("ix_order_created_at", "order", ["created_at"], {"postgresql_using": "brin"}),
    ("ix_order_contact_name", "order_contact", ["name"], {"postgresql_ops": {"name": PREFIX}}),
    ("ix_order_contact_phone", "order_contact", ["phone"], {"postgresql_ops": {"phone": PREFIX}}),
    ("ix_sku_price", "sku", ["price_fen", "id"], {}),
)


def upgrade() -> None:
    """Build beside the shop's work, then drop what the new ones replace."""
    with op.get_context().autocommit_block():
        for name, table, columns, more in MADE:
            op.create_index(name, table, columns, postgresql_concurrently=True, if_not_exists=True, **more)
        op.drop_index("ix_order_organisation_id", "order", postgresql_concurrently=True, if_exists=True)
        # The name stays, the operators change: equality is served by both.
        op.drop_index("ix_order_contact_email", "order_contact", postgresql_concurrently=True, if_exists=True)
        op.create_index("ix_order_contact_email", "order_contact", ["email"], postgresql_concurrently=True,
                        if_not_exists=True, postgresql_ops={"email": PREFIX})


def downgrade() -> None:
    """The two that were there before."""
    for name, table, _columns, _more in MADE:
        op.drop_index(name, table)
    op.drop_index("ix_order_contact_email", "order_contact")
    op.create_index("ix_order_contact_email", "order_contact", ["email"])
    op.create_index("ix_order_organisation_id", "order", ["organisation_id"])
