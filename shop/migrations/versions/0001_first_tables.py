"""First tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_idempotency',
    sa.Column('principal', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('route', sa.Text(), nullable=False),
    sa.Column('request_sha256', sa.LargeBinary(), nullable=False),
    sa.Column('status', sa.SmallInteger(), nullable=True),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('length(key) BETWEEN 8 AND 255', name=op.f('ck_api_idempotency_key_length')),
    sa.PrimaryKeyConstraint('principal', 'key', name=op.f('pk_api_idempotency'))
    )
    op.create_index(op.f('ix_api_idempotency_created_at'), 'api_idempotency', ['created_at'], unique=False)
    op.create_table('category',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('names', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('position', sa.Integer(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_category')),
    sa.UniqueConstraint('slug', name=op.f('uq_category_slug'))
    )
    op.create_table('cooperative',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('names', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('township', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('township_code', sa.Text(), nullable=False),
    sa.Column('altitude_m', sa.Integer(), nullable=False),
    sa.Column('lat', sa.Double(), nullable=True),
    sa.Column('lng', sa.Double(), nullable=True),
    sa.Column('story', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('email', sa.Text(), server_default='', nullable=False),
    sa.Column('phone', sa.Text(), server_default='', nullable=False),
    sa.Column('locale', sa.Text(), server_default='zh', nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("locale IN ('zh', 'bo', 'en')", name=op.f('ck_cooperative_locale')),
    sa.CheckConstraint("names ? 'zh'", name=op.f('ck_cooperative_has_chinese_name')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cooperative')),
    sa.UniqueConstraint('code', name=op.f('uq_cooperative_code'))
    )
    op.create_table('counter',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('names', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('street', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('lat', sa.Double(), nullable=False),
    sa.Column('lng', sa.Double(), nullable=False),
    sa.Column('storage', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('capacity', sa.Integer(), nullable=False),
    sa.Column('radius_m', sa.Integer(), nullable=False),
    sa.Column('cut_off', sa.Time(), nullable=False),
    sa.Column('delivers', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('email', sa.Text(), server_default='', nullable=False),
    sa.Column('phone', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("storage <@ ARRAY['ambient', 'chilled', 'frozen']", name=op.f('ck_counter_storage')),
    sa.CheckConstraint('capacity >= 0', name=op.f('ck_counter_capacity')),
    sa.CheckConstraint('lat BETWEEN -90 AND 90 AND lng BETWEEN -180 AND 180', name=op.f('ck_counter_place')),
    sa.CheckConstraint('radius_m >= 0', name=op.f('ck_counter_radius')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_counter')),
    sa.UniqueConstraint('code', name=op.f('uq_counter_code'))
    )
    op.create_index('ix_counter_district', 'counter', ['district'], unique=False)
    op.create_table('delivery_tariff',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('fee_fen', sa.BigInteger(), nullable=False),
    sa.Column('cold_fee_fen', sa.BigInteger(), nullable=False),
    sa.Column('free_from_fen', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('fee_fen >= 0 AND cold_fee_fen >= 0 AND free_from_fen >= 0', name=op.f('ck_delivery_tariff_amounts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_tariff'))
    )
    op.create_table('heartbeat',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_heartbeat'))
    )
    op.create_table('job',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('event_id', sa.Uuid(), server_default=sa.text('gen_random_uuid()'), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('dedupe_key', sa.Text(), nullable=False),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('request_id', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('lease_token', sa.Uuid(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('dead_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.CheckConstraint('done_at IS NULL OR dead_at IS NULL', name=op.f('ck_job_done_or_dead')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job')),
    sa.UniqueConstraint('event_id', name=op.f('uq_job_event_id')),
    sa.UniqueConstraint('topic', 'dedupe_key', name=op.f('uq_job_topic_dedupe_key'))
    )
    op.create_index('ix_job_dead', 'job', ['dead_at'], unique=False, postgresql_where=sa.text('dead_at IS NOT NULL'))
    op.create_index('ix_job_done', 'job', ['done_at'], unique=False, postgresql_where=sa.text('done_at IS NOT NULL'))
    op.create_index('ix_job_due', 'job', ['next_at', 'id'], unique=False, postgresql_where=sa.text('done_at IS NULL AND dead_at IS NULL'))
    op.create_table('login_attempt',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('account_hash', sa.LargeBinary(), nullable=False),
    sa.Column('ip', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_attempt'))
    )
    op.create_index('ix_login_attempt_account', 'login_attempt', ['account_hash', 'at'], unique=False)
    op.create_index('ix_login_attempt_ip', 'login_attempt', ['ip', 'at'], unique=False)
    op.create_table('organisation',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('credit_limit_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('terms_days', sa.Integer(), server_default='30', nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('credit_limit_fen >= 0', name=op.f('ck_organisation_credit_limit')),
    sa.CheckConstraint('terms_days BETWEEN 0 AND 180', name=op.f('ck_organisation_terms_days')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation')),
    sa.UniqueConstraint('code', name=op.f('uq_organisation_code'))
    )
    op.create_table('role',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_role')),
    sa.UniqueConstraint('name', name=op.f('uq_role_name'))
    )
    op.create_table('routing_costs',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('parcel_fen', sa.BigInteger(), nullable=False),
    sa.Column('per_km_fen', sa.BigInteger(), nullable=False),
    sa.Column('cold_parcel_fen', sa.BigInteger(), nullable=False),
    sa.Column('transfer_fen', sa.BigInteger(), nullable=False),
    sa.Column('load_fen', sa.BigInteger(), nullable=False),
    sa.Column('ageing_fen', sa.BigInteger(), nullable=False),
    sa.Column('horizon_days', sa.Integer(), nullable=False),
    sa.Column('unfilled_fen', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_routing_costs'))
    )
    op.create_table('user',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('password', sa.Text(), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('fs_uniquifier', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), server_default='', nullable=False),
    sa.Column('phone', sa.Text(), server_default='', nullable=False),
    sa.Column('locale', sa.Text(), server_default='zh', nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('create_datetime', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('update_datetime', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("locale IN ('zh', 'bo', 'en')", name=op.f('ck_user_locale')),
    sa.CheckConstraint('email = lower(email)', name=op.f('ck_user_email_lower')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user')),
    sa.UniqueConstraint('email', name=op.f('uq_user_email')),
    sa.UniqueConstraint('fs_uniquifier', name=op.f('uq_user_fs_uniquifier'))
    )
    op.create_table('address',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('street', sa.Text(), nullable=False),
    sa.Column('lat', sa.Double(), nullable=True),
    sa.Column('lng', sa.Double(), nullable=True),
    sa.Column('is_default', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_address_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_address'))
    )
    op.create_index(op.f('ix_address_user_id'), 'address', ['user_id'], unique=False)
    op.create_table('api_token',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('hint', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), server_default='', nullable=False),
    sa.Column('scopes', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_api_token_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash'))
    )
    op.create_index(op.f('ix_api_token_user_id'), 'api_token', ['user_id'], unique=False)
    op.create_table('audit_entry',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('actor_id', sa.BigInteger(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('subject_type', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Text(), nullable=False),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('request_id', sa.Text(), server_default='', nullable=False),
    sa.ForeignKeyConstraint(['actor_id'], ['user.id'], name=op.f('fk_audit_entry_actor_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entry'))
    )
    op.create_index('ix_audit_entry_at', 'audit_entry', ['at'], unique=False)
    op.create_index('ix_audit_entry_subject', 'audit_entry', ['subject_type', 'subject_id', 'id'], unique=False)
    op.create_table('cart',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('key_hash', sa.LargeBinary(), nullable=True),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('num_nonnulls(key_hash, user_id) = 1', name=op.f('ck_cart_one_owner')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_cart_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cart')),
    sa.UniqueConstraint('key_hash', name=op.f('uq_cart_key_hash')),
    sa.UniqueConstraint('user_id', name=op.f('uq_cart_user_id'))
    )
    op.create_index(op.f('ix_cart_updated_at'), 'cart', ['updated_at'], unique=False)
    op.create_table('counter_closure',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('counter_id', sa.BigInteger(), nullable=False),
    sa.Column('from_day', sa.Date(), nullable=False),
    sa.Column('to_day', sa.Date(), nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('from_day <= to_day', name=op.f('ck_counter_closure_days')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_counter_closure_counter_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_counter_closure'))
    )
    op.create_index(op.f('ix_counter_closure_counter_id'), 'counter_closure', ['counter_id'], unique=False)
    op.create_table('counter_hours',
    sa.Column('counter_id', sa.BigInteger(), nullable=False),
    sa.Column('weekday', sa.SmallInteger(), nullable=False),
    sa.Column('opens', sa.Time(), nullable=False),
    sa.Column('closes', sa.Time(), nullable=False),
    sa.CheckConstraint('opens < closes', name=op.f('ck_counter_hours_opens_before_closes')),
    sa.CheckConstraint('weekday BETWEEN 0 AND 6', name=op.f('ck_counter_hours_weekday')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_counter_hours_counter_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('counter_id', 'weekday', name=op.f('pk_counter_hours'))
    )
    op.create_table('household',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('cooperative_id', sa.BigInteger(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('share_bp', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('share_bp BETWEEN 0 AND 10000', name=op.f('ck_household_share')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['cooperative.id'], name=op.f('fk_household_cooperative_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_household')),
    sa.UniqueConstraint('cooperative_id', 'code', name=op.f('uq_household_cooperative_id_code'))
    )
    op.create_table('location',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('cooperative_id', sa.BigInteger(), nullable=True),
    sa.Column('counter_id', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("(channel = 'origin' AND cooperative_id IS NOT NULL AND counter_id IS NULL) OR (channel = 'counters' AND counter_id IS NOT NULL AND cooperative_id IS NULL)", name=op.f('ck_location_store_or_counter')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['cooperative.id'], name=op.f('fk_location_cooperative_id')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_location_counter_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_location')),
    sa.UniqueConstraint('code', name=op.f('uq_location_code')),
    sa.UniqueConstraint('cooperative_id', name=op.f('uq_location_cooperative_id')),
    sa.UniqueConstraint('counter_id', name=op.f('uq_location_counter_id'))
    )
    op.create_table('login_session',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('user_agent', sa.Text(), server_default='', nullable=False),
    sa.Column('ip', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_login_session_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_session')),
    sa.UniqueConstraint('secret_hash', name=op.f('uq_login_session_secret_hash'))
    )
    op.create_index(op.f('ix_login_session_user_id'), 'login_session', ['user_id'], unique=False)
    op.create_table('membership',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('cooperative_id', sa.BigInteger(), nullable=True),
    sa.Column('counter_id', sa.BigInteger(), nullable=True),
    sa.Column('organisation_id', sa.BigInteger(), nullable=True),
    sa.Column('order_limit_fen', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('num_nonnulls(cooperative_id, counter_id, organisation_id) = 1', name=op.f('ck_membership_one_employer')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['cooperative.id'], name=op.f('fk_membership_cooperative_id')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_membership_counter_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_membership_organisation_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_membership_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership')),
    sa.UniqueConstraint('user_id', 'cooperative_id', 'counter_id', 'organisation_id', name=op.f('uq_membership_user_id_cooperative_id_counter_id_organisation_id'), postgresql_nulls_not_distinct=True)
    )
    op.create_index(op.f('ix_membership_cooperative_id'), 'membership', ['cooperative_id'], unique=False)
    op.create_index(op.f('ix_membership_counter_id'), 'membership', ['counter_id'], unique=False)
    op.create_index(op.f('ix_membership_organisation_id'), 'membership', ['organisation_id'], unique=False)
    op.create_table('order',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), server_default='retail', nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('organisation_id', sa.BigInteger(), nullable=True),
    sa.Column('po_number', sa.Text(), nullable=True),
    sa.Column('needed_by', sa.Date(), nullable=True),
    sa.Column('placement_key', sa.Text(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('pickup_counter_id', sa.BigInteger(), nullable=True),
    sa.Column('pickup_code', sa.Text(), nullable=True),
    sa.Column('payment_method', sa.Text(), nullable=False),
    sa.Column('lines_fen', sa.BigInteger(), nullable=False),
    sa.Column('delivery_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('discount_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('locale', sa.Text(), server_default='zh', nullable=False),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('collect_by', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(method = 'pickup') = (pickup_counter_id IS NOT NULL)", name=op.f('ck_order_pickup_has_counter')),
    sa.CheckConstraint("kind IN ('retail', 'bulk')", name=op.f('ck_order_kind')),
    sa.CheckConstraint("locale IN ('zh', 'bo', 'en')", name=op.f('ck_order_locale')),
    sa.CheckConstraint("method IN ('pickup', 'delivery')", name=op.f('ck_order_method')),
    sa.CheckConstraint("payment_method IN ('at_counter', 'stripe', 'on_account')", name=op.f('ck_order_payment_method')),
    sa.CheckConstraint("status <> 'awaiting_payment' OR expires_at IS NOT NULL", name=op.f('ck_order_waiting_expires')),
    sa.CheckConstraint("status IN ('awaiting_payment', 'confirmed', 'routed', 'preparing', 'ready', 'completed', 'cancelled', 'expired')", name=op.f('ck_order_status')),
    sa.CheckConstraint('lines_fen >= 0 AND delivery_fen >= 0 AND discount_fen >= 0 AND total_fen >= 0', name=op.f('ck_order_amounts')),
    sa.CheckConstraint('total_fen = lines_fen + delivery_fen - discount_fen', name=op.f('ck_order_total')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_order_organisation_id')),
    sa.ForeignKeyConstraint(['pickup_counter_id'], ['counter.id'], name=op.f('fk_order_pickup_counter_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_order_user_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order')),
    sa.UniqueConstraint('number', name=op.f('uq_order_number')),
    sa.UniqueConstraint('placement_key', name=op.f('uq_order_placement_key'))
    )
    op.create_index('ix_order_collect_by', 'order', ['collect_by'], unique=False, postgresql_where=sa.text("status = 'ready'"))
    op.create_index('ix_order_expires', 'order', ['expires_at'], unique=False, postgresql_where=sa.text("status = 'awaiting_payment'"))
    op.create_index(op.f('ix_order_organisation_id'), 'order', ['organisation_id'], unique=False)
    op.create_index('ix_order_status', 'order', ['status', 'id'], unique=False)
    op.create_index('ix_order_user', 'order', ['user_id', 'id'], unique=False)
    op.create_index('uq_order_pickup_code', 'order', ['pickup_counter_id', 'pickup_code'], unique=True, postgresql_where=sa.text("status NOT IN ('completed', 'cancelled', 'expired')"))
    op.create_table('product',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('category_id', sa.BigInteger(), nullable=False),
    sa.Column('cooperative_id', sa.BigInteger(), nullable=False),
    sa.Column('names', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('story', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('storage_advice', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('aliases', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('art', sa.Text(), server_default='goods', nullable=False),
    sa.Column('position', sa.Integer(), server_default='1000', nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('search_words', sa.Text(), server_default='', nullable=False),
    sa.Column('search', postgresql.TSVECTOR(), sa.Computed("to_tsvector('simple'::regconfig, search_words)", persisted=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("names ? 'zh'", name=op.f('ck_product_has_chinese_name')),
    sa.ForeignKeyConstraint(['category_id'], ['category.id'], name=op.f('fk_product_category_id')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['cooperative.id'], name=op.f('fk_product_cooperative_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_product')),
    sa.UniqueConstraint('slug', name=op.f('uq_product_slug'))
    )
    op.create_index(op.f('ix_product_category_id'), 'product', ['category_id'], unique=False)
    op.create_index(op.f('ix_product_cooperative_id'), 'product', ['cooperative_id'], unique=False)
    op.create_index('ix_product_listing', 'product', ['category_id', 'position', 'id'], unique=False, postgresql_where=sa.text('active'))
    op.create_index('ix_product_position', 'product', ['position', 'id'], unique=False, postgresql_where=sa.text('active'))
    op.create_index('ix_product_search', 'product', ['search'], unique=False, postgresql_using='gin')
    op.create_table('user_role',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('role_id', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['role_id'], ['role.id'], name=op.f('fk_user_role_role_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_user_role_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'role_id', name=op.f('pk_user_role'))
    )
    op.create_index(op.f('ix_user_role_role_id'), 'user_role', ['role_id'], unique=False)
    op.create_table('money_entry',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(kind LIKE '%%refund') = (amount_fen < 0) AND amount_fen <> 0", name=op.f('ck_money_entry_sign')),
    sa.CheckConstraint("kind IN ('counter_payment', 'counter_refund')", name=op.f('ck_money_entry_kind')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_money_entry_order_id')),
    sa.PrimaryKeyConstraint('kind', 'ref', name=op.f('pk_money_entry'))
    )
    op.create_index(op.f('ix_money_entry_order_id'), 'money_entry', ['order_id'], unique=False)
    op.create_table('notification',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('dedupe_key', sa.Text(), nullable=False),
    sa.Column('cooperative_id', sa.BigInteger(), nullable=True),
    sa.Column('counter_id', sa.BigInteger(), nullable=True),
    sa.Column('order_id', sa.BigInteger(), nullable=True),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('mailed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_by', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('num_nonnulls(cooperative_id, counter_id, order_id) >= 1', name=op.f('ck_notification_has_audience')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['cooperative.id'], name=op.f('fk_notification_cooperative_id')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_notification_counter_id')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_notification_order_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notification')),
    sa.UniqueConstraint('kind', 'dedupe_key', name=op.f('uq_notification_kind_dedupe_key'))
    )
    op.create_index('ix_notification_cooperative', 'notification', ['cooperative_id', 'id'], unique=False, postgresql_where=sa.text('cooperative_id IS NOT NULL'))
    op.create_index('ix_notification_counter', 'notification', ['counter_id', 'id'], unique=False, postgresql_where=sa.text('counter_id IS NOT NULL'))
    op.create_index(op.f('ix_notification_order_id'), 'notification', ['order_id'], unique=False)
    op.create_table('order_contact',
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), server_default='', nullable=False),
    sa.Column('district', sa.Text(), server_default='', nullable=False),
    sa.Column('street', sa.Text(), server_default='', nullable=False),
    sa.Column('lat', sa.Double(), nullable=True),
    sa.Column('lng', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_order_contact_order_id')),
    sa.PrimaryKeyConstraint('order_id', name=op.f('pk_order_contact'))
    )
    op.create_index(op.f('ix_order_contact_email'), 'order_contact', ['email'], unique=False)
    op.create_table('order_event',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_order_event_order_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_event'))
    )
    op.create_index('ix_order_event_order', 'order_event', ['order_id', 'id'], unique=False)
    op.create_table('routing_plan',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('costs_id', sa.BigInteger(), nullable=False),
    sa.Column('cost_fen', sa.BigInteger(), nullable=False),
    sa.Column('bound_fen', sa.BigInteger(), nullable=False),
    sa.Column('proved', sa.Boolean(), nullable=False),
    sa.Column('solver', sa.Text(), nullable=False),
    sa.Column('seconds', sa.Double(), nullable=False),
    sa.Column('plan', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['costs_id'], ['routing_costs.id'], name=op.f('fk_routing_plan_costs_id')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_routing_plan_order_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_routing_plan')),
    sa.UniqueConstraint('order_id', 'version', name=op.f('uq_routing_plan_order_id_version'))
    )
    op.create_index(op.f('ix_routing_plan_order_id'), 'routing_plan', ['order_id'], unique=False)
    op.create_table('sku',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('product_id', sa.BigInteger(), nullable=False),
    sa.Column('pack_names', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('price_fen', sa.BigInteger(), nullable=False),
    sa.Column('pack_g', sa.BigInteger(), nullable=False),
    sa.Column('storage', sa.Text(), nullable=False),
    sa.Column('shelf_life_days', sa.Integer(), nullable=False),
    sa.Column('min_life_days', sa.Integer(), nullable=False),
    sa.Column('case_pack', sa.Integer(), server_default='1', nullable=False),
    sa.Column('max_per_order', sa.Integer(), server_default='99', nullable=False),
    sa.Column('low_stock', sa.Integer(), server_default='10', nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("storage IN ('ambient', 'chilled', 'frozen')", name=op.f('ck_sku_storage')),
    sa.CheckConstraint('case_pack >= 1', name=op.f('ck_sku_case_pack')),
    sa.CheckConstraint('max_per_order >= 1', name=op.f('ck_sku_max_per_order')),
    sa.CheckConstraint('min_life_days >= 0 AND min_life_days < shelf_life_days', name=op.f('ck_sku_min_life')),
    sa.CheckConstraint('pack_g > 0', name=op.f('ck_sku_pack')),
    sa.CheckConstraint('price_fen > 0 AND price_fen <= 99999999', name=op.f('ck_sku_price')),
    sa.CheckConstraint('shelf_life_days > 0', name=op.f('ck_sku_shelf_life')),
    sa.ForeignKeyConstraint(['product_id'], ['product.id'], name=op.f('fk_sku_product_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sku')),
    sa.UniqueConstraint('code', name=op.f('uq_sku_code'))
    )
    op.create_index(op.f('ix_sku_product_id'), 'sku', ['product_id'], unique=False)
    op.create_index('ix_sku_storage', 'sku', ['storage', 'product_id'], unique=False, postgresql_where=sa.text('active'))
    op.create_table('availability',
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('available', sa.BigInteger(), server_default='0', nullable=False),
    sa.CheckConstraint("channel IN ('counters', 'origin')", name=op.f('ck_availability_channel')),
    sa.CheckConstraint('available >= 0', name=op.f('ck_availability_never_oversold')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_availability_sku_id')),
    sa.PrimaryKeyConstraint('sku_id', 'channel', name=op.f('pk_availability')),
    postgresql_with={'fillfactor': '50'}
    )
    op.create_table('cart_line',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('cart_id', sa.BigInteger(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.CheckConstraint('quantity BETWEEN 1 AND 99999', name=op.f('ck_cart_line_quantity')),
    sa.ForeignKeyConstraint(['cart_id'], ['cart.id'], name=op.f('fk_cart_line_cart_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_cart_line_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cart_line')),
    sa.UniqueConstraint('cart_id', 'sku_id', name=op.f('uq_cart_line_cart_id_sku_id'))
    )
    op.create_table('fulfilment',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('counter_id', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), server_default='assigned', nullable=False),
    sa.Column('plan_id', sa.BigInteger(), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ready_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('rejected_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(status = 'rejected') = (rejected_reason IS NOT NULL)", name=op.f('ck_fulfilment_rejected_has_reason')),
    sa.CheckConstraint("role IN ('deliver', 'hand_over', 'transfer')", name=op.f('ck_fulfilment_role')),
    sa.CheckConstraint("status IN ('assigned', 'accepted', 'ready', 'dispatched', 'handed_over', 'received', 'rejected', 'cancelled')", name=op.f('ck_fulfilment_status')),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_fulfilment_counter_id')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_fulfilment_order_id')),
    sa.ForeignKeyConstraint(['plan_id'], ['routing_plan.id'], name=op.f('fk_fulfilment_plan_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fulfilment'))
    )
    op.create_index(op.f('ix_fulfilment_order_id'), 'fulfilment', ['order_id'], unique=False)
    op.create_index('ix_fulfilment_queue', 'fulfilment', ['counter_id', 'status', 'due_at', 'id'], unique=False)
    op.create_index('uq_fulfilment_open_part', 'fulfilment', ['order_id', 'counter_id', 'role'], unique=True, postgresql_where=sa.text("status NOT IN ('rejected', 'cancelled', 'received', 'handed_over')"))
    op.create_table('lot',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('cooperative_id', sa.BigInteger(), nullable=False),
    sa.Column('produced_on', sa.Date(), nullable=False),
    sa.Column('best_before', sa.Date(), nullable=False),
    sa.Column('sellable', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('withdrawn_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('produced_on < best_before', name=op.f('ck_lot_dates')),
    sa.CheckConstraint('sellable = (withdrawn_reason IS NULL)', name=op.f('ck_lot_withdrawn_has_reason')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['cooperative.id'], name=op.f('fk_lot_cooperative_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_lot_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lot')),
    sa.UniqueConstraint('sku_id', 'code', name=op.f('uq_lot_sku_id_code'))
    )
    op.create_index('ix_lot_best_before', 'lot', ['best_before'], unique=False, postgresql_where=sa.text('sellable'))
    op.create_index(op.f('ix_lot_cooperative_id'), 'lot', ['cooperative_id'], unique=False)
    op.create_table('order_line',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('cancelled', sa.Integer(), server_default='0', nullable=False),
    sa.Column('price_fen', sa.BigInteger(), nullable=False),
    sa.Column('total_fen', sa.BigInteger(), sa.Computed('price_fen * (quantity - cancelled)', persisted=True), nullable=False),
    sa.CheckConstraint('cancelled BETWEEN 0 AND quantity', name=op.f('ck_order_line_cancelled')),
    sa.CheckConstraint('price_fen >= 0', name=op.f('ck_order_line_price')),
    sa.CheckConstraint('quantity BETWEEN 1 AND 99999', name=op.f('ck_order_line_quantity')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_order_line_order_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_order_line_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_line')),
    sa.UniqueConstraint('order_id', 'position', name=op.f('uq_order_line_order_id_position')),
    sa.UniqueConstraint('order_id', 'sku_id', name=op.f('uq_order_line_order_id_sku_id'))
    )
    op.create_index(op.f('ix_order_line_sku_id'), 'order_line', ['sku_id'], unique=False)
    op.create_table('price_change',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('old_fen', sa.BigInteger(), nullable=False),
    sa.Column('new_fen', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_price_change_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price_change'))
    )
    op.create_index(op.f('ix_price_change_sku_id'), 'price_change', ['sku_id'], unique=False)
    op.create_table('rejection',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('counter_id', sa.BigInteger(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['counter_id'], ['counter.id'], name=op.f('fk_rejection_counter_id')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_rejection_order_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_rejection_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rejection')),
    sa.UniqueConstraint('order_id', 'counter_id', 'sku_id', name=op.f('uq_rejection_order_id_counter_id_sku_id'))
    )
    op.create_table('reservation',
    sa.Column('order_line_id', sa.BigInteger(), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.Column('allocated', sa.Integer(), server_default='0', nullable=False),
    sa.Column('handed_over', sa.Integer(), server_default='0', nullable=False),
    sa.Column('released', sa.Integer(), server_default='0', nullable=False),
    sa.CheckConstraint("channel IN ('counters', 'origin')", name=op.f('ck_reservation_channel')),
    sa.CheckConstraint('held + allocated + handed_over + released = quantity', name=op.f('ck_reservation_every_pack_once')),
    sa.CheckConstraint('held >= 0 AND allocated >= 0 AND handed_over >= 0 AND released >= 0', name=op.f('ck_reservation_not_negative')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_reservation_order_id')),
    sa.ForeignKeyConstraint(['order_line_id'], ['order_line.id'], name=op.f('fk_reservation_order_line_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_reservation_sku_id')),
    sa.PrimaryKeyConstraint('order_line_id', name=op.f('pk_reservation'))
    )
    op.create_index('ix_reservation_held', 'reservation', ['sku_id', 'channel'], unique=False, postgresql_where=sa.text('held > 0'))
    op.create_index(op.f('ix_reservation_order_id'), 'reservation', ['order_id'], unique=False)
    op.create_table('stock_level',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('location_id', sa.BigInteger(), nullable=False),
    sa.Column('sku_id', sa.BigInteger(), nullable=False),
    sa.Column('on_hand', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('reserved', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('last_seq', sa.BigInteger(), server_default='0', nullable=False),
    sa.CheckConstraint('on_hand >= 0', name=op.f('ck_stock_level_on_hand_not_negative')),
    sa.CheckConstraint('reserved <= on_hand', name=op.f('ck_stock_level_not_over_reserved')),
    sa.CheckConstraint('reserved >= 0', name=op.f('ck_stock_level_reserved_not_negative')),
    sa.ForeignKeyConstraint(['location_id'], ['location.id'], name=op.f('fk_stock_level_location_id')),
    sa.ForeignKeyConstraint(['lot_id'], ['lot.id'], name=op.f('fk_stock_level_lot_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_stock_level_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_level')),
    sa.UniqueConstraint('lot_id', 'location_id', name=op.f('uq_stock_level_lot_id_location_id'))
    )
    op.create_index('ix_stock_level_location', 'stock_level', ['location_id', 'sku_id'], unique=False)
    op.create_index('ix_stock_level_sku_location', 'stock_level', ['sku_id', 'location_id'], unique=False, postgresql_where=sa.text('on_hand > 0'))
    op.create_table('allocation',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('order_line_id', sa.BigInteger(), nullable=False),
    sa.Column('fulfilment_id', sa.BigInteger(), nullable=False),
    sa.Column('level_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), server_default='reserved', nullable=False),
    sa.Column('picked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("state IN ('reserved', 'in_transit', 'shipped', 'released')", name=op.f('ck_allocation_state')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_allocation_quantity')),
    sa.ForeignKeyConstraint(['fulfilment_id'], ['fulfilment.id'], name=op.f('fk_allocation_fulfilment_id')),
    sa.ForeignKeyConstraint(['level_id'], ['stock_level.id'], name=op.f('fk_allocation_level_id')),
    sa.ForeignKeyConstraint(['order_line_id'], ['order_line.id'], name=op.f('fk_allocation_order_line_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_allocation'))
    )
    op.create_index(op.f('ix_allocation_fulfilment_id'), 'allocation', ['fulfilment_id'], unique=False)
    op.create_index('ix_allocation_level', 'allocation', ['level_id'], unique=False, postgresql_where=sa.text("state = 'reserved'"))
    op.create_index(op.f('ix_allocation_order_line_id'), 'allocation', ['order_line_id'], unique=False)
    op.create_table('stock_movement',
    sa.Column('level_id', sa.BigInteger(), nullable=False),
    sa.Column('seq', sa.BigInteger(), server_default='0', autoincrement=False, nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('d_on_hand', sa.BigInteger(), nullable=False),
    sa.Column('d_reserved', sa.BigInteger(), nullable=False),
    sa.Column('on_hand_after', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('reserved_after', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('source_type', sa.Text(), nullable=False),
    sa.Column('source_id', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("CASE kind WHEN 'receive' THEN d_on_hand > 0 AND d_reserved = 0 WHEN 'count' THEN d_reserved = 0 WHEN 'waste' THEN d_on_hand < 0 AND d_reserved = 0 WHEN 'return' THEN d_on_hand > 0 AND d_reserved = 0 WHEN 'reserve' THEN d_on_hand = 0 AND d_reserved > 0 WHEN 'release' THEN d_on_hand = 0 AND d_reserved < 0 WHEN 'ship' THEN d_on_hand < 0 AND d_reserved = d_on_hand WHEN 'transfer_out' THEN d_on_hand < 0 AND d_reserved = d_on_hand WHEN 'transfer_in' THEN d_on_hand > 0 AND d_reserved = d_on_hand ELSE false END", name=op.f('ck_stock_movement_kind_moves')),
    sa.CheckConstraint('d_on_hand <> 0 OR d_reserved <> 0', name=op.f('ck_stock_movement_moves_something')),
    sa.CheckConstraint('reserved_after BETWEEN 0 AND on_hand_after', name=op.f('ck_stock_movement_balance')),
    sa.ForeignKeyConstraint(['level_id'], ['stock_level.id'], name=op.f('fk_stock_movement_level_id')),
    sa.PrimaryKeyConstraint('level_id', 'seq', name=op.f('pk_stock_movement')),
    sa.UniqueConstraint('level_id', 'source_type', 'source_id', 'kind', name=op.f('uq_stock_movement_level_id_source_type_source_id_kind'))
    )
    op.create_index('ix_stock_movement_recorded_at', 'stock_movement', ['recorded_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_stock_movement_recorded_at', table_name='stock_movement')
    op.drop_table('stock_movement')
    op.drop_index(op.f('ix_allocation_order_line_id'), table_name='allocation')
    op.drop_index('ix_allocation_level', table_name='allocation', postgresql_where=sa.text("state = 'reserved'"))
    op.drop_index(op.f('ix_allocation_fulfilment_id'), table_name='allocation')
    op.drop_table('allocation')
    op.drop_index('ix_stock_level_sku_location', table_name='stock_level', postgresql_where=sa.text('on_hand > 0'))
    op.drop_index('ix_stock_level_location', table_name='stock_level')
    op.drop_table('stock_level')
    op.drop_index(op.f('ix_reservation_order_id'), table_name='reservation')
    op.drop_index('ix_reservation_held', table_name='reservation', postgresql_where=sa.text('held > 0'))
    op.drop_table('reservation')
    op.drop_table('rejection')
    op.drop_index(op.f('ix_price_change_sku_id'), table_name='price_change')
    op.drop_table('price_change')
    op.drop_index(op.f('ix_order_line_sku_id'), table_name='order_line')
    op.drop_table('order_line')
    op.drop_index(op.f('ix_lot_cooperative_id'), table_name='lot')
    op.drop_index('ix_lot_best_before', table_name='lot', postgresql_where=sa.text('sellable'))
    op.drop_table('lot')
    op.drop_index('uq_fulfilment_open_part', table_name='fulfilment', postgresql_where=sa.text("status NOT IN ('rejected', 'cancelled', 'received', 'handed_over')"))
    op.drop_index('ix_fulfilment_queue', table_name='fulfilment')
    op.drop_index(op.f('ix_fulfilment_order_id'), table_name='fulfilment')
    op.drop_table('fulfilment')
    op.drop_table('cart_line')
    op.drop_table('availability')
    op.drop_index('ix_sku_storage', table_name='sku', postgresql_where=sa.text('active'))
    op.drop_index(op.f('ix_sku_product_id'), table_name='sku')
    op.drop_table('sku')
    op.drop_index(op.f('ix_routing_plan_order_id'), table_name='routing_plan')
    op.drop_table('routing_plan')
    op.drop_index('ix_order_event_order', table_name='order_event')
    op.drop_table('order_event')
    op.drop_index(op.f('ix_order_contact_email'), table_name='order_contact')
    op.drop_table('order_contact')
    op.drop_index(op.f('ix_notification_order_id'), table_name='notification')
    op.drop_index('ix_notification_counter', table_name='notification', postgresql_where=sa.text('counter_id IS NOT NULL'))
    op.drop_index('ix_notification_cooperative', table_name='notification', postgresql_where=sa.text('cooperative_id IS NOT NULL'))
    op.drop_table('notification')
    op.drop_index(op.f('ix_money_entry_order_id'), table_name='money_entry')
    op.drop_table('money_entry')
    op.drop_index(op.f('ix_user_role_role_id'), table_name='user_role')
    op.drop_table('user_role')
    op.drop_index('ix_product_search', table_name='product', postgresql_using='gin')
    op.drop_index('ix_product_position', table_name='product', postgresql_where=sa.text('active'))
    op.drop_index('ix_product_listing', table_name='product', postgresql_where=sa.text('active'))
    op.drop_index(op.f('ix_product_cooperative_id'), table_name='product')
    op.drop_index(op.f('ix_product_category_id'), table_name='product')
    op.drop_table('product')
    op.drop_index('uq_order_pickup_code', table_name='order', postgresql_where=sa.text("status NOT IN ('completed', 'cancelled', 'expired')"))
    op.drop_index('ix_order_user', table_name='order')
    op.drop_index('ix_order_status', table_name='order')
    op.drop_index(op.f('ix_order_organisation_id'), table_name='order')
    op.drop_index('ix_order_expires', table_name='order', postgresql_where=sa.text("status = 'awaiting_payment'"))
    op.drop_index('ix_order_collect_by', table_name='order', postgresql_where=sa.text("status = 'ready'"))
    op.drop_table('order')
    op.drop_index(op.f('ix_membership_organisation_id'), table_name='membership')
    op.drop_index(op.f('ix_membership_counter_id'), table_name='membership')
    op.drop_index(op.f('ix_membership_cooperative_id'), table_name='membership')
    op.drop_table('membership')
    op.drop_index(op.f('ix_login_session_user_id'), table_name='login_session')
    op.drop_table('login_session')
    op.drop_table('location')
    op.drop_table('household')
    op.drop_table('counter_hours')
    op.drop_index(op.f('ix_counter_closure_counter_id'), table_name='counter_closure')
    op.drop_table('counter_closure')
    op.drop_index(op.f('ix_cart_updated_at'), table_name='cart')
    op.drop_table('cart')
    op.drop_index('ix_audit_entry_subject', table_name='audit_entry')
    op.drop_index('ix_audit_entry_at', table_name='audit_entry')
    op.drop_table('audit_entry')
    op.drop_index(op.f('ix_api_token_user_id'), table_name='api_token')
    op.drop_table('api_token')
    op.drop_index(op.f('ix_address_user_id'), table_name='address')
    op.drop_table('address')
    op.drop_table('user')
    op.drop_table('routing_costs')
    op.drop_table('role')
    op.drop_table('organisation')
    op.drop_index('ix_login_attempt_ip', table_name='login_attempt')
    op.drop_index('ix_login_attempt_account', table_name='login_attempt')
    op.drop_table('login_attempt')
    op.drop_index('ix_job_due', table_name='job', postgresql_where=sa.text('done_at IS NULL AND dead_at IS NULL'))
    op.drop_index('ix_job_done', table_name='job', postgresql_where=sa.text('done_at IS NOT NULL'))
    op.drop_index('ix_job_dead', table_name='job', postgresql_where=sa.text('dead_at IS NOT NULL'))
    op.drop_table('job')
    op.drop_table('heartbeat')
    op.drop_table('delivery_tariff')
    op.drop_index('ix_counter_district', table_name='counter')
    op.drop_table('counter')
    op.drop_table('cooperative')
    op.drop_table('category')
    op.drop_index(op.f('ix_api_idempotency_created_at'), table_name='api_idempotency')
    op.drop_table('api_idempotency')
