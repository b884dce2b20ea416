"""Which payment provider this shop uses, by its settings."""

from __future__ import annotations

from flask import Flask, current_app

from orders.payments.gateway import PaymentGateway
from orders.payments.stripe_gateway import StripeGateway
from shop.config import Settings

KEPT = "payment_gateway"


def payment_gateway(app: Flask | None = None) -> PaymentGateway | None:
    """The provider, made once a process; None when the shop takes no money online."""
    application = app or current_app
    settings: Settings = application.extensions["settings"]
    if not settings.stripe_secret_key:
        return None
    if KEPT not in application.extensions:
        application.extensions[KEPT] = StripeGateway(settings)
    gateway: PaymentGateway = application.extensions[KEPT]
    return gateway


def webhook_address() -> str:
    """Where the provider is to send its messages."""
    settings: Settings = current_app.extensions["settings"]
    return f"{settings.base_url}/webhooks/stripe"
