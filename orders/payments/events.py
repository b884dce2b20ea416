"""What the provider tells us: kept as it came, counted once, and taken as a hint to look for ourselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from orders.invoices.mirror import hear_of_invoice
from orders.payments.gateway import DisputeSeen, MissingAtProvider, PaymentGateway
from orders.payments.ledger import enter, find
from orders.payments.models import Dispute, Payment, ProviderEvent, ReconciliationRun
from orders.payments.refunds import adopt_refund, lock_payment, sync_refund
from orders.payments.states import CURRENCY
from orders.payments.sync import apply_intent, payment_of, sync_payment
from shop.clock import utcnow
from shop.db import in_transaction, table_of
from shop.errors import Invalid
from shop.fail_points import reach
from shop.outbox import emit

CLOSED_DISPUTES = {"won", "lost", "warning_closed", "prevented"}
# Who paid, in the words the provider uses at any depth; what it takes to pay. None of it is needed to keep books.
PERSONAL = {
    "billing_details", "client_secret", "customer_details", "customer_email", "evidence", "payment_method_details",
    "receipt_email", "receipt_url", "shipping",
}  # fmt: skip
# Events of before this are no news any more: look-ups by object find their money.
OLDEST_NEWS = timedelta(days=3)


def keep_event(session: Session, payload: Mapping[str, Any], via: str, gateway: PaymentGateway) -> bool:
    """Write an event down and have it worked on; False when it was known. Raises Invalid for what is no event."""
    thing = (payload.get("data") or {}).get("object") if isinstance(payload.get("data"), Mapping) else None
    if not isinstance(thing, Mapping) or not all(isinstance(payload.get(name), str) for name in ("id", "type")):
        raise Invalid("not an event")
    if bool(payload.get("livemode")) != gateway.livemode:
        find(session, "wrong_mode", str(payload["id"]), theirs={"livemode": bool(payload.get("livemode"))})
        return False
    table = table_of(ProviderEvent)
    statement = insert(table).values(
        event_ref=payload["id"], type=payload["type"], object_ref=str(thing.get("id", "")),
        api_version=str(payload.get("api_version") or ""), livemode=gateway.livemode, via=via,
        payload=without_people(payload), created_at=datetime.fromtimestamp(int(payload.get("created", 0)), UTC),
    )  # fmt: skip
    kept = statement.on_conflict_do_update(index_elements=["event_ref"], set_={"seen": table.c.seen + 1})
    seen = session.scalar(kept.returning(table.c.seen))
    if seen == 1 and payload.get("api_version") != gateway.api_version:
        find(session, "event_version", str(payload.get("api_version")), ours={"version": gateway.api_version},
             theirs={"event": payload["id"]})  # fmt: skip
    if seen == 1:
        emit(session, "payment.event", str(payload["id"]), {"event_ref": payload["id"]})
    return bool(seen == 1)


def without_people(told: Any) -> Any:
    """What the provider told, without the fields that say who paid: what is not kept need not be erased."""
    if isinstance(told, Mapping):
        return {name: without_people(value) for name, value in told.items() if name not in PERSONAL}
    if isinstance(told, list):
        return [without_people(one) for one in told]
    return told


def work_on_event(session: Session, gateway: PaymentGateway, event_ref: str) -> None:
    """Look at what the event speaks of. Safe to repeat. Raises GatewayDown."""
    event = session.get_one(ProviderEvent, event_ref)
    kind, ref, thing, done = event.type, event.object_ref, event.payload["data"]["object"], event.done_at
    readable = event.api_version == gateway.api_version
    session.commit()
    if done is None:
        if kind.startswith("payment_intent."):
            intent_event(session, gateway, ref, thing if readable else None)
        elif kind.startswith("refund."):
            sync_refund(session, gateway, ref)
        elif kind == "charge.refunded":
            for seen in gateway.refunds_of(str(thing.get("payment_intent") or "")):
                adopt_refund(session, seen)
        elif kind.startswith("charge.dispute."):
            sync_dispute(session, gateway, ref)
        elif kind.startswith("invoice."):
            hear_of_invoice(session, gateway.invoices, ref, thing.get("metadata") or {})
        elif kind.startswith("credit_note."):
            hear_of_invoice(session, gateway.invoices, str(thing.get("invoice") or ""), {})
    in_transaction(session, lambda: close_event(session, event_ref))


def close_event(session: Session, event_ref: str) -> None:
    """Nothing more to do for it."""
    session.get_one(ProviderEvent, event_ref).done_at = utcnow()


def intent_event(session: Session, gateway: PaymentGateway, ref: str, told: Mapping[str, Any] | None) -> None:
    """Something happened to a payment: ours by its id or by what its metadata say, or nobody's.

    `told` is what the event itself says of it; None when that is in the words of another version.
    """
    try:
        seen = gateway.read_intent(ref)
    except MissingAtProvider:
        in_transaction(session, lambda: find(session, "payment_unknown_at_provider", ref))
        return
    reach("payment.read")
    payment_id = payment_of(session, seen)
    session.rollback()
    if payment_id is None:
        if seen.received_fen:
            theirs = {"fen": seen.received_fen, "metadata": dict(seen.metadata)}
            in_transaction(session, lambda: find(session, "orphan_payment", ref, theirs=theirs))
        return
    found = payment_id
    if told is not None:
        in_transaction(session, lambda: compare(session, found, ref, told))
    in_transaction(session, lambda: apply_intent(session, found, seen))


def compare(session: Session, payment_id: int, ref: str, told: Mapping[str, Any]) -> None:
    """What was told must fit what was asked; when it does not, a person is told. The truth is read in any case."""
    payment = session.get_one(Payment, payment_id)
    ours = {"amount": payment.amount_fen, "currency": CURRENCY, "order_id": str(payment.order_id)}
    theirs = {
        "amount": told.get("amount"), "currency": told.get("currency"),
        "order_id": (told.get("metadata") or {}).get("order_id"),
    }  # fmt: skip
    if ours != theirs:
        find(session, "event_differs", ref, order_id=payment.order_id, ours=ours, theirs=theirs)


def sync_dispute(session: Session, gateway: PaymentGateway, dispute_ref: str) -> None:
    """Look at a dispute and write down how it stands."""
    seen = gateway.read_dispute(dispute_ref)
    in_transaction(session, lambda: apply_dispute(session, seen))


def apply_dispute(session: Session, seen: DisputeSeen) -> None:
    """A dispute blocks refunds while it is open; what the bank took back and gave again stands in the ledger."""
    payment_id = session.scalar(select(Payment.id).where(Payment.intent_ref == seen.intent_ref))
    if payment_id is None:
        find(session, "orphan_dispute", seen.ref, theirs={"intent": seen.intent_ref, "fen": seen.amount_fen})
        return
    order, payment = lock_payment(session, payment_id)
    known = session.scalar(select(Dispute).where(Dispute.dispute_ref == seen.ref))
    if known is None:
        known = Dispute(payment_id=payment.id, dispute_ref=seen.ref, amount_fen=seen.amount_fen, status=seen.status)
        session.add(known)
        find(session, "dispute", seen.ref, order_id=order.id, theirs={"fen": seen.amount_fen, "reason": seen.reason})
    known.status, known.reason, known.due_at = seen.status, seen.reason, seen.due_at
    closed = seen.status in CLOSED_DISPUTES
    known.closed_at = (known.closed_at or utcnow()) if closed else None
    enter(session, "dispute", seen.ref, -seen.amount_fen, payment, "payment provider")
    if seen.status in {"won", "warning_closed", "prevented"}:
        enter(session, "dispute_won", seen.ref, seen.amount_fen, payment, "payment provider")


def fetch_events(session: Session, gateway: PaymentGateway) -> int:
    """Read the provider's list of events after the last one read: what its messages lost. How many were new."""
    cursor = session.scalar(
        select(ReconciliationRun.cursor)
        .where(ReconciliationRun.kind == "events", ReconciliationRun.cursor.is_not(None))
        .order_by(ReconciliationRun.id.desc())
        .limit(1)
    )
    session.commit()
    new, seen, begun = 0, 0, utcnow()
    for payload in gateway.events_after(cursor, begun - OLDEST_NEWS):
        new += in_transaction(session, lambda: keep_event(session, payload, "poll", gateway))  # noqa: B023
        seen, cursor = seen + 1, payload["id"]
    if seen:
        run = ReconciliationRun(kind="events", cursor=cursor, seen=seen, differences=new, finished_at=utcnow())
        session.add(run)
        session.commit()
    return new


def look_again(session: Session, gateway: PaymentGateway, payment_id: int) -> None:
    """The office's button, and the customer's page: look at the provider now, the payment and its refunds."""
    seen = sync_payment(session, gateway, payment_id)
    for refund in gateway.refunds_of(seen.ref):
        adopt_refund(session, refund)
