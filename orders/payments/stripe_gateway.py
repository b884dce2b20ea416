"""Stripe as the payment provider, through its official library. Only this module and
orders/invoices/stripe_invoices.py know Stripe's names.

Sources: docs.stripe.com/api (version 2026-08-26.dahlia, the one of stripe 15.6).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from orders.invoices.stripe_invoices import StripeInvoices, plain
from orders.payments.gateway import (
    BadSignature,
    BalanceLine,
    DisputeSeen,
    Endpoint,
    GatewayDown,
    GatewayRefused,
    IntentSeen,
    IntentWish,
    MissingAtProvider,
    RefundSeen,
)
from orders.payments.room import Room
from orders.payments.states import CURRENCY
from shop.config import Settings

if TYPE_CHECKING:
    import stripe

Answer = TypeVar("Answer")

# A web page waits for this twice; the library's own 80 s would hold its thread for too long.
SECONDS_TO_ANSWER = 5
RETRIES = 1
SIGNATURE_SECONDS = 300
PAGE = 100
MEANS = ("card", "alipay", "wechat_pay")
EVENTS = (
    "payment_intent.succeeded", "payment_intent.processing", "payment_intent.payment_failed",
    "payment_intent.canceled", "refund.created", "refund.updated", "refund.failed", "charge.refunded",
    "charge.dispute.created", "charge.dispute.closed", "invoice.finalized", "invoice.sent", "invoice.paid",
    "invoice.payment_failed", "invoice.voided", "invoice.marked_uncollectible", "credit_note.created",
    "credit_note.voided",
)  # fmt: skip


def moment(seconds: int | None) -> datetime | None:
    """Stripe's time as ours."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class StripeGateway:
    """One client for all threads: the library's is safe to share."""

    def __init__(self, settings: Settings, http_client: stripe.HTTPClient | None = None) -> None:
        import stripe  # 20 MB that only processes that take or give money need

        self._stripe = stripe
        base: Any = {"api": settings.stripe_api_base} if settings.stripe_api_base else {}
        self._client = stripe.StripeClient(
            settings.stripe_secret_key,
            base_addresses=base,
            max_network_retries=RETRIES,
            http_client=http_client or stripe.RequestsClient(timeout=SECONDS_TO_ANSWER),
        )
        self._room = Room(max(1, settings.web_threads // 2))
        self._secrets = settings.webhook_secrets
        self.livemode = settings.stripe_secret_key.startswith(("sk_live_", "rk_live_"))
        self.api_version = str(stripe.api_version)
        self.events = frozenset(EVENTS)
        self.invoices = StripeInvoices(self._client.v1, self._ask, self._pages)

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        """Make the call; its failures in our words."""
        errors = self._stripe
        try:
            with self._room.place():
                return call()
        except (errors.APIConnectionError, errors.RateLimitError, errors.AuthenticationError) as error:
            # A wrong or expired key says nothing about the payment: somebody mends the settings, and it is asked again.
            raise GatewayDown(str(error)) from error
        except errors.StripeError as error:
            if error.http_status is None or error.http_status >= 500 or error.http_status in {403, 409}:
                fault = error.http_status is not None and error.http_status >= 500
                raise GatewayDown(str(error), answered=fault) from error
            code = error.code or error.__class__.__name__
            kind = MissingAtProvider if code == "resource_missing" else GatewayRefused
            raise kind(code, error.user_message or str(error)) from error

    def create_intent(self, wish: IntentWish) -> IntentSeen:
        """docs.stripe.com/api/payment_intents/create"""
        params: dict[str, Any] = {
            "amount": wish.amount_fen,
            "currency": CURRENCY,
            "payment_method_types": list(MEANS),
            "description": f"订单 {wish.order_number}",
            "metadata": {
                "order_id": str(wish.order_id), "payment_id": str(wish.payment_id), "order_no": wish.order_number,
            },
        }  # fmt: skip
        if wish.email:
            params["receipt_email"] = wish.email
        made = self._ask(
            lambda: self._client.v1.payment_intents.create(params, {"idempotency_key": wish.key})  # type: ignore[arg-type]
        )
        return intent_seen(plain(made))

    def read_intent(self, ref: str) -> IntentSeen:
        """docs.stripe.com/api/payment_intents/retrieve"""
        read = self._client.v1.payment_intents.retrieve
        return intent_seen(plain(self._ask(lambda: read(ref, {"expand": ["latest_charge"]}))))

    def cancel_intent(self, ref: str, *, abandoned: bool) -> IntentSeen:
        """docs.stripe.com/api/payment_intents/cancel"""
        cancel = self._client.v1.payment_intents.cancel
        if abandoned:
            return intent_seen(plain(self._ask(lambda: cancel(ref, {"cancellation_reason": "abandoned"}))))
        return intent_seen(plain(self._ask(lambda: cancel(ref, {"cancellation_reason": "requested_by_customer"}))))

    def start_wallet(self, ref: str, means: str, return_url: str) -> IntentSeen:
        """docs.stripe.com/payments/alipay/accept-a-payment and .../wechat-pay, both by direct API"""
        params: dict[str, Any] = {"payment_method_data": {"type": means}, "return_url": return_url}
        if means == "wechat_pay":
            params["payment_method_options"] = {"wechat_pay": {"client": "web"}}
        confirm = self._client.v1.payment_intents.confirm
        return intent_seen(plain(self._ask(lambda: confirm(ref, params))))  # type: ignore[arg-type]

    def create_refund(
        self, key: str, intent_ref: str, amount_fen: int, refund_id: int, *, duplicate: bool
    ) -> RefundSeen:
        """docs.stripe.com/api/refunds/create"""
        params: dict[str, Any] = {
            "payment_intent": intent_ref,
            "amount": amount_fen,
            "reason": "duplicate" if duplicate else "requested_by_customer",
            "metadata": {"refund_id": str(refund_id)},
        }
        made = self._ask(lambda: self._client.v1.refunds.create(params, {"idempotency_key": key}))  # type: ignore[arg-type]
        return refund_seen(plain(made))

    def read_refund(self, ref: str) -> RefundSeen:
        """docs.stripe.com/api/refunds/retrieve"""
        return refund_seen(plain(self._ask(lambda: self._client.v1.refunds.retrieve(ref))))

    def read_dispute(self, ref: str) -> DisputeSeen:
        """docs.stripe.com/api/disputes/retrieve"""
        return dispute_seen(plain(self._ask(lambda: self._client.v1.disputes.retrieve(ref))))

    def intents_since(self, moment: datetime) -> Iterator[IntentSeen]:
        """docs.stripe.com/api/payment_intents/list"""
        params = {"created": {"gte": int(moment.timestamp())}, "expand": ["data.latest_charge"]}
        return (intent_seen(one) for one in self._pages(self._client.v1.payment_intents.list, params))

    def refunds_since(self, moment: datetime) -> Iterator[RefundSeen]:
        """docs.stripe.com/api/refunds/list"""
        params = {"created": {"gte": int(moment.timestamp())}}
        return (refund_seen(one) for one in self._pages(self._client.v1.refunds.list, params))

    def refunds_of(self, intent_ref: str) -> Iterator[RefundSeen]:
        """docs.stripe.com/api/refunds/list"""
        return (refund_seen(one) for one in self._pages(self._client.v1.refunds.list, {"payment_intent": intent_ref}))

    def balance_since(self, moment: datetime) -> Iterator[BalanceLine]:
        """docs.stripe.com/api/balance_transactions/list"""
        params = {"created": {"gte": int(moment.timestamp())}}
        return (balance_line(one) for one in self._pages(self._client.v1.balance_transactions.list, params))

    def _pages(self, read: Callable[..., Any], params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every row of a list, page after page."""
        after: dict[str, str] = {}
        while True:
            page = plain(self._ask(lambda: read({**params, "limit": PAGE, **after})))  # noqa: B023
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    def events_after(self, event_ref: str | None, since: datetime) -> Iterator[Mapping[str, Any]]:
        """docs.stripe.com/api/events/list; Stripe keeps them for 30 days"""
        params: dict[str, Any] = {"types": list(EVENTS)}
        if event_ref is None:
            found = list(
                self._pages(self._client.v1.events.list, {**params, "created": {"gte": int(since.timestamp())}})
            )
            yield from reversed(found)
            return
        while True:
            params["ending_before"] = event_ref
            page = plain(self._ask(lambda: self._client.v1.events.list({**params, "limit": PAGE})))  # type: ignore[arg-type]
            yield from reversed(page["data"])
            if not page["has_more"]:
                return
            event_ref = page["data"][0]["id"]

    def endpoints(self) -> Iterator[Endpoint]:
        """docs.stripe.com/api/webhook_endpoints/list; one without a version sends in the account's own"""
        return (
            Endpoint(one["id"], one["url"], one.get("api_version") or "", one["status"] == "enabled",
                     frozenset(one["enabled_events"]))
            for one in self._pages(self._client.v1.webhook_endpoints.list, {})
        )  # fmt: skip

    def open_event(self, body: bytes, signature: str) -> Mapping[str, Any]:
        """docs.stripe.com/webhooks/signature; any of the current secrets opens it (they are rolled)"""
        for secret in self._secrets:
            try:
                self._stripe.WebhookSignature.verify_header(
                    body.decode(), signature, secret, tolerance=SIGNATURE_SECONDS
                )
                found = json.loads(body)
            except (self._stripe.SignatureVerificationError, ValueError):
                continue
            if isinstance(found, dict):
                return found
        raise BadSignature


def intent_seen(one: Mapping[str, Any]) -> IntentSeen:
    """A PaymentIntent in our words."""
    charge = one.get("latest_charge")
    charge = charge if isinstance(charge, dict) else {}
    details = charge.get("payment_method_details") or {}
    error, step = one.get("last_payment_error") or {}, one.get("next_action") or {}
    redirect = step.get("alipay_handle_redirect") or step.get("redirect_to_url") or {}
    created = moment(one["created"])
    assert created is not None  # noqa: S101  Stripe gives it always
    return IntentSeen(
        ref=one["id"], status=one["status"], amount_fen=one["amount"], received_fen=one.get("amount_received") or 0,
        currency=one["currency"], livemode=one["livemode"], metadata=one.get("metadata") or {}, created_at=created,
        means=details.get("type") if details.get("type") in MEANS else None, charge_ref=charge.get("id"),
        charged_at=moment(charge.get("created")), error_code=error.get("decline_code") or error.get("code") or "",
        client_secret=one.get("client_secret") or "", redirect_url=redirect.get("url") or "",
        qr_text=(step.get("wechat_pay_display_qr_code") or {}).get("data") or "",
    )  # fmt: skip


def refund_seen(one: Mapping[str, Any]) -> RefundSeen:
    """A Refund in our words."""
    created = moment(one["created"])
    assert created is not None  # noqa: S101  Stripe gives it always
    return RefundSeen(
        ref=one["id"], intent_ref=ref_of(one.get("payment_intent")), status=one.get("status") or "pending",
        amount_fen=one["amount"], currency=one["currency"], metadata=one.get("metadata") or {}, created_at=created,
        failure=one.get("failure_reason") or "", pending=one.get("pending_reason") or "",
    )  # fmt: skip


def dispute_seen(one: Mapping[str, Any]) -> DisputeSeen:
    """A Dispute in our words."""
    due = (one.get("evidence_details") or {}).get("due_by")
    moved = sum(line["amount"] for line in one.get("balance_transactions") or [] if isinstance(line, dict))
    return DisputeSeen(
        ref=one["id"], intent_ref=ref_of(one.get("payment_intent")), status=one["status"], amount_fen=one["amount"],
        reason=one.get("reason") or "", due_at=moment(due), withdrawn_fen=-moved,
    )  # fmt: skip


def balance_line(one: Mapping[str, Any]) -> BalanceLine:
    """A BalanceTransaction in our words."""
    created = moment(one["created"])
    assert created is not None  # noqa: S101  Stripe gives it always
    return BalanceLine(one["id"], one["type"], ref_of(one.get("source")), one["amount"], one["fee"], created)


def ref_of(value: Any) -> str:
    """An id, whether it came alone or as the whole object."""
    if isinstance(value, dict):
        return str(value["id"])
    return str(value or "")
