"""Play the customer at a payment provider of this machine: the half of a payment that happens in their browser.

Only shops whose STRIPE_API_BASE is a loopback address have it (shop.config.Settings.plays_cashier).
"""

from __future__ import annotations

from typing import Any

import stripe

from shop.config import Settings

# https://docs.stripe.com/testing
CARDS = {
    "pay": "tok_visa",
    "decline": "tok_visa_chargeDeclined",
    "verify": "tok_threeDSecure2Required",
}
OUTCOMES = ("card:pay", "card:decline", "card:verify", "alipay:pay", "wechat_pay:pay")


def play(settings: Settings, intent_ref: str, outcome: str, return_url: str) -> str:
    """Do what the customer's browser would; where it would go next, '' for nowhere. Declines are no error here."""
    client = stripe.StripeClient(
        settings.stripe_secret_key, base_addresses={"api": settings.stripe_api_base},
        http_client=stripe.RequestsClient(timeout=10),
    )  # fmt: skip
    means, wish = outcome.split(":")
    params: Any = {"type": means, **({"card": {"token": CARDS[wish]}} if means == "card" else {})}
    method = client.v1.payment_methods.create(params)
    try:
        intent = confirm(client, intent_ref, method.id, return_url)
    except stripe.CardError:
        return ""
    step = intent.next_action
    if step is None:
        return ""
    if step.type == "alipay_handle_redirect" and step.alipay_handle_redirect:
        return str(step.alipay_handle_redirect.url)
    if step.type == "wechat_pay_display_qr_code" and step.wechat_pay_display_qr_code:
        return str(step.wechat_pay_display_qr_code.data)
    return str(step.redirect_to_url.url) if step.redirect_to_url else ""


def confirm(client: stripe.StripeClient, intent_ref: str, method: str, return_url: str) -> stripe.PaymentIntent:
    """Confirm; a provider that knows no way back is asked without one."""
    try:
        return client.v1.payment_intents.confirm(intent_ref, {"payment_method": method, "return_url": return_url})
    except stripe.InvalidRequestError as refusal:
        if refusal.code != "parameter_unknown":
            raise
    return client.v1.payment_intents.confirm(intent_ref, {"payment_method": method})
