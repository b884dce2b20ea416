"""Money before the office: what no rule explains, refunds that need a person, disputes, comparisons, the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from orders.models import Order
from orders.payments.models import Dispute, Finding, MoneyEntry, Payment, ReconciliationRun, Refund
from orders.payments.states import RefundState
from shop import audit
from shop.audit import Actor
from shop.clock import utcnow
from shop.errors import Invalid, NotFound, WrongState
from shop.sheets.write import Table

MOST_SHOWN = 100
COLUMNS = ("at", "kind", "ref", "order", "payment", "amount_fen", "actor")


@dataclass(frozen=True)
class MoneyPage:
    """What waits for a person, oldest first; comparisons newest first. Findings come with their order's number."""

    findings: Sequence[tuple[Finding, str | None]]
    proposed: Sequence[Refund]
    failed: Sequence[Refund]
    disputes: Sequence[tuple[Dispute, str]]
    runs: Sequence[ReconciliationRun]


def money_page(session: Session) -> MoneyPage:
    """Everything about money that waits for somebody: five queries."""
    findings = (
        select(Finding, Order.number)
        .outerjoin(Order, Order.id == Finding.order_id)
        .where(Finding.resolved_at.is_(None))
        .order_by(Finding.id)
        .limit(MOST_SHOWN)
    )
    disputes = (
        select(Dispute, Order.number)
        .join(Payment, Payment.id == Dispute.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .where(Dispute.closed_at.is_(None))
        .order_by(Dispute.due_at)
        .limit(MOST_SHOWN)
    )
    runs = select(ReconciliationRun).where(ReconciliationRun.kind != "events").order_by(ReconciliationRun.id.desc())
    return MoneyPage(
        findings=[(finding, number) for finding, number in session.execute(findings)],
        proposed=refunds_in(session, RefundState.PROPOSED),
        failed=refunds_in(session, RefundState.FAILED),
        disputes=[(dispute, number) for dispute, number in session.execute(disputes)],
        runs=session.scalars(runs.limit(10)).all(),
    )


def refunds_in(session: Session, state: RefundState) -> Sequence[Refund]:
    """Refunds that stand so, with their order."""
    statement = select(Refund).where(Refund.state == state.value).order_by(Refund.id).limit(MOST_SHOWN)
    return session.scalars(statement.options(joinedload(Refund.payment).joinedload(Payment.order))).all()


def refunds_of(session: Session, order_id: int) -> Sequence[Refund]:
    """Every refund of an order."""
    statement = select(Refund).join(Payment).where(Payment.order_id == order_id).order_by(Refund.id)
    return session.scalars(statement).all()


def settle_finding(session: Session, finding_id: int, note: str, actor: Actor) -> Finding:
    """A person has dealt with it, and says how. Raises NotFound, WrongState, Invalid."""
    finding = session.get(Finding, finding_id, with_for_update=True, populate_existing=True)
    if finding is None:
        raise NotFound
    if finding.resolved_at is not None:
        raise WrongState
    if not note.strip():
        raise Invalid(errors=[{"field": "note"}])
    finding.resolved_at, finding.resolved_by, finding.note = utcnow(), actor.name, note.strip()
    audit.record(session, actor, "finding.settled", "finding", finding.id, after={"note": note.strip()})
    session.flush()
    return finding


def paid_payment(session: Session, order_id: int) -> int:
    """The payment an order was paid with. Raises NotFound."""
    statement = select(Payment.id).where(Payment.order_id == order_id, Payment.received_fen > 0).order_by(Payment.id)
    found = session.scalar(statement.limit(1))
    if found is None:
        raise NotFound
    return found


def ledger_table(session: Session) -> Table:
    """The whole ledger, oldest first; it is read while it is written, a piece at a time."""
    return Table(COLUMNS, ledger_rows(session))


def ledger_rows(session: Session) -> Iterator[tuple[object, ...]]:
    """Every movement of money, a row at a time."""
    statement = (
        select(MoneyEntry, Order.number).outerjoin(Order, Order.id == MoneyEntry.order_id).order_by(MoneyEntry.at)
    )
    for entry, number in session.execute(statement.execution_options(yield_per=500)):
        yield entry.at, entry.kind, entry.ref, number, entry.payment_id, entry.amount_fen, entry.actor
