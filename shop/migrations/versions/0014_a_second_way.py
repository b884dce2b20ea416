"""A counter may prepare a second part for a customer while the first is on its way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = ["order_id", "counter_id", "role"]
AT_THE_COUNTER = sa.text("status IN ('assigned', 'accepted', 'ready')")
NOT_OVER = sa.text("status NOT IN ('rejected', 'cancelled', 'received', 'handed_over')")


def upgrade() -> None:
    """The narrower index first: no two parts that a counter works on may be the same at any moment."""
    with op.get_context().autocommit_block():
        op.create_index("uq_fulfilment_part_at_counter", "fulfilment", COLUMNS, unique=True,
                        postgresql_where=AT_THE_COUNTER, postgresql_concurrently=True, if_not_exists=True)  # fmt: skip
        op.drop_index("uq_fulfilment_open_part", "fulfilment", postgresql_concurrently=True, if_exists=True)


def downgrade() -> None:
    """Refused by the database while two parts of an order are under way from the same counter: bring one home first."""
    with op.get_context().autocommit_block():
        op.create_index("uq_fulfilment_open_part", "fulfilment", COLUMNS, unique=True,
                        postgresql_where=NOT_OVER, postgresql_concurrently=True, if_not_exists=True)  # fmt: skip
        op.drop_index("uq_fulfilment_part_at_counter", "fulfilment", postgresql_concurrently=True, if_exists=True)
