"""The money ledger: one row for every movement, keyed by whoever moved it, so that nothing counts twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from orders.payments.models import Finding, MoneyEntry, Payment, Refund
from orders.payments.states import STANDING_REFUNDS
from shop.db import table_of


def enter(session: Session, kind: str, ref: str, amount_fen: int, payment: Payment, actor: str) -> bool:
    """Write a movement down (fen, out of the shop negative); False when it stands there already."""
    statement = (
        insert(table_of(MoneyEntry))
        .values(
            kind=kind, ref=ref, amount_fen=amount_fen, payment_id=payment.id, order_id=payment.order_id, actor=actor
        )
        .on_conflict_do_nothing()
        .returning(MoneyEntry.ref)
    )
    return session.scalar(statement) is not None


def received(session: Session, order_id: int) -> int:
    """What customers' money came in for the order, fen: what was charged and what banks did not take back."""
    kinds = ("charge", "counter_payment", "dispute", "dispute_won")
    statement = select(func.coalesce(func.sum(MoneyEntry.amount_fen), 0))
    return int(session.scalar(statement.where(MoneyEntry.order_id == order_id, MoneyEntry.kind.in_(kinds))) or 0)


def standing_refunds(session: Session, payment_id: int, *, why: tuple[str, ...] = ()) -> int:
    """What goes or went back of a payment (fen), for these reasons or all: all but what failed."""
    statement = select(func.coalesce(func.sum(Refund.amount_fen), 0)).where(
        Refund.payment_id == payment_id, Refund.state.in_([state.value for state in STANDING_REFUNDS])
    )
    if why:
        statement = statement.where(Refund.why.in_(why))
    return int(session.scalar(statement) or 0)


def find(
    session: Session,
    kind: str,
    ref: str,
    *,
    order_id: int | None = None,
    run_id: int | None = None,
    ours: dict[str, Any] | None = None,
    theirs: dict[str, Any] | None = None,
) -> bool:
    """Put something about money before a person, once; False when it was found already."""
    statement = (
        insert(table_of(Finding))
        .values(kind=kind, ref=ref, order_id=order_id, run_id=run_id, ours=ours, theirs=theirs)
        .on_conflict_do_nothing(index_elements=["kind", "ref"])
        .returning(Finding.id)
    )
    return session.scalar(statement) is not None
