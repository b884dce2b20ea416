"""The pages of one order, for whoever placed it: its life, its pickup code, cancelling and ordering again."""

from __future__ import annotations

import io
from typing import Any

import segno
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from catalogue.models import Counter
from orders import cart as carts
from orders.access import check_access_key
from orders.cart import Limit
from orders.checkout import CounterClosed
from orders.fulfilment import substitution
from orders.fulfilment.change_pickup import change_pickup
from orders.fulfilment.do_without import do_without
from orders.history import OrderPage, find_order, order_page
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.payments.providers import payment_gateway
from orders.payments.standing import payment_standing
from orders.payments.sync import close_before_cancelling
from orders.pickup import Place, choices
from orders.views.visitor import owner_who_buys, remember, remembers
from shop.accounts.policy import allow, current_actor, current_person
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, NotFound
from shop.i18n import localised

orders_pages = Blueprint("orders_pages", __name__, url_prefix="/orders")


@orders_pages.after_request
def keep_private(response: Response) -> Response:
    """Orders are stored nowhere on the way, nor in the browser."""
    response.headers["Cache-Control"] = "no-store"
    return response


def own_order(number: str) -> Order:
    """The order, for its owner: signed in, by its key, or remembered. Raises NotFound for everybody else."""
    order = find_order(db.session(), number)
    if order is None:
        raise NotFound(_("There is no such order here. Please open it with the link we sent you, or sign in."))
    person = current_person()
    if person is not None and order.user_id == person.id:
        return order
    if remembers(order.number):
        return order
    if check_access_key(order.number, request.args.get("key", "")):
        remember(order.number)
        return order
    raise NotFound(_("There is no such order here. Please open it with the link we sent you, or sign in."))


def shown(number: str) -> OrderPage:
    """The order's page-model, for its owner."""
    return order_page(db.session(), own_order(number))


@orders_pages.get("/<number>")
@allow("anyone")
def order(number: str) -> Any:
    """The order's page. A link with a key opens it and leaves an address one may show around."""
    found = own_order(number)
    if "key" in request.args:
        return redirect(url_for("orders_pages.order", number=found.number), 303)
    return render_template("storefront/order.html", order=order_page(db.session(), found))


@orders_pages.get("/<number>/status")
@allow("anyone")
def status(number: str) -> Any:
    """The part of the page that changes, for the page itself to ask for."""
    return render_template("storefront/order_status.html", order=shown(number))


@orders_pages.get("/<number>/code.svg")
@allow("anyone")
def code(number: str) -> Response:
    """The pickup code as a QR picture: just its digits, so that any scanner types them into the counter's field."""
    pickup_code = shown(number).pickup_code
    if pickup_code is None:
        raise NotFound
    picture = segno.make(pickup_code, micro=False, error="m")
    svg = io.BytesIO()
    picture.save(svg, kind="svg", border=4, dark="#23395b", light="#ffffff", omitsize=True)
    return Response(svg.getvalue(), mimetype="image/svg+xml")


@orders_pages.get("/<number>/cancel")
@allow("anyone")
def ask_cancel(number: str) -> Any:
    """Ask once more before an order is cancelled."""
    found = shown(number)
    if not found.can_cancel:
        return redirect(url_for("orders_pages.order", number=found.number), 303)
    return render_template("storefront/order_cancel.html", order=found)


@orders_pages.post("/<number>/cancel")
@allow("anyone")
def cancel(number: str) -> Any:
    """Cancel the order; its stock is free again at once."""
    found = own_order(number)
    order_id, shown_number, actor = found.id, found.number, current_actor()
    try:
        close_before_cancelling(db.session(), payment_gateway(), order_id)
        in_transaction(db.session(), lambda: cancel_order(db.session(), order_id, actor, utcnow()))
    except DomainError as problem:
        flash(str(problem.detail), "warn")
    else:
        if payment_standing(db.session(), own_order(shown_number)).paid_fen:
            flash(_("Order %(number)s was cancelled. What you paid is on its way back.", number=shown_number), "good")
        else:
            flash(_("Order %(number)s was cancelled. There is nothing to pay.", number=shown_number), "good")
    return redirect(url_for("orders_pages.order", number=shown_number), 303)


@orders_pages.post("/<number>/lines/<int:position>/do-without")
@allow("anyone")
def do_without_line(number: str, position: int) -> Any:
    """The customer does not want to wait for what is still on the road."""
    found = own_order(number)
    order_id, shown_number, actor = found.id, found.number, current_actor()
    try:
        in_transaction(db.session(), lambda: do_without(db.session(), order_id, position, actor, utcnow()))
    except DomainError as refusal:
        flash(str(refusal.detail), "warn")
    else:
        flash(_("Taken off your order and not charged; anything you paid for it goes back the way it came."), "good")
    return redirect(url_for("orders_pages.order", number=shown_number), 303)


