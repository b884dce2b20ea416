"""What a payment provider must be able to do. Stripe is one (stripe_gateway.py); others come in beside it.

No call happens inside a transaction of ours, and every call that makes something carries a key that is kept before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from flask_babel import lazy_gettext as _l

from orders.invoices.gateway import InvoiceGateway
from shop.errors import DomainError


class GatewayDown(DomainError):
    """The provider did not answer, or not with an answer: whether it did what it was asked is unknown.

    `answered`: it answered, with a fault of its own.
    """

    status: ClassVar[int] = 503
    code: ClassVar[str] = "payments_unavailable"
    title = _l("Paying is not possible for the moment. Your order is kept, please try again in a minute.")

    def __init__(self, words: str, *, answered: bool = False) -> None:
        super().__init__()
        self.words, self.answered = words, answered

    def __str__(self) -> str:
        return self.words


class GatewayRefused(Exception):
    """The provider understood and said no. `code` is its word for why (docs.stripe.com/error-codes)."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code


class NotAccepted(GatewayDown):
    """The provider will not take this payment as it was asked (its smallest sum, say); a person is told."""

    code: ClassVar[str] = "payment_not_accepted"
    title = _l("This order cannot be paid online. Please order again and pay at the counter.")


class NeverMade(NotAccepted):
    """A payment of which no answer was heard for a day, and which the provider does not have: this row is over.

    Whoever still wants to pay opens a new one.
    """

    title = GatewayDown.title


class BadSignature(Exception):
    """A message that says it is from the provider and is not, or is too old."""


class MissingAtProvider(GatewayRefused):
    """The provider knows no such thing."""


@dataclass(frozen=True)
class IntentSeen:
    """A payment as the provider sees it. `next_step` is what the customer's browser must do, if anything."""

    ref: str
    status: str
    amount_fen: int
    received_fen: int
    currency: str
    livemode: bool
    metadata: Mapping[str, str]
    created_at: datetime
    means: str | None = None
    charge_ref: str | None = None
    charged_at: datetime | None = None
    error_code: str = ""
    client_secret: str = field(default="", repr=False)
    redirect_url: str = ""
    qr_text: str = ""


@dataclass(frozen=True)
class RefundSeen:
    """A refund as the provider sees it."""

    ref: str
    intent_ref: str
    status: str
    amount_fen: int
    currency: str
    metadata: Mapping[str, str]
    created_at: datetime
    failure: str = ""
    pending: str = ""


@dataclass(frozen=True)
class DisputeSeen:
    """A dispute as the provider sees it. `withdrawn_fen` is what it has taken back for it so far."""

    ref: str
    intent_ref: str
    status: str
    amount_fen: int
    reason: str
    due_at: datetime | None
    withdrawn_fen: int


@dataclass(frozen=True)
class BalanceLine:
    """One movement of the provider's balance for us: what kind, from which charge or refund, fen, and its fee."""

    ref: str
    kind: str
    source: str
    amount_fen: int
    fee_fen: int
    created_at: datetime


@dataclass(frozen=True)
class Endpoint:
    """Where the provider sends its messages, and in which version of its API."""

    ref: str
    url: str
    api_version: str
    enabled: bool
    events: frozenset[str]


@dataclass(frozen=True)
class IntentWish:
    """What a customer is to be asked for."""

    key: str
    amount_fen: int
    order_id: int
    order_number: str
    payment_id: int
    email: str


class PaymentGateway(Protocol):
    """All of them raise GatewayDown and GatewayRefused; reading also MissingAtProvider."""

    livemode: bool
    api_version: str
    events: frozenset[str]
    invoices: InvoiceGateway

    def create_intent(self, wish: IntentWish) -> IntentSeen:
        """Ask for a payment; the same key gives the same one again for a day."""

    def read_intent(self, ref: str) -> IntentSeen:
        """The payment as it is now, with its charge."""

    def cancel_intent(self, ref: str, *, abandoned: bool) -> IntentSeen:
        """Make sure that nobody can pay any more. Raises GatewayRefused when it is too late for that."""

    def start_wallet(self, ref: str, means: str, return_url: str) -> IntentSeen:
        """Begin paying by alipay or wechat_pay without any script of the provider's in the page."""

    def create_refund(
        self, key: str, intent_ref: str, amount_fen: int, refund_id: int, *, duplicate: bool
    ) -> RefundSeen:
        """Give money back; the same key gives the same refund again for a day."""

    def read_refund(self, ref: str) -> RefundSeen:
        """The refund as it is now."""

    def read_dispute(self, ref: str) -> DisputeSeen:
        """The dispute as it is now."""

    def intents_since(self, moment: datetime) -> Iterator[IntentSeen]:
        """All payments begun since, newest first."""

    def refunds_since(self, moment: datetime) -> Iterator[RefundSeen]:
        """All refunds begun since, newest first."""

    def refunds_of(self, intent_ref: str) -> Iterator[RefundSeen]:
        """All refunds of one payment, newest first."""

    def balance_since(self, moment: datetime) -> Iterator[BalanceLine]:
        """All movements of the balance since, newest first."""

    def events_after(self, event_ref: str | None, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Events newer than that one (None: since a moment), oldest first."""

    def endpoints(self) -> Iterator[Endpoint]:
        """Every address the provider sends messages of ours to."""

    def open_event(self, body: bytes, signature: str) -> Mapping[str, Any]:
        """The event in a message. Raises BadSignature."""
