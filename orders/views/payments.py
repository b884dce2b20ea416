"""Paying: the page where a customer pays, the way back from a wallet, and the provider's messages."""

from __future__ import annotations

import time
from typing import Any

import segno
from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from orders.models import Order
from orders.payments.events import keep_event
from orders.payments.gateway import BadSignature, GatewayDown, GatewayRefused, IntentSeen, PaymentGateway
from orders.payments.methods import MEANS
from orders.payments.paying import begin, begin_wallet, look_now
from orders.payments.providers import payment_gateway
from orders.payments.standing import payment_standing
from orders.payments.words import refusal_text
from orders.states import OrderStatus
from orders.views.own_orders import own_order
from shop.accounts.policy import allow
from shop.clock import utcnow
from shop.config import Settings
from shop.db import db, in_transaction
from shop.errors import Invalid, NotFound
from shop.security_headers import POLICY

payments = Blueprint("payments", __name__)

LARGEST_MESSAGE = 256 * 1024
CLOCKS_DIFFER = 300
# Stripe's script runs on the page where a card is typed, nowhere else (docs.stripe.com/security/guide).
STRIPE_MAY = (
    "; script-src 'self' https://js.stripe.com; frame-src https://js.stripe.com https://hooks.stripe.com"
    "; connect-src 'self' https://api.stripe.com"
)


@payments.after_request
def keep_private(response: Response) -> Response:
    """Stored nowhere on the way, nor in the browser."""
    response.headers["Cache-Control"] = "no-store"
    return response


def settings() -> Settings:
    """The shop's settings."""
    found: Settings = current_app.extensions["settings"]
    return found


def provider() -> PaymentGateway:
    """The payment provider. Raises NotFound in a shop that has none."""
    gateway = payment_gateway()
    if gateway is None:
        raise NotFound
    return gateway


def order_to_pay(number: str) -> Order:
    """The order, for its owner. Raises NotFound."""
    return own_order(number)


def back_to(number: str) -> Any:
    """The order's page."""
    return redirect(url_for("orders_pages.order", number=number), 303)


@payments.get("/orders/<number>/pay")
@allow("anyone")
def pay(number: str) -> Any:
    """The page to pay on; an order that needs no money any more shows itself."""
    order = order_to_pay(number)
    shown = order.number
    try:
        seen = begin(db.session(), provider(), order.id, None, utcnow())
    except GatewayDown as down:
        return pay_page(shown, None, str(down.title), 503)
    if seen is None or seen.status in {"succeeded", "processing", "canceled"}:
        return back_to(shown)
    return pay_page(shown, seen, refusal_text(seen.error_code))


def pay_page(number: str, seen: IntentSeen | None, problem: str, status: int = 200) -> Any:
    """The page with what it needs to begin paying."""
    order = order_to_pay(number)
    wish = payment_standing(db.session(), order).means
    page = render_template(
        "storefront/pay.html", order=order, seen=seen, problem=problem, means=MEANS, wish=wish or "alipay",
        publishable_key=settings().stripe_publishable_key, plays=settings().plays_cashier,
    )  # fmt: skip
    response = Response(page, status)
    response.headers["Content-Security-Policy"] = pay_policy()
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


def pay_policy() -> str:
    """What browsers may do on the page: its forms lead on to the wallet's or the bank's own page."""
    beyond = f"https: {settings().stripe_api_base}".strip()
    policy = POLICY.replace("form-action 'self'", f"form-action 'self' {beyond}")
    return policy + (STRIPE_MAY if settings().stripe_publishable_key else "")


@payments.post("/orders/<number>/pay")
@allow("anyone")
def start(number: str) -> Any:
    """Begin with a wallet: off to its page, or its code to scan here."""
    order, means = order_to_pay(number), request.form.get("means", "")
    shown = order.number
    way_back = settings().base_url + url_for("payments.returned", number=shown)
    try:
        seen = begin_wallet(db.session(), provider(), order.id, means, way_back, utcnow())
    except GatewayDown as down:
        return pay_page(shown, None, str(down.title), 503)
    except GatewayRefused as refusal:
        return pay_page(shown, None, refusal_text(refusal.code), 409)
    if seen is None:
        return back_to(shown)
    if seen.redirect_url:
        return redirect(seen.redirect_url, 303)
    if seen.qr_text:
        page = render_template("storefront/pay_scan.html", order=order_to_pay(shown), code=qr_of(seen.qr_text),
                               link=seen.qr_text if settings().plays_cashier else "")  # fmt: skip
        return Response(page)
    return back_to(shown)


def qr_of(text: str) -> str:
    """A code to scan, as a picture inside the page."""
    return str(segno.make(text, micro=False, error="m").svg_data_uri(border=4, scale=5))


@payments.get("/orders/<number>/pay/return")
@allow("anyone")
def returned(number: str) -> Any:
    """Back from a wallet or a bank: what the provider says counts, whatever the address claims."""
    order = order_to_pay(number)
    shown, order_id = order.number, order.id
    look_now(db.session(), payment_gateway(), order)
    order = db.session().get_one(Order, order_id)
    if order.status == OrderStatus.AWAITING_PAYMENT:
        standing = payment_standing(db.session(), order)
        if standing.status == "processing":
            flash(_("Your bank is still working on the payment. This page changes by itself when it is done."), "warn")
        else:
            flash(refusal_text(standing.last_error) or _("The payment has not arrived. You can try again."), "warn")
            return redirect(url_for("payments.pay", number=shown), 303)
    return back_to(shown)


@payments.post("/webhooks/stripe")
@allow("anyone")
def hear() -> Any:
    """A message of the provider: 400 unless it is signed and fresh, else kept and answered at once."""
    gateway, body = provider(), request.get_data()
    if len(body) > LARGEST_MESSAGE:
        return Response("too large", 400)
    signature = request.headers.get("Stripe-Signature", "")
    try:
        if is_from_the_future(signature):
            raise BadSignature
        payload = gateway.open_event(body, signature)
        in_transaction(db.session(), lambda: keep_event(db.session(), payload, "webhook", gateway))
    except (BadSignature, Invalid):
        return Response("bad signature or no event", 400)
    return Response("", 200)


def is_from_the_future(signature: str) -> bool:
    """Whether the signed moment lies ahead by more than clocks differ; the library looks back only."""
    parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
    signed = parts.get("t", "")
    return not signed.isdecimal() or int(signed) > time.time() + CLOCKS_DIFFER
