"""The office's orders: the list, and one order whole with everything that happened to it."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from orders.fulfilment.cases import open_cases
from orders.history import order_page
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.office.giving_back import refundable_lines
from orders.office.money import refunds_of
from orders.office.orders import order_tone, orders_list
from orders.office.routing import cause_words, plan_page
from orders.office.timeline import order_for_office, part_text, parts_of, timeline
from orders.payments.providers import payment_gateway
from orders.payments.standing import payment_standing
from orders.payments.sync import close_before_cancelling
from shop.accounts.policy import allow, current_actor
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, NotFound
from shop.list_pages import show_list

office_orders = Blueprint("office_orders", __name__, url_prefix="/office/orders")


def link_of(number: str) -> str:
    """The address of an order in the office."""
    return url_for("office_orders.order", number=number)


def found_order(number: str) -> Order:
    """The order of that number. Raises NotFound."""
    order = order_for_office(db.session(), number)
    if order is None:
        raise NotFound(_("There is no order with this number."))
    return order


@office_orders.get("")
@allow("office")
def orders() -> Any:
    """Every order; a whole number that was typed opens its order."""
    typed = request.args.get("q", "").strip().upper()
    if typed.startswith("YL-") and order_for_office(db.session(), typed) is not None:
        return redirect(link_of(typed), 303)
    return show_list(orders_list(link_of), _("Orders"))


@office_orders.get("/<number>")
@allow("office")
def order(number: str) -> str:
    """One order: goods, parts, money, people, and its timeline."""
    found = found_order(number)
    plan = plan_page(db.session(), found.id)
    parked = open_cases(db.session(), [found.id]).get(found.id)
    why = cause_words(parked) if parked else ""
    return render_template(
        "office/order.html", found=found, plan=plan, parked=why,
        order=order_page(db.session(), found), parts=parts_of(db.session(), found),
        money=payment_standing(db.session(), found), moments=timeline(db.session(), found),
        refunds=refunds_of(db.session(), found.id),
        refundable=refundable_lines(db.session(), found.id), part_text=part_text, tone=order_tone(found.status),
        refund_form=secrets.token_urlsafe(12),
    )  # fmt: skip


@office_orders.post("/<number>/cancel")
@allow("office")
def cancel(number: str) -> Response:
    """Cancel an order for its customer, who is told by mail."""
    found = found_order(number)
    order_id, shown, actor = found.id, found.number, current_actor()
    try:
        close_before_cancelling(db.session(), payment_gateway(), order_id)
        in_transaction(db.session(), lambda: cancel_order(db.session(), order_id, actor, utcnow()))
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("Order %(number)s is cancelled.", number=shown), "good")
    return redirect(link_of(shown), 303)
