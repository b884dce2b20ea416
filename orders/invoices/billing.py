"""Bill an organisation for what it received, and what may happen to an invoice afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from orders.bulk.credit import locked_organisation
from orders.invoices.models import CREDIT_REASONS, BankAllocation, CreditNote, Invoice, InvoiceOrder
from orders.invoices.states import INVOICE_MOVES, OWED, PAYABLE, InvoiceState, due_day
from orders.models import Order
from orders.states import OrderStatus
from shop import audit
from shop.accounts.models import Organisation
from shop.audit import Actor
from shop.clock import shanghai, shanghai_day
from shop.db import in_transaction
from shop.errors import DomainError, Invalid, NotFound, WrongState
from shop.money import yuan
from shop.outbox import emit

CLERK = Actor("billing")
# The provider takes at most 250 lines; what is left goes into a second invoice.
MOST_ORDERS = 200


class NothingToBill(DomainError):
    """Every order that was handed over is in an invoice already."""

    code: ClassVar[str] = "nothing_to_bill"
    title = _l("There is nothing to bill: every order that was handed over is in an invoice already")


class HasMoney(WrongState):
    """Receipts are matched to the invoice."""

    code: ClassVar[str] = "invoice_has_money"
    title = _l("Money is matched to this invoice. Take it back from the receipt first.")


@dataclass(frozen=True)
class Credit:
    """A credit note as it is wished for: fen, one of CREDIT_REASONS, why in words, for which order if for one."""

    amount_fen: int
    reason: str
    note: str = ""
    order_number: str = ""


def unbilled() -> ColumnElement[bool]:
    """Orders on account that are in no invoice that counts."""
    billed = select(InvoiceOrder.order_id).where(InvoiceOrder.order_id == Order.id, ~InvoiceOrder.voided)
    return (Order.payment_method == "on_account") & Order.organisation_id.is_not(None) & ~billed.exists()


def to_bill(session: Session, organisation_id: int, before: datetime | None = None) -> Sequence[Order]:
    """Orders handed over (before that moment) and not billed yet, oldest first, as many as fit one invoice."""
    statement = select(Order).where(
        Order.organisation_id == organisation_id, Order.status == OrderStatus.COMPLETED.value, unbilled(),
        Order.total_fen > 0,
    )  # fmt: skip
    if before is not None:
        statement = statement.where(Order.closed_at < before)
    return session.scalars(statement.order_by(Order.id).limit(MOST_ORDERS)).all()


def bill(
    session: Session, organisation_id: int, actor: Actor, now: datetime, *, before: datetime | None = None
) -> Invoice:
    """An invoice over what the organisation received and was not billed for. Raises NothingToBill, NotFound.

    It is a draft until its job has it issued: at once, or when the provider agrees with its total.
    """
    organisation = locked_organisation(session, organisation_id)
    if organisation is None:
        raise NotFound
    orders = to_bill(session, organisation_id, before)
    if not orders:
        raise NothingToBill
    invoice = Invoice(
        number=next_number(session, organisation, shanghai_day(now)), organisation_id=organisation_id,
        total_fen=sum(one.total_fen for one in orders), terms_days=organisation.terms_days,
    )  # fmt: skip
    session.add(invoice)
    session.flush()
    session.add_all(InvoiceOrder(invoice_id=invoice.id, order_id=one.id, amount_fen=one.total_fen) for one in orders)
    after = {"number": invoice.number, "total_fen": invoice.total_fen, "orders": len(orders)}
    audit.record(session, actor, "invoice.drawn_up", "invoice", invoice.id, after=after)
    push(session, invoice, "issue")
    session.flush()
    return invoice


def next_number(session: Session, organisation: Organisation, today: date) -> str:
    """MART-202611-01: counted by organisation and month, under the organisation's lock; none is given twice."""
    begin = f"{organisation.code}-{today:%Y%m}-"
    written = select(func.count()).select_from(Invoice).where(
        Invoice.organisation_id == organisation.id, Invoice.number.startswith(begin, autoescape=True)
    )  # fmt: skip
    return f"{begin}{(session.scalar(written) or 0) + 1:02d}"


