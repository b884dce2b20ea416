"""Compare our books with the provider's, both ways; what no rule explains becomes a finding for a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.invoices.compare import compare_invoices
from orders.payments.events import fetch_events, look_again
from orders.payments.gateway import BalanceLine, IntentSeen, PaymentGateway, RefundSeen
from orders.payments.ledger import enter, find
from orders.payments.models import Finding, MoneyEntry, Payment, ReconciliationRun, Refund
from orders.payments.providers import payment_gateway
from orders.payments.refunds import adopt_refund, lock_payment
from orders.payments.states import OF_INTENT, OF_REFUND, PaymentState, RefundState
from orders.payments.sync import apply_intent, payment_of
from shop.clock import utcnow
from shop.db import db, in_transaction

DAILY, MONTHLY = timedelta(days=3), timedelta(days=35)


def reconcile(session: Session, gateway: PaymentGateway, kind: str, since: datetime) -> ReconciliationRun:
    """One comparison of everything begun since that moment, and of invoices, which change long after they were made.

    `differences` counts what needs a person.
    """
    run = ReconciliationRun(kind=kind, from_at=since, to_at=utcnow())
    session.add(run)
    session.commit()
    run_id, before = run.id, last_finding(session)
    session.commit()
    intents = list(gateway.intents_since(since))
    refunds = list(gateway.refunds_since(since))
    for intent in intents:
        compare_intent(session, run_id, intent)
    for refund in refunds:
        adopt_refund(session, refund)
        in_transaction(session, lambda: compare_refund(session, run_id, refund))  # noqa: B023
    compare_ours(session, run_id, since, {one.ref for one in intents}, {one.ref for one in refunds})
    in_transaction(session, lambda: book_fees(session, gateway.balance_since(since)))
    invoices = compare_invoices(session, gateway.invoices, run_id, utcnow())
    run = session.get_one(ReconciliationRun, run_id)
    run.seen, run.finished_at = len(intents) + len(refunds) + invoices, utcnow()
    run.differences = len(session.scalars(select(Finding.id).where(Finding.id > before)).all())
    session.commit()
    return run


def last_finding(session: Session) -> int:
    """The newest finding's number."""
    return session.scalar(select(Finding.id).order_by(Finding.id.desc()).limit(1)) or 0


def compare_intent(session: Session, run_id: int, seen: IntentSeen) -> None:
    """Adopt a payment we did not hear the answer of; then amount, state and ledger must be the same."""
    payment_id = payment_of(session, seen)
    session.rollback()
    if payment_id is None:
        if seen.received_fen:
            theirs = {"fen": seen.received_fen, "metadata": dict(seen.metadata)}
            in_transaction(session, lambda: find(session, "orphan_payment", seen.ref, run_id=run_id, theirs=theirs))
        return
    in_transaction(session, lambda: apply_intent(session, payment_id, seen))
    in_transaction(session, lambda: check_payment(session, run_id, payment_id, seen))


def check_payment(session: Session, run_id: int, payment_id: int, seen: IntentSeen) -> None:
    """Our row and our ledger against what was just seen."""
    order, payment = lock_payment(session, payment_id)
    charged = session.scalar(
        select(MoneyEntry.amount_fen).where(MoneyEntry.kind == "charge", MoneyEntry.payment_id == payment.id)
    )
    ours = {
        "amount": payment.amount_fen,
        "state": payment.state,
        "received": payment.received_fen,
        "ledger": charged or 0,
    }
    theirs = {
        "amount": seen.amount_fen, "state": OF_INTENT.get(seen.status, seen.status), "received": seen.received_fen,
        "ledger": seen.received_fen,
    }  # fmt: skip
    if ours != theirs:
        find(session, "payment_differs", f"{seen.ref}:{run_id}", order_id=order.id, run_id=run_id, ours=ours,
             theirs={name: str(value) for name, value in theirs.items()})  # fmt: skip


def compare_refund(session: Session, run_id: int, seen: RefundSeen) -> None:
    """Every refund there has one row here, in the same state, for the same amount."""
    refund = session.scalar(select(Refund).where(Refund.refund_ref == seen.ref))
    if refund is None:
        return
    state = OF_REFUND.get(seen.status, RefundState.PENDING)
    later = {RefundState.REPLACED, RefundState.MANUAL}
    same = refund.state == state or (state == RefundState.FAILED and refund.state in later)
    if not same or refund.amount_fen != seen.amount_fen:
        find(session, "refund_differs", f"{seen.ref}:{run_id}", run_id=run_id,
             ours={"state": refund.state, "fen": refund.amount_fen},
             theirs={"state": seen.status, "fen": seen.amount_fen})  # fmt: skip


def compare_ours(session: Session, run_id: int, since: datetime, intents: set[str], refunds: set[str]) -> None:
    """What we say the provider has, and it does not."""
    # A payment written down in the last minute may be on its way.
    until = utcnow() - timedelta(minutes=1)
    paid = select(Payment.intent_ref).where(
        Payment.created_at >= since, Payment.created_at < until, Payment.state == PaymentState.SUCCEEDED.value
    )
    given = select(Refund.refund_ref).where(
        Refund.created_at >= since, Refund.created_at < until, Refund.refund_ref.is_not(None)
    )
    for kind, ours, theirs in (
        ("payment_unknown_at_provider", paid, intents),
        ("refund_unknown_at_provider", given, refunds),
    ):
        for ref in set(session.scalars(ours)) - theirs:
            find(session, kind, str(ref), run_id=run_id)
    session.commit()


def book_fees(session: Session, lines: Iterable[BalanceLine]) -> None:
    """The provider's fees, from its balance, beside the charge or refund they are for."""
    for line in lines:
        if not line.fee_fen:
            continue
        payment_id = session.scalar(select(MoneyEntry.payment_id).where(MoneyEntry.ref == line.source).limit(1))
        if payment_id is not None:
            payment = session.get_one(Payment, payment_id)
            enter(session, "fee", line.ref, -line.fee_fen, payment, "payment provider")


def run_daily(session: Session, gateway: PaymentGateway) -> int:
    """The nightly comparison of three days; how many findings."""
    return reconcile(session, gateway, "daily", utcnow() - DAILY).differences


@click.group("payments")
def command() -> None:
    """Payments and their provider."""


@command.command("reconcile")
@click.option("--days", default=3, show_default=True, type=click.IntRange(1, 35), help="how far back")
def reconcile_command(days: int) -> None:
    """Compare our books with the provider's; ends with 1 when something needs a person."""
    session, gateway = db.session(), payment_gateway()
    if gateway is None:
        raise click.ClickException("no payment provider is set (STRIPE_SECRET_KEY)")
    fetch_events(session, gateway)
    run = reconcile(session, gateway, "by_hand", utcnow() - timedelta(days=days))
    click.echo(f"compared {run.seen} payments and refunds of {days} days and invoices: {run.differences} differences")
    unresolved = session.scalars(select(Finding).where(Finding.resolved_at.is_(None)).order_by(Finding.id)).all()
    for one in unresolved:
        click.echo(f"  {one.kind} {one.ref}: ours {one.ours}, theirs {one.theirs}")
    if run.differences or unresolved:
        raise SystemExit(1)


@command.command("look")
@click.argument("payment_id", type=int)
def look_command(payment_id: int) -> None:
    """Look at one payment at the provider now."""
    session, gateway = db.session(), payment_gateway()
    if gateway is None:
        raise click.ClickException("no payment provider is set (STRIPE_SECRET_KEY)")
    look_again(session, gateway, payment_id)
    click.echo(session.get_one(Payment, payment_id).state)
