"""Invoices of organisations, bank receipts and what they pay, the stop of credit and its lifting; two kinds of ledger row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

IN = "'counter_payment', 'charge', 'refund_reversal', 'dispute_won'"
OUT = "'counter_refund', 'refund', 'dispute', 'fee'"

# What is matched is counted on both sides by the database, so that the constraints of both hold whoever writes.
COUNTED = """
CREATE FUNCTION bank_allocation_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE bank_receipt SET matched_fen = matched_fen - OLD.amount_fen WHERE id = OLD.receipt_id;
    UPDATE invoice SET settled_fen = settled_fen - OLD.amount_fen WHERE id = OLD.invoice_id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE bank_receipt SET matched_fen = matched_fen + NEW.amount_fen WHERE id = NEW.receipt_id;
    UPDATE invoice SET settled_fen = settled_fen + NEW.amount_fen WHERE id = NEW.invoice_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER bank_allocation_counts AFTER INSERT OR UPDATE OR DELETE ON bank_allocation
  FOR EACH ROW EXECUTE FUNCTION bank_allocation_counts();
CREATE FUNCTION same_organisation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT organisation_id FROM bank_receipt WHERE id = NEW.receipt_id)
     IS DISTINCT FROM (SELECT organisation_id FROM invoice WHERE id = NEW.invoice_id) THEN
    RAISE EXCEPTION 'receipt % is not of the organisation of invoice %', NEW.receipt_id, NEW.invoice_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bank_allocation_same_organisation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER bank_allocation_same_organisation BEFORE INSERT OR UPDATE ON bank_allocation
  FOR EACH ROW EXECUTE FUNCTION same_organisation();
CREATE FUNCTION invoice_order_of_organisation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT organisation_id FROM "order" WHERE id = NEW.order_id)
     IS DISTINCT FROM (SELECT organisation_id FROM invoice WHERE id = NEW.invoice_id) THEN
    RAISE EXCEPTION 'order % is not of the organisation of invoice %', NEW.order_id, NEW.invoice_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_invoice_order_same_organisation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoice_order_of_organisation BEFORE INSERT ON invoice_order
  FOR EACH ROW EXECUTE FUNCTION invoice_order_of_organisation();
CREATE TRIGGER credit_note_append_only BEFORE DELETE ON credit_note FOR EACH ROW EXECUTE FUNCTION forbid_change();
CREATE TRIGGER closed_invoice_stays_closed BEFORE UPDATE OF state ON invoice FOR EACH ROW
  WHEN (OLD.state IN ('paid', 'void') AND NEW.state <> OLD.state) EXECUTE FUNCTION closed_invoice_stays_closed();
"""
CLOSED = """
CREATE FUNCTION closed_invoice_stays_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'invoice % is % and stays so', OLD.number, OLD.state
    USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_closed_invoice_stays_closed';
END $$;
"""
FUNCTIONS = ("bank_allocation_counts", "same_organisation", "invoice_order_of_organisation",
             "closed_invoice_stays_closed")


def constrain(income: str, outgo: str) -> None:
    """The ledger's rules, checked without holding up who writes into it."""
    op.execute("ALTER TABLE money_entry DROP CONSTRAINT ck_money_entry_kind, DROP CONSTRAINT ck_money_entry_sign")
    op.execute(f"ALTER TABLE money_entry ADD CONSTRAINT ck_money_entry_kind CHECK (kind IN ({income}, {outgo})) NOT VALID")
    op.execute(f"ALTER TABLE money_entry ADD CONSTRAINT ck_money_entry_sign"
               f" CHECK ((kind IN ({outgo})) = (amount_fen < 0) AND amount_fen <> 0) NOT VALID")
    op.execute("ALTER TABLE money_entry VALIDATE CONSTRAINT ck_money_entry_kind")
    op.execute("ALTER TABLE money_entry VALIDATE CONSTRAINT ck_money_entry_sign")