def push(session: Session, invoice: Invoice, what: str) -> None:
    """Have a worker issue the invoice, or tell the provider what changed."""
    emit(session, "invoice.push", f"{invoice.id}:{what}", {"invoice_id": invoice.id})


def bill_month(session: Session, now: datetime) -> int:
    """Bill every organisation for what it received before this month (in Shanghai); how many invoices."""
    month = shanghai(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    waiting = (
        select(Order.organisation_id)
        .where(unbilled(), Order.status == OrderStatus.COMPLETED.value, Order.total_fen > 0, Order.closed_at < month)
        .distinct()
        .order_by(Order.organisation_id)
    )
    made = 0
    for organisation_id in session.scalars(waiting).all():
        made += bill_all(session, int(organisation_id or 0), now, month)
    return made


def bill_all(session: Session, organisation_id: int, now: datetime, before: datetime) -> int:
    """Invoices, each in a transaction of its own, until nothing is left; how many."""
    made = 0
    while True:
        try:
            in_transaction(session, lambda: bill(session, organisation_id, CLERK, now, before=before))
        except NothingToBill:
            return made
        made += 1


def lock_invoice(session: Session, invoice_id: int) -> Invoice:
    """Organisation, then invoice, locked and read anew. Raises NotFound."""
    owner = session.scalar(select(Invoice.organisation_id).where(Invoice.id == invoice_id))
    if owner is None:
        raise NotFound
    locked_organisation(session, owner)
    return session.get_one(Invoice, invoice_id, with_for_update=True, populate_existing=True)


def move_invoice(session: Session, invoice: Invoice, to: InvoiceState, actor: Actor, now: datetime, **why: Any) -> None:
    """Move a locked invoice along its diagram, with audit. Raises WrongState off the diagram."""
    before = InvoiceState(invoice.state)
    if to not in INVOICE_MOVES[before]:
        raise WrongState(errors=[{"state": before.value, "wanted": to.value}])
    invoice.state = to.value
    if to in {InvoiceState.PAID, InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE}:
        invoice.closed_on = shanghai_day(now)
    audit.record(session, actor, "invoice.moved", "invoice", invoice.id,
                 before={"state": before.value}, after={"state": to.value, **why})  # fmt: skip
    session.flush()


def issue(session: Session, invoice: Invoice, now: datetime) -> None:
    """The (locked) draft becomes an invoice: due after the organisation's days, and its buyers are told."""
    invoice.issued_on = shanghai_day(now)
    invoice.due_on = due_day(invoice.issued_on, invoice.terms_days)
    move_invoice(session, invoice, InvoiceState.OPEN, CLERK, now)
    tell_buyers(session, invoice, "issued")


def tell_buyers(session: Session, invoice: Invoice, kind: str) -> None:
    """A mail of that kind to everybody who buys for the organisation, once each."""
    emit(session, "invoice.mails", f"{invoice.id}:{kind}", {"invoice_id": invoice.id, "kind": kind})


def void_invoice(session: Session, invoice_id: int, reason: str, actor: Actor, now: datetime) -> Invoice:
    """The invoice was wrong: its orders can be billed again. Raises WrongState, HasMoney, Invalid."""
    invoice = lock_invoice(session, invoice_id)
    if not reason.strip():
        raise Invalid(_l("Please say why"), errors=[{"field": "reason"}])
    if invoice.settled_fen:
        raise HasMoney
    told = invoice.state == InvoiceState.OPEN
    cancel_invoice(session, invoice, actor, now, reason=reason.strip())
    push(session, invoice, "void")
    if told:
        tell_buyers(session, invoice, "void")
    return invoice


def cancel_invoice(session: Session, invoice: Invoice, actor: Actor, now: datetime, **why: Any) -> None:
    """Void a locked invoice and set its orders free."""
    move_invoice(session, invoice, InvoiceState.VOID, actor, now, **why)
    session.execute(update(InvoiceOrder).where(InvoiceOrder.invoice_id == invoice.id).values(voided=True))


def write_off(session: Session, invoice_id: int, reason: str, actor: Actor, now: datetime) -> Invoice:
    """Nobody expects this money any more; it is still owed, and uses up credit. Raises WrongState, Invalid."""
    invoice = lock_invoice(session, invoice_id)
    if not reason.strip():
        raise Invalid(_l("Please say why"), errors=[{"field": "reason"}])
    move_invoice(session, invoice, InvoiceState.UNCOLLECTIBLE, actor, now, reason=reason.strip())
    push(session, invoice, "uncollectible")
    return invoice


def note_fapiao(session: Session, invoice_id: int, number: str, actor: Actor) -> Invoice:
    """The number of the 发票 the tax system issued for it; empty takes it away."""
    invoice = lock_invoice(session, invoice_id)
    before, after = invoice.fapiao_no, number.strip()[:60] or None
    invoice.fapiao_no = after
    if before != after:
        audit.record(session, actor, "invoice.fapiao", "invoice", invoice.id,
                     before={"fapiao_no": before}, after={"fapiao_no": after})  # fmt: skip
    session.flush()
    return invoice


def credit_invoice(session: Session, invoice_id: int, credit: Credit, actor: Actor, now: datetime) -> CreditNote:
    """Take something off an issued invoice. Money that was matched to it beyond what is left becomes free again.

    Raises Invalid for more than it bills, WrongState for a draft or void invoice.
    """
    invoice = lock_invoice(session, invoice_id)
    if invoice.state not in {*PAYABLE, InvoiceState.PAID}:
        raise WrongState
    left = invoice.total_fen - invoice.credited_fen
    if not 0 < credit.amount_fen <= left or credit.reason not in CREDIT_REASONS:
        raise Invalid(_l("A credit note takes off at most what the invoice still bills, %(left)s", left=yuan(left)),
                      errors=[{"field": "amount", "left_fen": left}])  # fmt: skip
    note = CreditNote(
        invoice_id=invoice.id, order_id=order_in(session, invoice.id, credit.order_number),
        amount_fen=credit.amount_fen, reason=credit.reason, note=credit.note.strip(), made_by=actor.name,
        made_on=shanghai_day(now),
    )  # fmt: skip
    session.add(note)
    free_money(session, invoice, credit.amount_fen - invoice.owed_fen)
    invoice.credited_fen += credit.amount_fen
    session.flush()
    audit.record(session, actor, "invoice.credited", "invoice", invoice.id,
                 after={"amount_fen": credit.amount_fen, "reason": credit.reason})  # fmt: skip
    push(session, invoice, f"credit-{note.id}")
    tell_buyers(session, invoice, f"credit-{note.id}")
    close_if_settled(session, invoice, actor, now)
    return note


def order_in(session: Session, invoice_id: int, number: str) -> int | None:
    """Id of the invoice's order with that number; None when no order is meant. Raises Invalid."""
    if not number.strip():
        return None
    statement = (
        select(Order.id)
        .join(InvoiceOrder, InvoiceOrder.order_id == Order.id)
        .where(InvoiceOrder.invoice_id == invoice_id, Order.number == number.strip().upper())
    )
    found = session.scalar(statement)
    if found is None:
        raise Invalid(_l("This order is not in the invoice"), errors=[{"field": "order"}])
    return found


def free_money(session: Session, invoice: Invoice, fen: int) -> None:
    """Take that much of what was matched to the (locked) invoice back, newest first: it is credit again."""
    statement = (
        select(BankAllocation)
        .where(BankAllocation.invoice_id == invoice.id)
        .order_by(BankAllocation.matched_at.desc(), BankAllocation.receipt_id.desc())
        .with_for_update()
    )
    for allocation in session.scalars(statement).all() if fen > 0 else ():
        taken = min(fen, allocation.amount_fen)
        if taken == allocation.amount_fen:
            session.delete(allocation)
        else:
            allocation.amount_fen -= taken
        fen -= taken
        if not fen:
            break
    session.flush()
    session.refresh(invoice)


def close_if_settled(session: Session, invoice: Invoice, actor: Actor, now: datetime) -> None:
    """A (locked) invoice of which nothing is owed any more is paid."""
    if invoice.state in PAYABLE and invoice.owed_fen == 0:
        move_invoice(session, invoice, InvoiceState.PAID, actor, now)
        push(session, invoice, "paid")
        tell_buyers(session, invoice, "paid")


def owed_states() -> list[str]:
    """The states in which an invoice uses up credit."""
    return sorted(state.value for state in OWED)
