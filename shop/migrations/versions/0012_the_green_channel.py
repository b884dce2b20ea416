"""The green channel: what counters should hold, and the consignments that bring it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables only; readings of temperature are only ever added."""
    op.create_table('consignment',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('cooperative_id', sa.BigInteger(), nullable=False),
    sa.Column('counter_id', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Text(), server_default='proposed', nullable=False),
    sa.Column('arrives_on', sa.Date(), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('dispatched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('vehicle', sa.Text(), server_default='', nullable=False),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(status IN ('received', 'declined', 'withdrawn')) = (closed_at IS NOT NULL)", name=op.f('ck_consignment_closed')),
    sa.CheckConstraint("status IN ('proposed', 'confirmed', 'dispatched', 'received', 'declined', 'withdrawn')", name=op.f('ck_consignment_status')),
    sa.CheckConstraint("status NOT IN ('dispatched', 'received') OR dispatched_at IS NOT NULL", name=op.f('ck_consignment_dispatched')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['cooperative.id'], name=op.f('fk_consignment_cooperative_id')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_consignment_counter_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consignment')),
    sa.UniqueConstraint('number', name=op.f('uq_consignment_number'))
    )
    op.create_index('ix_consignment_cooperative', 'consignment', ['cooperative_id', 'status', 'id'], unique=False)
    op.create_index('ix_consignment_counter', 'consignment', ['counter_id', 'status', 'arrives_on', 'id'], unique=False)
    op.create_index('uq_consignment_open_proposal', 'consignment', ['cooperative_id', 'counter_id'], unique=True, postgresql_where=sa.text("status = 'proposed'"))
    op.create_table('temperature_reading',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('consignment_id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tenths', sa.Integer(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.CheckConstraint('tenths BETWEEN -600 AND 600', name=op.f('ck_temperature_reading_on_earth')),
    sa.ForeignKeyConstraint(['consignment_id'], ['consignment.id'], name=op.f('fk_temperature_reading_consignment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_temperature_reading')),
    sa.UniqueConstraint('consignment_id', 'at', name=op.f('uq_temperature_reading_consignment_id_at'))
    )
    op.create_table('consignment_line',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('consignment_id', sa.BigInteger(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('proposed', sa.Integer(), nullable=False),
    sa.Column('confirmed', sa.Integer(), nullable=True),
    sa.Column('why', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.CheckConstraint('proposed >= 0 AND (confirmed IS NULL OR confirmed >= 0)', name=op.f('ck_consignment_line_packs')),
    sa.ForeignKeyConstraint(['consignment_id'], ['consignment.id'], name=op.f('fk_consignment_line_consignment_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_consignment_line_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consignment_line')),
    sa.UniqueConstraint('consignment_id', 'sku_id', name=op.f('uq_consignment_line_consignment_id_sku_id'))
    )
    op.create_index(op.f('ix_consignment_line_sku_id'), 'consignment_line', ['sku_id'], unique=False)
    op.create_table('reorder_point',
    sa.Column('counter_id', sa.BigInteger(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('point', sa.Integer(), nullable=False),
    sa.Column('up_to', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('point >= 0 AND up_to >= point AND up_to > 0', name=op.f('ck_reorder_point_packs')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_reorder_point_counter_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_reorder_point_sku_id')),
    sa.PrimaryKeyConstraint('counter_id', 'sku_id', name=op.f('pk_reorder_point'))
    )
    op.create_index(op.f('ix_reorder_point_sku_id'), 'reorder_point', ['sku_id'], unique=False)
    op.create_table('consignment_lot',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('line_id', sa.BigInteger(), nullable=False),
    sa.Column('level_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), server_default='set_aside', nullable=False),
    sa.Column('received', sa.Integer(), server_default='0', nullable=False),
    sa.Column('damaged', sa.Integer(), server_default='0', nullable=False),
    sa.Column('missing', sa.Integer(), server_default='0', nullable=False),
    sa.Column('too_warm', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("received + damaged + missing + too_warm = CASE WHEN state = 'arrived' THEN quantity ELSE 0 END", name=op.f('ck_consignment_lot_every_pack_accounted_for')),
    sa.CheckConstraint("state IN ('set_aside', 'on_the_road', 'arrived', 'given_back')", name=op.f('ck_consignment_lot_state')),
    sa.CheckConstraint('least(received, damaged, missing, too_warm) >= 0', name=op.f('ck_consignment_lot_outcome_not_negative')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_consignment_lot_quantity')),
    sa.ForeignKeyConstraint(['level_id'], ['stock_level.id'], name=op.f('fk_consignment_lot_level_id')),
    sa.ForeignKeyConstraint(['line_id'], ['consignment_line.id'], name=op.f('fk_consignment_lot_line_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consignment_lot'))
    )
    op.create_index('ix_consignment_lot_level', 'consignment_lot', ['level_id'], unique=False, postgresql_where=sa.text("state = 'set_aside'"))
    op.create_index(op.f('ix_consignment_lot_line_id'), 'consignment_lot', ['line_id'], unique=False)
    op.execute('CREATE TRIGGER temperature_reading_append_only BEFORE UPDATE OR DELETE ON temperature_reading'
               ' FOR EACH ROW EXECUTE FUNCTION forbid_change()')
    op.execute('CREATE TRIGGER closed_consignment_stays_closed BEFORE UPDATE OF status ON consignment FOR EACH ROW'
               " WHEN (OLD.status IN ('received', 'declined', 'withdrawn') AND NEW.status <> OLD.status)"
               ' EXECUTE FUNCTION closed_stays_closed()')


def downgrade() -> None:
    """The tables go, with their triggers; what travels must have arrived before."""
    for table in ("consignment_lot", "reorder_point", "consignment_line", "temperature_reading", "consignment"):
        op.drop_table(table)
