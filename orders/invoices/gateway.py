"""What a payment provider must be able to do for invoices; a part of orders/payments/gateway.py, with its errors.

No call happens inside a transaction of ours, and every call that makes something carries a key that is kept before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class InvoiceSeen:
    """An invoice as the provider sees it; `lines` are the order ids its lines name, fen everywhere.

    `paid_fen` is what was paid there, not what was marked as paid elsewhere.
    """

    ref: str
    status: str
    total_fen: int
    paid_fen: int
    credited_fen: int
    lines: frozenset[int]
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class InvoiceWish:
    """What is to be billed to whom, due so many days after it was issued."""

    key: str
    customer_ref: str
    invoice_id: int
    number: str
    terms_days: int


@dataclass(frozen=True)
class LineWish:
    """One order in an invoice."""

    key: str
    customer_ref: str
    invoice_ref: str
    order_id: int
    amount_fen: int
    words: str


@dataclass(frozen=True)
class CreditWish:
    """Something taken off an invoice; `paid`: after it was paid, so that nothing goes back through the provider."""

    key: str
    invoice_ref: str
    credit_id: int
    amount_fen: int
    reason: str
    paid: bool


class InvoiceGateway(Protocol):
    """All raise GatewayDown and GatewayRefused; the same key gives the same answer again for a day."""

    def create_customer(self, key: str, organisation_id: int, name: str, email: str) -> str:
        """Make an organisation known; the provider's id of it."""

    def customer_of(self, organisation_id: int, since: datetime) -> str | None:
        """The customer made since for that organisation, if the provider did it although we never heard."""

    def create_invoice(self, wish: InvoiceWish) -> InvoiceSeen:
        """A draft without lines."""

    def add_line(self, wish: LineWish) -> None:
        """One more line of a draft."""

    def finalize(self, key: str, ref: str) -> InvoiceSeen:
        """Nothing of it changes any more."""

    def send(self, key: str, ref: str) -> InvoiceSeen:
        """Mail it to the customer."""

    def pay_elsewhere(self, key: str, ref: str) -> InvoiceSeen:
        """It was paid by bank transfer, all of it."""

    def void(self, key: str, ref: str) -> InvoiceSeen:
        """It was wrong."""

    def write_off(self, key: str, ref: str) -> InvoiceSeen:
        """Nobody expects its money any more."""

    def credit(self, wish: CreditWish) -> str:
        """Take something off; the credit note's id."""

    def read_invoice(self, ref: str) -> InvoiceSeen:
        """As it is now, with all its lines."""

    def invoices_of(self, customer_ref: str) -> Iterator[InvoiceSeen]:
        """All of a customer, newest first."""

    def invoices_since(self, moment: datetime) -> Iterator[InvoiceSeen]:
        """All that were made since, newest first, each with no more than its first lines."""

    def credits_of(self, ref: str) -> Mapping[int, str]:
        """The credit notes of an invoice: the provider's id by ours."""
