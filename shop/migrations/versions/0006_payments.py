"""Payments, refunds, disputes, what the provider told, findings; the ledger and the end of an order know them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


KINDS = "('counter_payment', 'charge', 'refund_reversal', 'dispute_won', 'counter_refund', 'refund', 'dispute', 'fee')"
OUT = "('counter_refund', 'refund', 'dispute', 'fee')"

# An order that expired while its customer was paying may live again (docs/decisions/0007-money-that-comes-late.md).
CLOSED_TRIGGER = """
CREATE TRIGGER closed_order_stays_closed BEFORE UPDATE OF status ON "order" FOR EACH ROW
  WHEN (OLD.status IN ('completed', 'cancelled', 'expired') AND NEW.status <> OLD.status{exception})
  EXECUTE FUNCTION closed_stays_closed()"""


def constrain(kinds: str, sign: str) -> None:
    """The ledger's rules, checked without holding up who writes into it."""
    op.execute("ALTER TABLE money_entry DROP CONSTRAINT ck_money_entry_kind, DROP CONSTRAINT ck_money_entry_sign")
    op.execute(f"ALTER TABLE money_entry ADD CONSTRAINT ck_money_entry_kind CHECK ({kinds}) NOT VALID")
    op.execute(f"ALTER TABLE money_entry ADD CONSTRAINT ck_money_entry_sign CHECK ({sign}) NOT VALID")
    op.execute("ALTER TABLE money_entry VALIDATE CONSTRAINT ck_money_entry_kind")
    op.execute("ALTER TABLE money_entry VALIDATE CONSTRAINT ck_money_entry_sign")


