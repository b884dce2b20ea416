"""What must always be true: the triggers of stock, money and history, and the rows the shop cannot open without."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("stock_movement", "audit_entry", "order_event", "money_entry")

FUNCTIONS = r"""
CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- A movement moves its level, numbers itself, and, when it changes what is there, what may be promised.
-- The lot is locked FOR SHARE first, so that it cannot be withdrawn between the look and the change.
CREATE FUNCTION stock_movement_apply() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  lot_sellable boolean;
  level_sku bigint;
  level_channel text;
BEGIN
  SELECT lot.sellable, level.sku_id, location.channel INTO lot_sellable, level_sku, level_channel
    FROM stock_level level JOIN lot ON lot.id = level.lot_id JOIN location ON location.id = level.location_id
   WHERE level.id = NEW.level_id FOR SHARE OF lot;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no stock level %', NEW.level_id USING ERRCODE = 'foreign_key_violation';
  END IF;
  IF NOT lot_sellable AND NEW.kind IN ('reserve', 'ship', 'transfer_out') THEN
    RAISE EXCEPTION 'level % holds a lot that may not be sold', NEW.level_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_movement_sellable_lot';
  END IF;
  UPDATE stock_level SET on_hand = on_hand + NEW.d_on_hand, reserved = reserved + NEW.d_reserved,
                         last_seq = last_seq + 1
   WHERE id = NEW.level_id
   RETURNING last_seq, on_hand, reserved INTO NEW.seq, NEW.on_hand_after, NEW.reserved_after;
  IF lot_sellable AND NEW.kind IN ('receive', 'count', 'waste', 'return') THEN
    UPDATE availability SET available = available + NEW.d_on_hand
     WHERE sku_id = level_sku AND channel = level_channel;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION stock_level_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' AND (NEW.on_hand, NEW.reserved) IS DISTINCT FROM (0::bigint, 0::bigint)
     OR TG_OP = 'UPDATE' AND pg_trigger_depth() < 2
        AND (NEW.on_hand, NEW.reserved, NEW.last_seq) IS DISTINCT FROM (OLD.on_hand, OLD.reserved, OLD.last_seq)
  THEN
    RAISE EXCEPTION 'change stock through stock_movement only' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION stock_level_of_its_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT sku_id INTO STRICT NEW.sku_id FROM lot WHERE id = NEW.lot_id;
  RETURN NEW;
END $$;

CREATE FUNCTION sku_availability() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO availability (sku_id, channel) VALUES (NEW.id, 'counters'), (NEW.id, 'origin');
  RETURN NULL;
END $$;

-- A lot that may no longer be sold takes its free stock out of what may be promised; and back again.
CREATE FUNCTION lot_sellable_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE availability
     SET available = available + CASE WHEN NEW.sellable THEN stock.free ELSE -stock.free END
    FROM (SELECT location.channel AS channel, sum(level.on_hand - level.reserved) AS free
            FROM stock_level level JOIN location ON location.id = level.location_id
           WHERE level.lot_id = NEW.id GROUP BY location.channel) stock
   WHERE availability.sku_id = NEW.sku_id AND availability.channel = stock.channel;
  RETURN NULL;
END $$;

CREATE FUNCTION order_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted bigint;
  said bigint;
  changed_order bigint;
BEGIN
  IF TG_TABLE_NAME = 'order' THEN changed_order := NEW.id; ELSE changed_order := NEW.order_id; END IF;
  SELECT lines_fen INTO said FROM "order" WHERE id = changed_order;
  SELECT coalesce(sum(total_fen), 0) INTO wanted FROM order_line WHERE order_id = changed_order;
  IF said IS DISTINCT FROM wanted THEN
    RAISE EXCEPTION 'order % says % fen, its lines say %', changed_order, said, wanted
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_order_lines_add_up';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION closed_stays_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% % is % and stays so', TG_TABLE_NAME, OLD.id, OLD.status
    USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_closed_stays_closed';
END $$;

CREATE FUNCTION job_wakes_the_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('job_new', '');
  RETURN NULL;
