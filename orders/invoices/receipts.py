"""Bank transfers: each comes once, belongs to an organisation or waits for a person, and pays invoices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from orders.bulk.credit import locked_organisation
from orders.invoices.billing import close_if_settled
from orders.invoices.models import BankAllocation, BankReceipt, Invoice
from orders.invoices.states import PAYABLE
from orders.payments.models import MoneyEntry
from shop import audit
from shop.accounts.models import Organisation
from shop.audit import Actor
from shop.clock import shanghai_day, utcnow
from shop.db import table_of
from shop.errors import DomainError, Invalid, NotFound, WrongState
from shop.money import yuan

LARGEST_FEN = 10**11


class OtherReceipt(DomainError):
    """The bank's number stands for another movement already."""

    code: ClassVar[str] = "bank_ref_taken"
    title = _l("This bank reference is entered already, with another amount, day or payer")


class TooMuch(DomainError):
    """More than the receipt has left, or than the invoice is owed."""

    code: ClassVar[str] = "more_than_left"
    title = _l("No more can be matched than the receipt has left and the invoice is owed")


@dataclass(frozen=True)
class Movement:
    """A line of the bank's statement: its number, who paid, fen, the day in Shanghai."""

    bank_ref: str
    payer: str
    amount_fen: int
    received_on: date


def check_movement(movement: Movement, today: date) -> None:
    """Raise Invalid, naming the field, for what cannot be a bank's movement."""
    faults = {
        "bank_ref": not 0 < len(movement.bank_ref) <= 60,
        "payer": not 0 < len(movement.payer) <= 120,
        "amount": not 0 < movement.amount_fen < LARGEST_FEN,
        "received_on": movement.received_on > today,
    }
    words = {
        "bank_ref": _l("Please enter the bank's reference"), "payer": _l("Please enter who paid"),
        "amount": _l("Please enter an amount"), "received_on": _l("This day has not come yet"),
    }  # fmt: skip
    wrong = [name for name, is_wrong in faults.items() if is_wrong]
    if wrong:
        raise Invalid(words[wrong[0]], errors=[{"field": name} for name in wrong])


def enter_receipt(session: Session, movement: Movement, actor: Actor) -> tuple[BankReceipt, bool]:
    """Write a movement down, with its row in the ledger; False when it stands there already.

    Raises Invalid, and OtherReceipt when its reference stands for another movement.
    """
    check_movement(movement, shanghai_day(utcnow()))
    owner = owner_of(session, movement.payer)
    statement = (
        insert(table_of(BankReceipt))
        .values(
            bank_ref=movement.bank_ref, payer=movement.payer, organisation_id=owner, amount_fen=movement.amount_fen,
            received_on=movement.received_on, entered_by=actor.name,
        )
        .on_conflict_do_nothing(index_elements=["bank_ref"])
        .returning(BankReceipt.id)
    )  # fmt: skip
    made = session.scalar(statement)
    receipt = session.execute(select(BankReceipt).where(BankReceipt.bank_ref == movement.bank_ref)).scalar_one()
    if made is None:
        same = (receipt.payer, receipt.amount_fen, receipt.received_on)
        if same != (movement.payer, movement.amount_fen, movement.received_on):
            raise OtherReceipt(errors=[{"field": "bank_ref"}])
        return receipt, False
    session.add(MoneyEntry(kind="bank_in", ref=movement.bank_ref, amount_fen=movement.amount_fen, actor=actor.name))
    audit.record(session, actor, "receipt.entered", "bank_receipt", receipt.id,
                 after={"bank_ref": movement.bank_ref, "amount_fen": movement.amount_fen})  # fmt: skip
    session.flush()
    return receipt, True


def owner_of(session: Session, payer: str) -> int | None:
    """The organisation of that name, or the one a person last said this payer pays for; else None: a person decides."""
    named = select(Organisation.id).where(Organisation.name == payer).order_by(Organisation.id).limit(2)
    found = session.scalars(named).all()
    if found:
        return found[0] if len(found) == 1 else None
    known = select(BankReceipt.organisation_id).where(
        BankReceipt.payer == payer, BankReceipt.organisation_id.is_not(None)
    )
    return session.scalar(known.order_by(BankReceipt.id.desc()).limit(1))


def lock_receipt(session: Session, receipt_id: int, organisation_id: int | None) -> BankReceipt:
    """Organisation (if there is one), then receipt, locked and read anew. Raises NotFound."""
    if organisation_id is not None and locked_organisation(session, organisation_id) is None:
        raise NotFound
    receipt = session.get(BankReceipt, receipt_id, with_for_update=True, populate_existing=True)
    if receipt is None:
        raise NotFound
    return receipt


def assign_receipt(session: Session, receipt_id: int, organisation_id: int, reason: str, actor: Actor) -> BankReceipt:
    """A person says whose money it is, and why they know. Raises Invalid, and WrongState once any of it is matched."""
    receipt = lock_receipt(session, receipt_id, organisation_id)
    if not reason.strip():
        raise Invalid(_l("Please say how you know"), errors=[{"field": "reason"}])
    if receipt.matched_fen:
        raise WrongState(_l("Take back what is matched first"))
    before, receipt.organisation_id = receipt.organisation_id, organisation_id
    audit.record(session, actor, "receipt.assigned", "bank_receipt", receipt.id,
                 before={"organisation": before},
                 after={"organisation": organisation_id, "reason": reason.strip()[:200]})  # fmt: skip
    session.flush()
    return receipt


