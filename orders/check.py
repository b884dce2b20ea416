"""Prove on the live database what must always be true (docs/invariants.md); name the rows where it is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.db import db

ROWS_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """One invariant that does not hold, with the rows at fault (at most ROWS_SHOWN of them)."""

    invariant: str
    rows: tuple[dict[str, Any], ...]


# Each query returns the rows at fault; no row means it holds.
INVARIANTS: dict[str, str] = {
    "levels stay within 0 ≤ reserved ≤ on_hand": """
        SELECT id, on_hand, reserved FROM stock_level
        WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand""",
    "levels equal the sum of their movements, without a gap": """
        SELECT level.id, level.on_hand, level.reserved, level.last_seq, sum(m.d_on_hand) AS moved,
               sum(m.d_reserved) AS moved_reserved, count(m.seq) AS rows, max(m.seq) AS last
        FROM stock_level level LEFT JOIN stock_movement m ON m.level_id = level.id GROUP BY level.id
        HAVING level.on_hand <> coalesce(sum(m.d_on_hand), 0)
            OR level.reserved <> coalesce(sum(m.d_reserved), 0)
            OR level.last_seq <> count(m.seq) OR level.last_seq <> coalesce(max(m.seq), 0)""",
    "levels' reserved equals the allocations, consignments and backorders set aside there": """
        SELECT level.id, level.reserved, coalesce(own.packs, 0) AS set_aside
        FROM stock_level level LEFT JOIN (
            SELECT level_id, sum(quantity) AS packs FROM (
                SELECT level_id, quantity FROM allocation WHERE state = 'reserved'
                UNION ALL SELECT level_id, quantity FROM consignment_lot WHERE state = 'set_aside'
                UNION ALL SELECT level_id, packs FROM backorder WHERE state = 'arrived') every_kind
            GROUP BY level_id) own ON own.level_id = level.id
        WHERE level.reserved <> coalesce(own.packs, 0)""",
    "availability equals free sellable stock less held promises": """
        SELECT v.sku_id, v.channel, v.available, coalesce(free.packs, 0) AS free, coalesce(held.packs, 0) AS held
        FROM availability v
        LEFT JOIN (SELECT level.sku_id, l.channel, sum(level.on_hand - level.reserved) AS packs
                   FROM stock_level level JOIN location l ON l.id = level.location_id
                   JOIN lot ON lot.id = level.lot_id WHERE lot.sellable
                   GROUP BY level.sku_id, l.channel) free USING (sku_id, channel)
        LEFT JOIN (SELECT sku_id, channel, sum(held) AS packs FROM reservation GROUP BY sku_id, channel) held
          USING (sku_id, channel)
        WHERE v.available < 0 OR v.available <> coalesce(free.packs, 0) - coalesce(held.packs, 0)""",
    "promises add up and match the allocations": """
        SELECT r.order_line_id, r.quantity, r.held, r.allocated, r.handed_over, r.released,
               coalesce(sum(a.quantity) FILTER (WHERE a.state IN ('reserved', 'in_transit')), 0) AS standing,
               coalesce(sum(a.quantity) FILTER (WHERE a.state = 'shipped'), 0) AS shipped
        FROM reservation r LEFT JOIN allocation a ON a.order_line_id = r.order_line_id GROUP BY r.order_line_id
        HAVING r.allocated <> coalesce(sum(a.quantity) FILTER (WHERE a.state IN ('reserved', 'in_transit')), 0)
            OR r.handed_over <> coalesce(sum(a.quantity) FILTER (WHERE a.state = 'shipped'), 0)
            OR r.held + r.allocated + r.handed_over + r.released + r.awaited <> r.quantity""",
    "what a line awaits are its open backorders, and none is promised twice on the road": """
        SELECT r.order_line_id AS line, r.awaited AS said, coalesce(sum(b.packs), 0) AS found
        FROM reservation r LEFT JOIN backorder b
          ON b.order_line_id = r.order_line_id AND b.state IN ('awaited', 'arrived', 'adrift')
        GROUP BY r.order_line_id HAVING r.awaited <> coalesce(sum(b.packs), 0)
        UNION ALL
        SELECT line.id, line.promised, coalesce(sum(b.packs), 0)
        FROM consignment_line line JOIN consignment c ON c.id = line.consignment_id
        LEFT JOIN backorder b ON b.consignment_line_id = line.id AND b.state = 'awaited' GROUP BY line.id, c.id
        HAVING line.promised <> coalesce(sum(b.packs), 0) OR line.promised > coalesce(line.confirmed, 0)
            OR (line.promised > 0 AND c.status NOT IN ('confirmed', 'dispatched'))""",
    "what waited for a consignment that came, or will not come, is being planned, or a person knows": """
        SELECT b.order_id, b.id, b.state FROM backorder b WHERE b.state IN ('arrived', 'adrift') AND NOT EXISTS (
            SELECT 1 FROM job j WHERE j.done_at IS NULL AND j.topic IN ('order.route', 'orders.route', 'backlog.route')
             AND ((j.payload ->> 'order_id')::bigint = b.order_id OR j.payload -> 'order_ids' @> to_jsonb(b.order_id)))
          AND NOT EXISTS (SELECT 1 FROM routing_case c WHERE c.order_id = b.order_id AND c.closed_at IS NULL)""",
    "a line's cancelled packs were released, and closed orders hold nothing": """
        SELECT o.number, o.status, r.order_line_id, r.held, r.allocated, r.awaited, r.released, l.cancelled
        FROM reservation r JOIN "order" o ON o.id = r.order_id JOIN order_line l ON l.id = r.order_line_id
        WHERE (o.status IN ('cancelled', 'expired', 'completed') AND r.held + r.allocated + r.awaited > 0)
           OR (o.status IN ('cancelled', 'expired') AND r.handed_over > 0)
           OR (o.status NOT IN ('cancelled', 'expired') AND r.released <> l.cancelled)""",
    "order totals are lines + delivery − discount, to the fen": """
        SELECT o.number, o.lines_fen, o.delivery_fen, o.discount_fen, o.total_fen, sum(l.total_fen) AS lines
        FROM "order" o LEFT JOIN order_line l ON l.order_id = o.id GROUP BY o.id
        HAVING o.total_fen <> o.lines_fen + o.delivery_fen - o.discount_fen
            OR o.lines_fen <> coalesce(sum(l.total_fen), 0)""",
    "nothing is paid back beyond what was received": """
        SELECT o.number, o.status, o.total_fen, sum(m.amount_fen) AS balance
        FROM "order" o JOIN money_entry m ON m.order_id = o.id AND m.kind NOT IN ('fee', 'dispute', 'dispute_won')
        GROUP BY o.id HAVING sum(m.amount_fen) < 0""",
    "the money of every completed order was received, or an organisation owes it": """
        SELECT o.number, o.payment_method, o.total_fen, coalesce(sum(m.amount_fen), 0) AS received
        FROM "order" o LEFT JOIN money_entry m ON m.order_id = o.id AND m.kind IN ('counter_payment', 'charge')
        WHERE o.status = 'completed' GROUP BY o.id
        HAVING CASE o.payment_method WHEN 'on_account' THEN o.organisation_id IS NULL
               ELSE coalesce(sum(m.amount_fen), 0) < o.total_fen END""",
    "who pays at the counter has paid for what she took, and for nothing else": """
        SELECT o.number, o.status, o.delivery_fen - o.discount_fen AS besides, coalesce(goods.fen, 0) AS goods,
               coalesce(paid.fen, 0) AS paid
        FROM "order" o
        LEFT JOIN (SELECT l.order_id, sum(l.price_fen * a.quantity - coalesce((SELECT sum(l.price_fen - w.price_fen)
                       FROM weighed_pack w WHERE w.allocation_id = a.id), 0)) AS fen
                   FROM allocation a JOIN order_line l ON l.id = a.order_line_id WHERE a.state = 'shipped'
                   GROUP BY l.order_id) goods ON goods.order_id = o.id
        LEFT JOIN (SELECT order_id, sum(amount_fen) AS fen FROM money_entry WHERE kind = 'counter_payment'
                   GROUP BY order_id) paid ON paid.order_id = o.id
        WHERE o.payment_method = 'at_counter' AND coalesce(paid.fen, 0)
           <> CASE WHEN goods.fen IS NULL THEN 0
              ELSE greatest(goods.fen + o.delivery_fen - o.discount_fen, 0) END""",
    "no counter works for an order paid online before its money came": """
        SELECT o.number, o.status FROM "order" o
        WHERE o.payment_method = 'stripe' AND o.status NOT IN ('awaiting_payment', 'cancelled', 'expired')
          AND NOT EXISTS (SELECT 1 FROM money_entry m WHERE m.order_id = o.id AND m.kind = 'charge')""",
    "what was paid for an order that ended goes back, or a person knows": """
        SELECT o.number, o.status, p.received_fen FROM "order" o JOIN payment p ON p.order_id = o.id
        WHERE o.status IN ('cancelled', 'expired') AND p.received_fen > coalesce((
            SELECT sum(r.amount_fen) FROM refund r WHERE r.payment_id = p.id
             AND r.state IN ('requested', 'pending', 'succeeded', 'manual')), 0)
          AND NOT EXISTS (SELECT 1 FROM finding f WHERE f.order_id = o.id AND f.resolved_at IS NULL)""",
    "no payment is given back beyond what was received, and its charge stands in the ledger once": """
        SELECT p.id, p.received_fen, coalesce(back.fen, 0) AS back, coalesce(charged.fen, 0) AS charged
        FROM payment p
        LEFT JOIN (SELECT payment_id, sum(amount_fen) AS fen FROM refund
                   WHERE state IN ('proposed', 'requested', 'pending', 'succeeded', 'manual') AND why <> 'external'
                   GROUP BY payment_id) back ON back.payment_id = p.id
        LEFT JOIN (SELECT payment_id, sum(amount_fen) AS fen FROM money_entry WHERE kind = 'charge'
                   GROUP BY payment_id) charged ON charged.payment_id = p.id
        WHERE coalesce(back.fen, 0) > p.received_fen OR coalesce(charged.fen, 0) <> p.received_fen""",
    "an invoice is the sum of its orders, each order in one of them at what it costs": """
        SELECT i.number, i.total_fen, sum(b.amount_fen) AS orders, count(*) FILTER (WHERE b.amount_fen <> o.total_fen)
               AS changed
        FROM invoice i LEFT JOIN invoice_order b ON b.invoice_id = i.id LEFT JOIN "order" o ON o.id = b.order_id
        GROUP BY i.id
        HAVING i.total_fen IS DISTINCT FROM sum(b.amount_fen)
            OR bool_or(b.voided) <> (i.state = 'void') OR bool_or(o.organisation_id <> i.organisation_id)
            OR (i.state <> 'void' AND (bool_or(b.amount_fen <> o.total_fen) OR bool_or(o.status <> 'completed')))
        UNION ALL
        SELECT o.number, o.total_fen, NULL, count(*) FROM invoice_order b JOIN "order" o ON o.id = b.order_id
        WHERE NOT b.voided GROUP BY o.id HAVING count(*) > 1""",
    "an invoice is paid when what was matched and credited is its total": """
        SELECT i.number, i.state, i.total_fen, i.settled_fen, i.credited_fen, matched.fen AS matched, taken.fen AS taken
        FROM invoice i
        LEFT JOIN (SELECT invoice_id, sum(amount_fen) AS fen FROM bank_allocation GROUP BY invoice_id) matched
          ON matched.invoice_id = i.id
        LEFT JOIN (SELECT invoice_id, sum(amount_fen) AS fen FROM credit_note GROUP BY invoice_id) taken
          ON taken.invoice_id = i.id
        WHERE i.settled_fen <> coalesce(matched.fen, 0) OR i.credited_fen <> coalesce(taken.fen, 0)
           OR (i.state IN ('open', 'paid', 'uncollectible')
               AND (i.state = 'paid') <> (i.settled_fen + i.credited_fen = i.total_fen))""",
    "bank receipts pay no more than they brought, and stand in the ledger once": """
        SELECT r.bank_ref, r.amount_fen, r.matched_fen, r.returned_fen, matched.fen AS matched, ledger.came, ledger.went
        FROM bank_receipt r
        LEFT JOIN (SELECT receipt_id, sum(amount_fen) AS fen FROM bank_allocation GROUP BY receipt_id) matched
          ON matched.receipt_id = r.id
        LEFT JOIN (SELECT ref, sum(amount_fen) FILTER (WHERE kind = 'bank_in') AS came,
                          -sum(amount_fen) FILTER (WHERE kind = 'bank_out') AS went
                   FROM money_entry WHERE kind IN ('bank_in', 'bank_out') GROUP BY ref) ledger
          ON ledger.ref = r.bank_ref
        WHERE r.matched_fen <> coalesce(matched.fen, 0) OR r.matched_fen + r.returned_fen > r.amount_fen
           OR ledger.came IS DISTINCT FROM r.amount_fen OR coalesce(ledger.went, 0) <> r.returned_fen
        UNION ALL
        SELECT m.ref, m.amount_fen, NULL, NULL, NULL, NULL, NULL FROM money_entry m
        WHERE m.kind = 'bank_in' AND NOT EXISTS (SELECT 1 FROM bank_receipt r WHERE r.bank_ref = m.ref)""",
    "every order that waits for a counter, and not for the road, has a job that finds one, or a person does": """
        SELECT o.number, o.status FROM "order" o
        WHERE o.status = 'confirmed' AND o.kind = 'retail' AND NOT EXISTS (
            SELECT 1 FROM reservation r WHERE r.order_id = o.id HAVING sum(r.held) = 0 AND sum(r.awaited) > 0)
          AND NOT EXISTS (
            SELECT 1 FROM job j WHERE j.done_at IS NULL
             AND ((j.topic = 'order.route' AND (j.payload ->> 'order_id')::bigint = o.id)
               OR (j.topic IN ('orders.route', 'backlog.route') AND j.payload -> 'order_ids' @> to_jsonb(o.id))))
          AND NOT EXISTS (SELECT 1 FROM routing_case c WHERE c.order_id = o.id AND c.closed_at IS NULL)""",
    "every placed order was told of": """
        SELECT o.number FROM "order" o WHERE o.status <> 'awaiting_payment' AND o.kind = 'retail' AND NOT EXISTS (
            SELECT 1 FROM job j WHERE j.topic = 'order.mail' AND j.dedupe_key LIKE o.id || ':%')
          AND o.created_at > now() - interval '29 days'""",
    "every order has its lines, its contact, its audit and its story": """
        SELECT o.number FROM "order" o
        WHERE NOT EXISTS (SELECT 1 FROM order_line l WHERE l.order_id = o.id)
           OR NOT EXISTS (SELECT 1 FROM order_event e WHERE e.order_id = o.id)
           OR NOT EXISTS (SELECT 1 FROM audit_entry a WHERE a.subject_type = 'order' AND a.subject_id = o.id::text)""",
    "an order's status fits its parts": """
        SELECT o.number, o.status, f.id, f.status AS part FROM "order" o JOIN fulfilment f ON f.order_id = o.id
        WHERE (o.status IN ('cancelled', 'expired', 'completed')
               AND f.status NOT IN ('handed_over', 'received', 'rejected', 'cancelled'))
           OR (o.status = 'ready' AND f.role <> 'transfer' AND f.status IN ('assigned', 'accepted'))""",
    "weighed packs and what they cost add up to their lines": """
        SELECT l.id, l.weighed_packs, l.weighed_g, l.weight_less_fen, count(w.grams) AS packs, sum(w.grams) AS grams,
               sum(l.price_fen - w.price_fen) AS less
        FROM order_line l LEFT JOIN weighed_pack w ON w.order_line_id = l.id WHERE l.per_kg_fen IS NOT NULL
        GROUP BY l.id HAVING l.weighed_packs <> count(w.grams) OR l.weighed_g <> coalesce(sum(w.grams), 0)
            OR l.weight_less_fen <> coalesce(sum(l.price_fen - w.price_fen), 0)
            OR coalesce(bool_or(w.price_fen <> (l.per_kg_fen * least(w.grams, l.weight_to_g) + 500) / 1000), false)""",
    "what is sold by weight is weighed before it is ready, and only what stands": """
        SELECT a.id, a.state, a.quantity, f.status, count(w.grams) AS weighed
        FROM allocation a JOIN order_line l ON l.id = a.order_line_id JOIN fulfilment f ON f.id = a.fulfilment_id
        LEFT JOIN weighed_pack w ON w.allocation_id = a.id WHERE l.per_kg_fen IS NOT NULL GROUP BY a.id, f.id
        HAVING (a.state = 'released' AND count(w.grams) > 0)
            OR (a.state <> 'released' AND f.status IN ('ready', 'dispatched', 'handed_over')
                AND count(w.grams) <> a.quantity)""",
    "no more went back for weight than the packs weighed less, or a person knows": """
        SELECT o.number, back.fen AS back, less.fen AS less FROM "order" o
        JOIN (SELECT p.order_id, sum(r.amount_fen) AS fen FROM refund r JOIN payment p ON p.id = r.payment_id
              WHERE r.why = 'weight' AND r.state IN ('proposed', 'requested', 'pending', 'succeeded', 'manual')
               AND NOT EXISTS (SELECT 1 FROM refund_line part WHERE part.refund_id = r.id)
              GROUP BY p.order_id) back ON back.order_id = o.id
        JOIN (SELECT order_id, sum(weight_less_fen) AS fen FROM order_line GROUP BY order_id) less
          ON less.order_id = o.id
        WHERE o.status IN ('ready', 'completed') AND back.fen > less.fen AND NOT EXISTS (
            SELECT 1 FROM finding f WHERE f.order_id = o.id AND f.kind = 'overpaid_for_weight')""",
    "no lot past its sell-by margin is promised": """
        SELECT lot.id, lot.code, lot.best_before, s.min_life_days FROM lot JOIN sku s ON s.id = lot.sku_id
        WHERE lot.sellable AND lot.best_before - s.min_life_days
              < (now() AT TIME ZONE 'Asia/Shanghai' - interval '10 minutes')::date
        UNION ALL
        SELECT lot.id, lot.code, lot.best_before, s.min_life_days FROM lot JOIN sku s ON s.id = lot.sku_id
        JOIN stock_level level ON level.lot_id = lot.id WHERE NOT lot.sellable AND level.reserved > 0""",
    "a consignment's packs are where it is, and every pack that arrived is accounted for": """
        SELECT c.number, c.status, lot.id, lot.state, lot.quantity, lot.received,
               coalesce(sum(m.d_on_hand) FILTER (WHERE m.kind = 'receive'), 0) AS put_on_shelf
        FROM consignment_lot lot JOIN consignment_line line ON line.id = lot.line_id
        JOIN consignment c ON c.id = line.consignment_id
        LEFT JOIN stock_movement m ON m.source_type = 'consignment' AND m.source_id = lot.id::text
        GROUP BY c.id, lot.id
        HAVING lot.received <> coalesce(sum(m.d_on_hand) FILTER (WHERE m.kind = 'receive'), 0)
            OR NOT (lot.state = 'given_back' OR CASE c.status
                    WHEN 'confirmed' THEN lot.state = 'set_aside' WHEN 'dispatched' THEN lot.state = 'on_the_road'
                    WHEN 'received' THEN lot.state = 'arrived' ELSE false END)""",
    "no job has waited for more than ten minutes beyond its time": """
        SELECT id, topic, attempts, last_error FROM job
        WHERE done_at IS NULL AND dead_at IS NULL AND next_at < now() - interval '10 minutes'""",
}  # fmt: skip


def faults(session: Session) -> list[Fault]:
    """Every invariant that does not hold now."""
    found = []
    for invariant, query in INVARIANTS.items():
        rows = session.execute(text(f"SELECT * FROM ({query}) AS fault LIMIT {ROWS_SHOWN}")).mappings().all()  # noqa: S608
        if rows:
            found.append(Fault(invariant, tuple(dict(row) for row in rows)))
    return found


@click.command("check")
def command() -> None:
    """Prove the invariants on the live database; exit 1 and print the rows at fault."""
    wrong = {fault.invariant: fault.rows for fault in faults(db.session())}
    for invariant in INVARIANTS:
        click.echo(f"{'FAULT' if invariant in wrong else 'ok   '}  {invariant}")
        for row in wrong.get(invariant, ()):
            click.echo("         " + json.dumps(row, ensure_ascii=False, default=str))
    click.echo(f"{len(INVARIANTS) - len(wrong)} of {len(INVARIANTS)} hold")
    if wrong:
        raise SystemExit(1)