END $$;
"""

TRIGGERS = r"""
CREATE TRIGGER stock_movement_apply BEFORE INSERT ON stock_movement
  FOR EACH ROW EXECUTE FUNCTION stock_movement_apply();
CREATE TRIGGER stock_level_guard BEFORE INSERT OR UPDATE ON stock_level
  FOR EACH ROW EXECUTE FUNCTION stock_level_guard();
CREATE TRIGGER stock_level_of_its_lot BEFORE INSERT OR UPDATE OF lot_id, sku_id ON stock_level
  FOR EACH ROW EXECUTE FUNCTION stock_level_of_its_lot();
CREATE TRIGGER sku_availability AFTER INSERT ON sku FOR EACH ROW EXECUTE FUNCTION sku_availability();
CREATE TRIGGER lot_sellable_changed AFTER UPDATE OF sellable ON lot FOR EACH ROW
  WHEN (OLD.sellable IS DISTINCT FROM NEW.sellable) EXECUTE FUNCTION lot_sellable_changed();
CREATE CONSTRAINT TRIGGER order_adds_up AFTER INSERT OR UPDATE OF lines_fen ON "order"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION order_adds_up();
CREATE CONSTRAINT TRIGGER order_line_adds_up AFTER INSERT OR UPDATE ON order_line
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION order_adds_up();
CREATE TRIGGER closed_order_stays_closed BEFORE UPDATE OF status ON "order" FOR EACH ROW
  WHEN (OLD.status IN ('completed', 'cancelled', 'expired') AND NEW.status <> OLD.status)
  EXECUTE FUNCTION closed_stays_closed();
CREATE TRIGGER closed_fulfilment_stays_closed BEFORE UPDATE OF status ON fulfilment FOR EACH ROW
  WHEN (OLD.status IN ('handed_over', 'received', 'rejected', 'cancelled') AND NEW.status <> OLD.status)
  EXECUTE FUNCTION closed_stays_closed();
CREATE TRIGGER job_wakes_the_relay AFTER INSERT ON job
  FOR EACH STATEMENT EXECUTE FUNCTION job_wakes_the_relay();
"""

FIRST_ROWS = r"""
INSERT INTO role (name, description) VALUES
  ('consumer', 'buys for itself'), ('buyer', 'orders for a supermarket'), ('cooperative', 'supplies goods'),
  ('counter', 'works at a counter in Wuhan'), ('office', 'steers the shop');
INSERT INTO delivery_tariff (fee_fen, cold_fee_fen, free_from_fen) VALUES (1200, 600, 19900);
INSERT INTO routing_costs (parcel_fen, per_km_fen, cold_parcel_fen, transfer_fen, load_fen, ageing_fen,
                           horizon_days, unfilled_fen)
VALUES (600, 80, 500, 300, 200, 2, 30, 100000);
"""


def upgrade() -> None:
    """Make functions and triggers, then the first rows."""
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION forbid_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()"
        )
    op.execute(FIRST_ROWS)


def downgrade() -> None:
    """Take the triggers away; the rows go with their tables."""
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
    for trigger, table in (
        ("stock_movement_apply", "stock_movement"),
        ("stock_level_guard", "stock_level"),
        ("stock_level_of_its_lot", "stock_level"),
        ("sku_availability", "sku"),
        ("lot_sellable_changed", "lot"),
        ("order_adds_up", '"order"'),
        ("order_line_adds_up", "order_line"),
        ("closed_order_stays_closed", '"order"'),
        ("closed_fulfilment_stays_closed", "fulfilment"),
        ("job_wakes_the_relay", "job"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in (
        "forbid_change", "stock_movement_apply", "stock_level_guard", "stock_level_of_its_lot", "sku_availability",
        "lot_sellable_changed", "order_adds_up", "closed_stays_closed", "job_wakes_the_relay",
    ):
        op.execute(f"DROP FUNCTION {function}()")
    op.execute("DELETE FROM user_role")
    op.execute("DELETE FROM role")
    op.execute("DELETE FROM delivery_tariff")
    op.execute("DELETE FROM routing_plan")
    op.execute("DELETE FROM routing_costs")