@orders_pages.post("/<number>/substitutes/<int:substitution_id>/accept")
@allow("anyone")
def accept_substitute(number: str, substitution_id: int) -> Any:
    """The customer takes what the counter offers instead of what is missing."""
    found = own_order(number)
    order_id, shown_number, actor = found.id, found.number, current_actor()
    try:
        in_transaction(
            db.session(),
            lambda: substitution.accept_substitute(db.session(), substitution_id, order_id, actor, utcnow()),
        )
    except substitution.NoLongerThere as gone:
        flash(str(gone.detail), "warn")
        end_question(substitution_id, order_id)
    except DomainError as refusal:
        flash(str(refusal.detail), "warn")
    else:
        flash(_("Thank you, the counter packs it for you."), "good")
    return redirect(url_for("orders_pages.order", number=shown_number), 303)


@orders_pages.post("/<number>/substitutes/<int:substitution_id>/refuse")
@allow("anyone")
def refuse_substitute(number: str, substitution_id: int) -> Any:
    """The customer wants what was ordered; another counter is looked for."""
    found = own_order(number)
    order_id, shown_number = found.id, found.number
    if end_question(substitution_id, order_id):
        flash(_("We look for your first choice at another counter."), "good")
    return redirect(url_for("orders_pages.order", number=shown_number), 303)


def end_question(substitution_id: int, order_id: int) -> bool:
    """Say no for the customer of this request; whether the question was still open."""
    actor = current_actor()
    try:
        in_transaction(
            db.session(),
            lambda: substitution.refuse_substitute(db.session(), substitution_id, order_id, actor, utcnow()),
        )
    except DomainError as refusal:
        flash(str(refusal.detail), "warn")
        return False
    return True


@orders_pages.get("/<number>/counter")
@allow("anyone")
def ask_counter(number: str) -> Any:
    """The counters to choose from, the nearest to the present one first."""
    found = own_order(number)
    page = order_page(db.session(), found)
    if not page.can_move or found.pickup_counter is None:
        return redirect(url_for("orders_pages.order", number=found.number), 303)
    here = Place(found.pickup_counter.lat, found.pickup_counter.lng)
    wanted = {line.sku_id: line.quantity - line.cancelled for line in found.lines}
    counters = choices(db.session(), wanted, here, utcnow())
    return render_template("storefront/order_counter.html", order=page, counters=counters,
                           present=found.pickup_counter.code)  # fmt: skip


@orders_pages.post("/<number>/counter")
@allow("anyone")
def change_counter(number: str) -> Any:
    """Collect the order somewhere else."""
    found = own_order(number)
    order_id, shown_number, actor = found.id, found.number, current_actor()
    code = request.form.get("counter", "")[:40]
    chosen = db.session.scalar(select(Counter.id).where(Counter.code == code))
    try:
        if chosen is None:
            raise CounterClosed()
        counter_id = chosen
        in_transaction(db.session(), lambda: change_pickup(db.session(), order_id, counter_id, actor, utcnow()))
    except DomainError as problem:
        flash(str(problem.detail), "warn")
    else:
        flash(_("You collect the order at the counter you chose."), "good")
    return redirect(url_for("orders_pages.order", number=shown_number), 303)


@orders_pages.post("/<number>/reorder")
@allow("anyone")
def reorder(number: str) -> Any:
    """Put the order's goods into the cart again, as far as they are there today."""
    wanted = {line.sku_id: line.quantity for line in own_order(number).lines}
    buyer = owner_who_buys()
    try:
        changes = in_transaction(db.session(), lambda: carts.fill(db.session(), buyer, wanted))
    except DomainError as problem:
        flash(str(problem.detail), "warn")
        return redirect(url_for("orders_storefront.cart"), 303)
    for change in changes:
        name = localised(change.name)
        if change.limit == Limit.SOLD_OUT:
            flash(_("%(name)s is sold out at the moment.", name=name), "warn")
        elif change.limit is not None:
            flash(_("Only %(left)s of %(name)s could be put into your cart.", left=change.kept, name=name), "warn")
    if any(change.kept for change in changes):
        flash(_("The goods of order %(number)s are in your cart.", number=number.upper()), "good")
    return redirect(url_for("orders_storefront.cart"), 303)
