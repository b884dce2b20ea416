-- :rows orders with contact, line, event, money, job and audit each, and as many movements of stock, set by set.
INSERT INTO cooperative (code, names, township, township_code, altitude_m, story)
  VALUES ('MANY', '{"zh": "合作社"}', '{"zh": "镇"}', '540502101', 3560, '{"zh": "故事"}');
INSERT INTO counter (code, names, district, street, lat, lng, storage, capacity, radius_m, cut_off)
  VALUES ('MANY', '{"zh": "柜台"}', '江汉区', '{"zh": "路"}', 30.58, 114.28, '{ambient}', 100000, 10000, '20:00');
INSERT INTO location (code, channel, counter_id) SELECT 'MANY', 'counters', id FROM counter WHERE code = 'MANY';
INSERT INTO category (slug, names) VALUES ('many', '{"zh": "好物"}');
INSERT INTO product (slug, category_id, cooperative_id, names, story, storage_advice, search_words)
  SELECT 'many', category.id, cooperative.id, '{"zh": "商品"}', '{"zh": "好"}', '{"zh": "阴凉"}', 'many'
    FROM category, cooperative;
INSERT INTO sku (code, product_id, pack_names, price_fen, pack_g, storage, shelf_life_days, min_life_days, case_pack)
  SELECT 'MANY-' || n, product.id, '{"zh": "份"}', 2500, 500, 'ambient', 30, 3, 12
    FROM product, generate_series(1, 100) n;
INSERT INTO lot (code, sku_id, cooperative_id, produced_on, best_before)
  SELECT 'L-' || sku.code || '-' || n, sku.id, cooperative.id, current_date, current_date + 20
    FROM sku, cooperative, generate_series(1, 10) n;
INSERT INTO stock_level (lot_id, location_id) SELECT lot.id, location.id FROM lot, location;
INSERT INTO stock_movement (level_id, kind, d_on_hand, d_reserved, source_type, source_id, actor, occurred_at)
  SELECT stock_level.id, 'receive', 1, 0, 'seed', n::text, 'seed', now()
    FROM stock_level, generate_series(1, greatest(1, :rows / 1000)) n;
INSERT INTO "order" (number, status, placement_key, method, pickup_counter_id, payment_method, lines_fen, total_fen,
                     note, created_at, closed_at)
  SELECT 'YL-' || n, 'completed', 'many-' || n, 'pickup', counter.id, 'at_counter', 5000, 5000,
         'Kindly call', now() - n * interval '1 minute', now()
    FROM counter, generate_series(1, :rows) n;
INSERT INTO order_contact (order_id, name, phone, email)
  SELECT id, 'Customer ' || id, '139' || lpad(id::text, 8, '0'), 'customer' || id || '@mail.example' FROM "order";
INSERT INTO order_line (order_id, position, sku_id, quantity, price_fen)
  SELECT "order".id, 1, sku.id, 2, 2500 FROM "order" JOIN sku ON sku.code = 'MANY-' || (mod("order".id, 100) + 1);
INSERT INTO order_event (order_id, kind) SELECT id, 'order.placed' FROM "order";
INSERT INTO money_entry (kind, ref, order_id, amount_fen, actor)
  SELECT 'counter_payment', 'many-' || id, id, 5000, 'seed' FROM "order";
INSERT INTO job (topic, dedupe_key, payload, done_at)
  SELECT 'order.route', id::text, jsonb_build_object('order_id', id), now() FROM "order";
INSERT INTO audit_entry (actor, action, subject_type, subject_id)
  SELECT 'seed', 'order.placed', 'order', id::text FROM "order";
