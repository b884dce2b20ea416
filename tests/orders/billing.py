"""Supermarkets that received goods, for tests of invoices: orders handed over, invoices issued, money that came."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from orders.bulk.allocate import allocate_at_origin
from orders.fulfilment import steps
from orders.fulfilment.models import Fulfilment
from orders.invoices.billing import bill, issue, lock_invoice
from orders.invoices.models import BankReceipt, Invoice
from orders.invoices.receipts import Movement, enter_receipt
from orders.models import Order
from shop.accounts.models import Organisation, User
from shop.audit import Actor
from shop.clock import utcnow
from shop.outbox import Job
from tests.builders import Builder, today
from tests.orders.supermarkets import bulk_order, buyer_of, supermarket

OFFICE = Actor("office")
CASE_FEN = 12_000


@dataclass
class Mart:
    """A supermarket with a limit of ¥10,000.00 that buys eggs at ¥120.00 a case."""

    session: Session
    organisation: Organisation
    buyer: User
    eggs: Sku
    counter: Counter

    def received(self, cases: int = 1) -> Order:
        """An order that was handed over."""
        placed = bulk_order(self.session, self.buyer, self.organisation, {self.eggs: cases}, at=self.counter)
        allocate_at_origin(self.session, placed.id, utcnow())
        part = self.session.scalars(sa.select(Fulfilment).where(Fulfilment.order_id == placed.id)).one()
        steps.make_ready(self.session, part.id, OFFICE, utcnow())
        steps.hand_over(self.session, part.id, placed.pickup_code or "", OFFICE, utcnow())
        self.session.commit()
        return placed

    def invoice(self, *cases: int, due_in: int = 30) -> Invoice:
        """An issued invoice over an order of so many cases each, due in so many days."""
        for one in cases or (1,):
            self.received(one)
        drawn = bill(self.session, self.organisation.id, OFFICE, utcnow())
        issue(self.session, lock_invoice(self.session, drawn.id), utcnow())
        drawn.due_on = today() + timedelta(days=due_in)
        drawn.issued_on = today() + timedelta(days=min(0, due_in - 30))
        self.session.commit()
        return drawn

    def paid_in(self, fen: int, *, payer: str = "", ref: str = "", day: date | None = None) -> BankReceipt:
        """Money that came from it (or from that payer)."""
        movement = Movement(ref or uuid.uuid4().hex, payer or self.organisation.name, fen, day or today())
        receipt, _is_new = enter_receipt(self.session, movement, OFFICE)
        self.session.commit()
        return receipt

    def now(self, invoice: Invoice) -> tuple[str, int]:
        """How an invoice stands: its state and what is owed."""
        self.session.rollback()
        self.session.refresh(invoice)
        return invoice.state, invoice.owed_fen

    def told(self, invoice: Invoice) -> list[str]:
        """The kinds of mail written about an invoice, in their order."""
        keys = self.session.scalars(sa.select(Job.dedupe_key).where(Job.topic == "invoice.mails").order_by(Job.id))
        return [key.split(":")[1] for key in keys if key.startswith(f"{invoice.id}:")]


def mart_of(session: Session, build: Builder, code: str = "MART") -> Mart:
    """The supermarket."""
    coop, counter = build.cooperative(), build.counter()
    eggs = build.sku(price_fen=1000, cooperative=coop)
    build.lot(eggs, at=coop, quantity=100_000)
    organisation = supermarket(session, 1_000_000, code)
    buyer = buyer_of(session, organisation)
    session.commit()
    return Mart(session, organisation, buyer, eggs, counter)