def upgrade() -> None:
    """New tables, and two more kinds of row in the ledger; nothing is rewritten."""
    op.create_table('bank_receipt',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('bank_ref', sa.Text(), nullable=False),
    sa.Column('payer', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.BigInteger(), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('matched_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('returned_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('received_on', sa.Date(), nullable=False),
    sa.Column('entered_by', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_bank_receipt_amount')),
    sa.CheckConstraint('matched_fen = 0 OR organisation_id IS NOT NULL', name=op.f('ck_bank_receipt_matched_has_owner')),
    sa.CheckConstraint('matched_fen >= 0 AND returned_fen >= 0 AND matched_fen + returned_fen <= amount_fen', name=op.f('ck_bank_receipt_never_beyond_amount')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_bank_receipt_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bank_receipt')),
    sa.UniqueConstraint('bank_ref', name=op.f('uq_bank_receipt_bank_ref'))
    )
    op.create_index('ix_bank_receipt_left', 'bank_receipt', ['id'], unique=False, postgresql_where=sa.text('matched_fen + returned_fen < amount_fen'))
    op.create_index(op.f('ix_bank_receipt_organisation_id'), 'bank_receipt', ['organisation_id'], unique=False)
    op.create_index('ix_bank_receipt_payer', 'bank_receipt', ['payer'], unique=False)
    op.create_table('credit_stop_lift',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('organisation_id', sa.BigInteger(), nullable=False),
    sa.Column('until_on', sa.Date(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('lifted_by', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("reason <> ''", name=op.f('ck_credit_stop_lift_reason')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_credit_stop_lift_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_stop_lift'))
    )
    op.create_index('ix_credit_stop_lift_organisation', 'credit_stop_lift', ['organisation_id', 'until_on'], unique=False)
    op.create_table('invoice',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), server_default='draft', nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('settled_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('credited_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('terms_days', sa.Integer(), nullable=False),
    sa.Column('issued_on', sa.Date(), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('fapiao_no', sa.Text(), nullable=True),
    sa.Column('invoice_ref', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("state <> 'void' OR settled_fen = 0", name=op.f('ck_invoice_void_has_no_money')),
    sa.CheckConstraint("state IN ('draft', 'open', 'paid', 'void', 'uncollectible')", name=op.f('ck_invoice_state')),
    sa.CheckConstraint("state IN ('draft', 'void') OR (issued_on IS NOT NULL AND due_on IS NOT NULL)", name=op.f('ck_invoice_issued')),
    sa.CheckConstraint('settled_fen >= 0 AND credited_fen >= 0 AND settled_fen + credited_fen <= total_fen', name=op.f('ck_invoice_never_beyond_total')),
    sa.CheckConstraint('total_fen > 0', name=op.f('ck_invoice_total')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_invoice_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice')),
    sa.UniqueConstraint('invoice_ref', name=op.f('uq_invoice_invoice_ref')),
    sa.UniqueConstraint('number', name=op.f('uq_invoice_number'))
    )
    op.create_index('ix_invoice_due', 'invoice', ['due_on'], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index('ix_invoice_organisation', 'invoice', ['organisation_id', 'id'], unique=False)
    op.create_index('ix_invoice_state', 'invoice', ['state', 'id'], unique=False)
    op.create_table('provider_customer',
    sa.Column('organisation_id', sa.BigInteger(), nullable=False),
    sa.Column('idempotency_key', sa.Text(), nullable=False),
    sa.Column('customer_ref', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_provider_customer_organisation_id')),
    sa.PrimaryKeyConstraint('organisation_id', name=op.f('pk_provider_customer')),
    sa.UniqueConstraint('customer_ref', name=op.f('uq_provider_customer_customer_ref')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_provider_customer_idempotency_key'))
    )
    op.create_table('bank_allocation',
    sa.Column('receipt_id', sa.BigInteger(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('matched_by', sa.Text(), nullable=False),
    sa.Column('matched_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_bank_allocation_amount')),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], name=op.f('fk_bank_allocation_invoice_id')),
    sa.ForeignKeyConstraint(['receipt_id'], ['bank_receipt.id'], name=op.f('fk_bank_allocation_receipt_id')),
    sa.PrimaryKeyConstraint('receipt_id', 'invoice_id', name=op.f('pk_bank_allocation'))
    )
    op.create_index(op.f('ix_bank_allocation_invoice_id'), 'bank_allocation', ['invoice_id'], unique=False)
    op.create_table('credit_note',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.Column('made_on', sa.Date(), nullable=False),
    sa.Column('made_by', sa.Text(), nullable=False),
    sa.Column('note_ref', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("reason IN ('short', 'goods', 'price', 'other')", name=op.f('ck_credit_note_reason')),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_credit_note_amount')),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], name=op.f('fk_credit_note_invoice_id')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_credit_note_order_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_note')),
    sa.UniqueConstraint('note_ref', name=op.f('uq_credit_note_note_ref'))
    )
    op.create_index(op.f('ix_credit_note_invoice_id'), 'credit_note', ['invoice_id'], unique=False)
    op.create_table('invoice_call',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('idempotency_key', sa.Text(), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], name=op.f('fk_invoice_call_invoice_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice_call')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_invoice_call_idempotency_key')),
    sa.UniqueConstraint('invoice_id', 'name', name=op.f('uq_invoice_call_invoice_id_name'))
    )
    op.create_table('invoice_order',
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('voided', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_invoice_order_amount')),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], name=op.f('fk_invoice_order_invoice_id')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_invoice_order_order_id')),
    sa.PrimaryKeyConstraint('invoice_id', 'order_id', name=op.f('pk_invoice_order'))
    )
    op.create_index('uq_invoice_order_billed', 'invoice_order', ['order_id'], unique=True, postgresql_where=sa.text('NOT voided'))
    constrain(f"{IN}, 'bank_in'", f"{OUT}, 'bank_out'")
    op.execute(CLOSED)
    op.execute(COUNTED)


def downgrade() -> None:
    """The ledger must hold no bank transfer."""
    constrain(IN, OUT)
    op.drop_index('uq_invoice_order_billed', table_name='invoice_order', postgresql_where=sa.text('NOT voided'))
    op.drop_table('invoice_order')
    op.drop_table('invoice_call')
    op.drop_index(op.f('ix_credit_note_invoice_id'), table_name='credit_note')
    op.drop_table('credit_note')
    op.drop_index(op.f('ix_bank_allocation_invoice_id'), table_name='bank_allocation')
    op.drop_table('bank_allocation')
    op.drop_table('provider_customer')
    op.drop_index('ix_invoice_state', table_name='invoice')
    op.drop_index('ix_invoice_organisation', table_name='invoice')
    op.drop_index('ix_invoice_due', table_name='invoice', postgresql_where=sa.text("state = 'open'"))
    op.drop_table('invoice')
    op.drop_index('ix_credit_stop_lift_organisation', table_name='credit_stop_lift')
    op.drop_table('credit_stop_lift')
    op.drop_index('ix_bank_receipt_payer', table_name='bank_receipt')
    op.drop_index(op.f('ix_bank_receipt_organisation_id'), table_name='bank_receipt')
    op.drop_index('ix_bank_receipt_left', table_name='bank_receipt', postgresql_where=sa.text('matched_fen + returned_fen < amount_fen'))
    op.drop_table('bank_receipt')
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}()")