def return_receipt(session: Session, receipt_id: int, reason: str, actor: Actor) -> BankReceipt:
    """What is left of a receipt was sent back to its payer, or entered by mistake: once. Raises Invalid, WrongState."""
    owner = session.scalar(select(BankReceipt.organisation_id).where(BankReceipt.id == receipt_id))
    receipt = lock_receipt(session, receipt_id, owner)
    if not reason.strip():
        raise Invalid(_l("Please say why"), errors=[{"field": "reason"}])
    left = receipt.left_fen
    if not left or receipt.returned_fen:
        raise WrongState
    receipt.returned_fen += left
    session.add(MoneyEntry(kind="bank_out", ref=receipt.bank_ref, amount_fen=-left, actor=actor.name))
    audit.record(session, actor, "receipt.returned", "bank_receipt", receipt.id,
                 after={"amount_fen": left, "reason": reason.strip()[:200]})  # fmt: skip
    session.flush()
    return receipt


def match_receipt(
    session: Session, receipt_id: int, amounts: Mapping[int, int], actor: Actor, now: datetime
) -> BankReceipt:
    """Let a receipt pay these invoices (fen by invoice id) of its organisation; what they need beyond stays open.

    Raises Invalid without any amount, WrongState for a receipt nobody owns, TooMuch, NotFound for another's invoice.
    """
    wanted = {invoice_id: fen for invoice_id, fen in amounts.items() if fen}
    owner = session.scalar(select(BankReceipt.organisation_id).where(BankReceipt.id == receipt_id))
    if owner is None:
        raise WrongState(_l("First say whose money this is"))
    if not wanted or min(wanted.values()) < 0:
        raise Invalid(_l("Please enter an amount"), errors=[{"field": "amount"}])
    locked_organisation(session, owner)
    invoices = lock_invoices(session, owner, list(wanted))
    receipt = lock_receipt(session, receipt_id, None)
    if receipt.organisation_id != owner or sum(wanted.values()) > receipt.left_fen:
        raise TooMuch(_l("This receipt has %(left)s left", left=yuan(receipt.left_fen)))
    for invoice in invoices:
        allocate(session, receipt, invoice, wanted[invoice.id], actor)
    session.flush()
    for invoice in invoices:
        session.refresh(invoice)
        close_if_settled(session, invoice, actor, now)
    session.refresh(receipt)
    return receipt


def lock_invoices(session: Session, organisation_id: int, ids: list[int]) -> list[Invoice]:
    """These invoices of the organisation, locked in id order. Raises NotFound when one is not its."""
    statement = (
        select(Invoice)
        .where(Invoice.id.in_(ids), Invoice.organisation_id == organisation_id)
        .order_by(Invoice.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = list(session.scalars(statement))
    if len(found) != len(ids):
        raise NotFound
    return found


def allocate(session: Session, receipt: BankReceipt, invoice: Invoice, fen: int, actor: Actor) -> None:
    """So much of the receipt for the invoice, both locked. Raises TooMuch, WrongState."""
    if invoice.state not in PAYABLE:
        raise WrongState(_l("Invoice %(number)s takes no money", number=invoice.number))
    if fen > invoice.owed_fen:
        raise TooMuch(_l("Invoice %(number)s is owed %(owed)s", number=invoice.number, owed=yuan(invoice.owed_fen)))
    table = table_of(BankAllocation)
    statement = insert(table).values(
        receipt_id=receipt.id, invoice_id=invoice.id, amount_fen=fen, matched_by=actor.name
    )  # fmt: skip
    added = {"amount_fen": table.c.amount_fen + statement.excluded.amount_fen, "matched_by": actor.name}
    session.execute(statement.on_conflict_do_update(index_elements=["receipt_id", "invoice_id"], set_=added))
    audit.record(session, actor, "receipt.matched", "invoice", invoice.id,
                 after={"bank_ref": receipt.bank_ref, "amount_fen": fen})  # fmt: skip


def unmatch(session: Session, receipt_id: int, invoice_id: int, actor: Actor) -> None:
    """A receipt was matched to the wrong invoice, which is not paid yet. Raises NotFound, WrongState."""
    owner = session.scalar(select(Invoice.organisation_id).where(Invoice.id == invoice_id))
    if owner is None:
        raise NotFound
    locked_organisation(session, owner)
    (invoice,) = lock_invoices(session, owner, [invoice_id])
    allocation = session.get(BankAllocation, (receipt_id, invoice_id), with_for_update=True)
    if allocation is None:
        raise NotFound
    if invoice.state not in PAYABLE:
        raise WrongState(_l("A paid invoice stays paid; take something off with a credit note"))
    audit.record(session, actor, "receipt.unmatched", "invoice", invoice.id,
                 after={"receipt": receipt_id, "amount_fen": allocation.amount_fen})  # fmt: skip
    session.delete(allocation)
    session.flush()


def oldest_first(left_fen: int, owed: Mapping[int, int]) -> dict[int, int]:
    """How a receipt would pay invoices (fen owed by id, the oldest first), each as far as it goes. Pure."""
    shares = {}
    for invoice_id, fen in owed.items():
        shares[invoice_id] = min(left_fen, fen)
        left_fen -= shares[invoice_id]
    return shares
