"""The sandbox's cashier: one plays the customer at a payment provider that runs on this machine."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, current_app, redirect, request, url_for

from orders.payments.paying import begin
from orders.payments.providers import payment_gateway
from orders.views.payments import back_to, order_to_pay
from shop.accounts.policy import allow
from shop.clock import utcnow
from shop.config import Settings
from shop.db import db
from shop.errors import Invalid, NotFound

cashier = Blueprint("sandbox_cashier", __name__, url_prefix="/sandbox/cashier")


def register(app: Flask) -> None:
    """Open it where the provider is a server of this machine; never in production."""
    settings: Settings = app.extensions["settings"]
    if settings.plays_cashier:
        app.register_blueprint(cashier)


@cashier.post("/<number>")
@allow("anyone")
def play(number: str) -> Any:
    """Pay, be declined, be asked by the bank: as the customer's browser would at the provider."""
    from orders.payments.cashier import OUTCOMES
    from orders.payments.cashier import play as act

    outcome, order, gateway = request.form.get("outcome", ""), order_to_pay(number), payment_gateway()
    if gateway is None:
        raise NotFound
    if outcome not in OUTCOMES:
        raise Invalid(errors=[{"field": "outcome"}])
    settings: Settings = current_app.extensions["settings"]
    shown = order.number
    seen = begin(db.session(), gateway, order.id, outcome.split(":")[0], utcnow())
    if seen is None:
        return back_to(shown)
    way_back = url_for("payments.returned", number=shown)
    return redirect(act(settings, seen.ref, outcome, settings.base_url + way_back) or way_back, 303)