def upgrade() -> None:
    """New tables; one column more in the ledger; nothing is rewritten."""
    op.create_table('provider_event',
    sa.Column('event_ref', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('object_ref', sa.Text(), nullable=False),
    sa.Column('api_version', sa.Text(), nullable=False),
    sa.Column('livemode', sa.Boolean(), nullable=False),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('via', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('seen', sa.Integer(), server_default='1', nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("via IN ('webhook', 'poll')", name=op.f('ck_provider_event_via')),
    sa.PrimaryKeyConstraint('event_ref', name=op.f('pk_provider_event'))
    )
    op.create_index('ix_provider_event_object', 'provider_event', ['object_ref'], unique=False)
    op.create_index('ix_provider_event_received_at', 'provider_event', ['received_at'], unique=False)
    op.create_table('reconciliation_run',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('from_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('to_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cursor', sa.Text(), nullable=True),
    sa.Column('seen', sa.Integer(), server_default='0', nullable=False),
    sa.Column('differences', sa.Integer(), server_default='0', nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('events', 'daily', 'monthly', 'by_hand')", name=op.f('ck_reconciliation_run_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reconciliation_run'))
    )
    op.create_index('ix_reconciliation_run_kind', 'reconciliation_run', ['kind', 'id'], unique=False)
    op.create_table('finding',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('run_id', sa.BigInteger(), nullable=True),
    sa.Column('order_id', sa.BigInteger(), nullable=True),
    sa.Column('ours', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('theirs', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('found_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('resolved_by', sa.Text(), nullable=True),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.CheckConstraint('(resolved_at IS NULL) = (resolved_by IS NULL)', name=op.f('ck_finding_resolved')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_finding_order_id')),
    sa.ForeignKeyConstraint(['run_id'], ['reconciliation_run.id'], name=op.f('fk_finding_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_finding'))
    )
    op.create_index('ix_finding_open', 'finding', ['id'], unique=False, postgresql_where=sa.text('resolved_at IS NULL'))
    op.create_index(op.f('ix_finding_order_id'), 'finding', ['order_id'], unique=False)
    op.create_index('uq_finding', 'finding', ['kind', 'ref'], unique=True)
    op.create_table('payment',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), server_default='cny', nullable=False),
    sa.Column('state', sa.Text(), server_default='creating', nullable=False),
    sa.Column('means', sa.Text(), nullable=True),
    sa.Column('idempotency_key', sa.Text(), nullable=False),
    sa.Column('intent_ref', sa.Text(), nullable=True),
    sa.Column('livemode', sa.Boolean(), nullable=True),
    sa.Column('received_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('last_error', sa.Text(), server_default='', nullable=False),
    sa.Column('looks', sa.Integer(), server_default='0', nullable=False),
    sa.Column('next_look_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("currency = 'cny'", name=op.f('ck_payment_currency')),
    sa.CheckConstraint("means IN ('card', 'alipay', 'wechat_pay')", name=op.f('ck_payment_means')),
    sa.CheckConstraint("state IN ('creating', 'canceled') OR intent_ref IS NOT NULL", name=op.f('ck_payment_known_to_provider')),
    sa.CheckConstraint("state IN ('creating', 'open', 'processing', 'succeeded', 'canceled')", name=op.f('ck_payment_state')),
    sa.CheckConstraint('amount_fen > 0 AND amount_fen <= 99999999', name=op.f('ck_payment_amount')),
    sa.CheckConstraint('received_fen >= 0', name=op.f('ck_payment_received')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_payment_order_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_payment_idempotency_key')),
    sa.UniqueConstraint('intent_ref', name=op.f('uq_payment_intent_ref'))
    )
    op.create_index('ix_payment_next_look', 'payment', ['next_look_at'], unique=False, postgresql_where=sa.text("state IN ('creating', 'open', 'processing')"))
    op.create_index(op.f('ix_payment_order_id'), 'payment', ['order_id'], unique=False)
    op.create_index('uq_payment_live', 'payment', ['order_id'], unique=True, postgresql_where=sa.text("state IN ('creating', 'open', 'processing')"))
    op.create_table('dispute',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('payment_id', sa.BigInteger(), nullable=False),
    sa.Column('dispute_ref', sa.Text(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_dispute_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_dispute_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dispute')),
    sa.UniqueConstraint('dispute_ref', name=op.f('uq_dispute_dispute_ref'))
    )
    op.create_index(op.f('ix_dispute_payment_id'), 'dispute', ['payment_id'], unique=False)
    op.create_table('refund',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('payment_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='requested', nullable=False),
    sa.Column('idempotency_key', sa.Text(), nullable=False),
    sa.Column('refund_ref', sa.Text(), nullable=True),
    sa.Column('failure', sa.Text(), server_default='', nullable=False),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.Column('requested_by', sa.Text(), nullable=False),
    sa.Column('requested_by_id', sa.BigInteger(), nullable=True),
    sa.Column('approved_by', sa.Text(), nullable=True),
    sa.Column('manual_reference', sa.Text(), nullable=True),
    sa.Column('replaced_by_id', sa.BigInteger(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('looks', sa.Integer(), server_default='0', nullable=False),
    sa.Column('next_look_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(state = 'manual') = (manual_reference IS NOT NULL)", name=op.f('ck_refund_manual')),
    sa.CheckConstraint("(state = 'replaced') = (replaced_by_id IS NOT NULL)", name=op.f('ck_refund_replaced')),
    sa.CheckConstraint("state IN ('proposed', 'requested', 'pending', 'succeeded', 'failed', 'replaced', 'manual', 'declined')", name=op.f('ck_refund_state')),
    sa.CheckConstraint("why IN ('cancelled', 'short', 'weight', 'goodwill', 'external', 'late', 'duplicate', 'mismatch')", name=op.f('ck_refund_why')),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_refund_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_refund_payment_id')),
    sa.ForeignKeyConstraint(['replaced_by_id'], ['refund.id'], name=op.f('fk_refund_replaced_by_id')),
    sa.ForeignKeyConstraint(['requested_by_id'], ['user.id'], name=op.f('fk_refund_requested_by_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refund')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_refund_idempotency_key')),
    sa.UniqueConstraint('refund_ref', name=op.f('uq_refund_refund_ref'))
    )
    op.create_index('ix_refund_next_look', 'refund', ['next_look_at'], unique=False, postgresql_where=sa.text("state IN ('requested', 'pending')"))
    op.create_index(op.f('ix_refund_payment_id'), 'refund', ['payment_id'], unique=False)
    op.create_index('ix_refund_state', 'refund', ['state', 'id'], unique=False)
    op.create_index('uq_refund_automatic', 'refund', ['payment_id'], unique=True, postgresql_where=sa.text("why IN ('late', 'duplicate', 'mismatch') AND state NOT IN ('failed', 'replaced')"))
    op.create_table('refund_line',
    sa.Column('refund_id', sa.BigInteger(), nullable=False),
    sa.Column('order_line_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('packs', sa.Integer(), nullable=True),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_refund_line_amount')),
    sa.CheckConstraint('packs > 0', name=op.f('ck_refund_line_packs')),
    sa.ForeignKeyConstraint(['order_line_id'], ['order_line.id'], name=op.f('fk_refund_line_order_line_id')),
    sa.ForeignKeyConstraint(['refund_id'], ['refund.id'], name=op.f('fk_refund_line_refund_id')),
    sa.PrimaryKeyConstraint('refund_id', 'order_line_id', name=op.f('pk_refund_line'))
    )
    op.add_column('money_entry', sa.Column('payment_id', sa.BigInteger(), nullable=True))
    op.create_index(op.f('ix_money_entry_at'), 'money_entry', ['at'], unique=False)
    op.create_index(op.f('ix_money_entry_payment_id'), 'money_entry', ['payment_id'], unique=False)
    op.create_foreign_key(op.f('fk_money_entry_payment_id'), 'money_entry', 'payment', ['payment_id'], ['id'])
    constrain(f"kind IN {KINDS}", f"(kind IN {OUT}) = (amount_fen < 0) AND amount_fen <> 0")
    op.execute('DROP TRIGGER closed_order_stays_closed ON "order"')
    op.execute(CLOSED_TRIGGER.format(exception=" AND NOT (OLD.status = 'expired' AND NEW.status = 'confirmed')"))


def downgrade() -> None:
    """Back to money at the counter only: the ledger must hold no other."""
    op.execute('DROP TRIGGER closed_order_stays_closed ON "order"')
    op.execute(CLOSED_TRIGGER.format(exception=""))
    constrain("kind IN ('counter_payment', 'counter_refund')",
              "(kind LIKE '%refund') = (amount_fen < 0) AND amount_fen <> 0")
    op.drop_constraint(op.f('fk_money_entry_payment_id'), 'money_entry', type_='foreignkey')
    op.drop_index(op.f('ix_money_entry_payment_id'), table_name='money_entry')
    op.drop_index(op.f('ix_money_entry_at'), table_name='money_entry')
    op.drop_column('money_entry', 'payment_id')
    op.drop_table('refund_line')
    op.drop_index('uq_refund_automatic', table_name='refund', postgresql_where=sa.text("why IN ('late', 'duplicate', 'mismatch') AND state NOT IN ('failed', 'replaced')"))
    op.drop_index('ix_refund_state', table_name='refund')
    op.drop_index(op.f('ix_refund_payment_id'), table_name='refund')
    op.drop_index('ix_refund_next_look', table_name='refund', postgresql_where=sa.text("state IN ('requested', 'pending')"))
    op.drop_table('refund')
    op.drop_index(op.f('ix_dispute_payment_id'), table_name='dispute')
    op.drop_table('dispute')
    op.drop_index('uq_payment_live', table_name='payment', postgresql_where=sa.text("state IN ('creating', 'open', 'processing')"))
    op.drop_index(op.f('ix_payment_order_id'), table_name='payment')
    op.drop_index('ix_payment_next_look', table_name='payment', postgresql_where=sa.text("state IN ('creating', 'open', 'processing')"))
    op.drop_table('payment')
    op.drop_index('uq_finding', table_name='finding')
    op.drop_index(op.f('ix_finding_order_id'), table_name='finding')
    op.drop_index('ix_finding_open', table_name='finding', postgresql_where=sa.text('resolved_at IS NULL'))
    op.drop_table('finding')
    op.drop_index('ix_reconciliation_run_kind', table_name='reconciliation_run')
    op.drop_table('reconciliation_run')
    op.drop_index('ix_provider_event_received_at', table_name='provider_event')
    op.drop_index('ix_provider_event_object', table_name='provider_event')
    op.drop_table('provider_event')
