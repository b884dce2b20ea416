"""Money before the office: what no rule explains, refunds that need a person, disputes, comparisons, the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from catalogue.models import Product, Sku
from orders.models import Order, OrderLine
from orders.payments.models import Dispute, Finding, MoneyEntry, Payment, ReconciliationRun, Refund, RefundLine
from orders.payments.refunds import Wish, lock_payment, request_refund
from orders.payments.states import STANDING_REFUNDS, RefundState
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


@dataclass(frozen=True)
class Refundable:
    """A line of an order of which `left` packs may still be given back, at its price of that day."""

    line_id: int
    names: dict[str, str]
    left: int
    price_fen: int


def refundable_lines(session: Session, order_id: int) -> list[Refundable]:
    """The order's lines with the packs that were charged and not given back yet; in their order."""
    back = (
        select(RefundLine.order_line_id, func.sum(RefundLine.packs).label("packs"))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(Refund.state.in_([state.value for state in STANDING_REFUNDS]))
        .group_by(RefundLine.order_line_id)
        .subquery()
    )
    statement = (
        select(
            OrderLine.id, Product.names, OrderLine.quantity - OrderLine.cancelled - func.coalesce(back.c.packs, 0),
            OrderLine.price_fen,
        )
        .join(Sku, Sku.id == OrderLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .outerjoin(back, back.c.order_line_id == OrderLine.id)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.position)
    )  # fmt: skip
    return [Refundable(line, names, int(left), fen) for line, names, left, fen in session.execute(statement)]


def give_back_packs(
    session: Session, order_id: int, packs: Mapping[int, int], note: str, actor: Actor, now: datetime
) -> Refund:
    """Give back whole packs (by line id) at what was paid for them.

    Raises Invalid for packs that were not charged or went back already, NotFound for an order that was not paid,
    and what request_refund raises.
    """
    _order, payment = lock_payment(session, paid_payment(session, order_id))
    lines = {one.line_id: one for one in refundable_lines(session, order_id)}
    wanted = {line_id: count for line_id, count in packs.items() if count}
    fits = all(line_id in lines and 0 < count <= lines[line_id].left for line_id, count in wanted.items())
    if not wanted or not fits:
        raise Invalid(_l("No more packs can be given back than were charged"), errors=[{"field": "packs"}])
    parts = {line_id: (count * lines[line_id].price_fen, count) for line_id, count in wanted.items()}
    wish = Wish(sum(fen for fen, _count in parts.values()), "short", note, parts)
    return request_refund(session, payment, wish, actor, now)


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
    """The whole ledger, oldest first; its rows are read as they are written."""
    statement = (
        select(MoneyEntry, Order.number).outerjoin(Order, Order.id == MoneyEntry.order_id).order_by(MoneyEntry.at)
    )
    entries = session.execute(statement.execution_options(yield_per=500))
    rows = (
        (entry.at, entry.kind, entry.ref, number, entry.payment_id, entry.amount_fen, entry.actor)
        for entry, number in entries
    )
    return Table(COLUMNS, rows)
