"""The customer's doors to cart and checkout."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from orders import cart as carts
from orders.cart import Change, Limit
from orders.cart_contents import CartView, order_cart, order_placed_with, read_cart
from orders.checkout import Delivery, OrderDraft, Pickup, quote
from orders.models import Order
from orders.payments.providers import payment_gateway
from orders.pickup import CounterChoice, choices, district_name, districts, middle_of
from orders.pricing import Quote
from orders.states import OrderStatus
from orders.views.checkout_form import CheckoutForm
from orders.views.visitor import owner, owner_who_buys, remember
from shop.accounts.models import Address, User
from shop.accounts.policy import allow, current_actor, current_person
from shop.accounts.sessions import signed_in
from shop.clock import utcnow
from shop.db import REPEATABLE, db, in_transaction, sqlstate
from shop.errors import Busy, DomainError, Invalid
from shop.i18n import localised

orders_storefront = Blueprint("orders_storefront", __name__)


@orders_storefront.record_once
def join(state: BlueprintSetupState) -> None:
    """Tell the page head how to count the cart, templates how places are written; merge carts at sign-in."""
    state.app.extensions["cart_count"] = count_once
    state.app.jinja_env.filters.update(district=district_name, distance=distance)
    signed_in.connect(pour_guest_cart)


def distance(metres: int) -> str:
    """Metres below a kilometre, rounded as people say them, else kilometres with one decimal."""
    return f"{round(metres, -1)} m" if metres < 1000 else f"{metres / 1000:.1f} km"


@orders_storefront.after_request
def keep_private(response: Response) -> Response:
    """Carts and orders are stored nowhere on the way, nor in the browser."""
    response.headers["Cache-Control"] = "no-store"
    return response


def count_once() -> int:
    """Packs in this visitor's cart, counted once a request."""
    if "cart_packs" not in g:
        g.cart_packs = carts.cart_count(db.session(), owner())
    return int(g.cart_packs)


def pour_guest_cart(_sender: Any, person: User) -> None:
    """At sign-in, in its transaction: what the guest had goes into the person's own cart."""
    guest_key = session.pop("cart", None)
    if guest_key:
        for change in carts.merge(db.session(), guest_key, person.id):
            tell(change, good="")


def tell(change: Change, good: str) -> None:
    """Say what became of a wish for packs: `good` when all of them could be had."""
    words = {"name": localised(change.name), "kept": change.kept}
    if change.limit == Limit.SOLD_OUT:
        flash(_("%(name)s is sold out at the moment.", **words), "warn")
    elif change.limit == Limit.STOCK:
        flash(_("Only %(kept)s of %(name)s are left. Your cart now holds %(kept)s.", **words), "warn")
    elif change.limit == Limit.PER_ORDER:
        flash(_("An order has at most %(kept)s of %(name)s. Your cart now holds %(kept)s.", **words), "warn")
    elif good:
        flash(good, "good")


def typed_packs(name: str = "quantity") -> int:
    """The quantity that was typed. Raises Invalid for what is not a number of packs."""
    text = request.form.get(name, "1").strip()
    if not text.isdecimal() or len(text) > 5:
        raise Invalid(_("Please enter the quantity as a whole number, for example 2."))
    return int(text)


def cart_page(problem: DomainError | None = None) -> Any:
    """The cart, perhaps with what was wrong with the last change."""
    cart = read_cart(db.session(), owner())
    page = render_template("storefront/cart.html", cart=cart, problem=problem)
    return page, problem.status if problem else 200


@orders_storefront.get("/cart")
@allow("anyone")
def cart() -> Any:
    """What is in the cart, what limits it, what it costs."""
    return cart_page()


@orders_storefront.post("/cart/lines")
@allow("anyone")
def add_line() -> Any:
    """Put packs of a SKU into the cart."""
    buyer, code = owner_who_buys(), request.form.get("sku", "")
    try:
        packs = typed_packs()
        change = in_transaction(db.session(), lambda: carts.add_packs(db.session(), buyer, code, max(packs, 1)))
    except DomainError as problem:
        return cart_page(problem)
    tell(change, good=_("%(name)s is in your cart.", name=localised(change.name)))
    return redirect(url_for("orders_storefront.cart"), 303)


@orders_storefront.post("/cart/lines/<sku>")
@allow("anyone")
def change_line(sku: str) -> Any:
    """Another quantity of a SKU, or none of it."""
    buyer = owner_who_buys()
    try:
        packs = 0 if "remove" in request.form else typed_packs()
        change = in_transaction(db.session(), lambda: carts.set_packs(db.session(), buyer, sku, packs))
    except DomainError as problem:
        return cart_page(problem)
    tell(change, good="" if packs else _("%(name)s was taken out of your cart.", name=localised(change.name)))
    return redirect(url_for("orders_storefront.cart"), 303)


@orders_storefront.get("/checkout")
@allow("anyone")
def checkout() -> Any:
    """Where, who, how to pay, on one page; a cart that cannot be ordered as it stands goes back to itself."""
    contents = read_cart(db.session(), owner())
    if not contents.fits:
        if contents.lines:
            flash(_("Some goods cannot be ordered as they are. Please look at the lines marked below."), "warn")
        return redirect(url_for("orders_storefront.cart"), 303)
    form = CheckoutForm(formdata=None, data=what_we_know(current_person()))
    form.offer(districts(db.session()), online=payment_gateway() is not None)
    return checkout_page(form, contents, counters_for(form, contents))


def what_we_know(person: User | None) -> dict[str, str]:
    """What a signed-in person need not type again."""
    if person is None:
        return {}
    known = {"name": person.name, "phone": person.phone, "email": person.email}
    newest = Address.is_default.desc(), Address.id.desc()
    address = db.session().scalar(select(Address).where(Address.user_id == person.id).order_by(*newest).limit(1))
    if address is not None:
        known |= {"district": address.district, "street": address.street}
        known["name"], known["phone"] = known["name"] or address.name, known["phone"] or address.phone
    return known


def counters_for(form: CheckoutForm, contents: CartView) -> tuple[CounterChoice, ...]:
    """The counters, nearest to the browser's position or else to the chosen district first."""
    near = form.near()
    if near is None and form.district.data:
        near = middle_of(db.session(), form.district.data)
    wanted = {line.sku_id: line.quantity for line in contents.lines}
    return choices(db.session(), wanted, near, utcnow())


def quotes_for(contents: CartView) -> tuple[Quote, Quote]:
    """What the cart costs collected, and delivered."""
    collected, delivered = (
        quote(db.session(), OrderDraft(lines=contents.draft_lines(), contact=None, fulfilment=way))  # type: ignore[arg-type]
        for way in (Pickup(0), Delivery("", ""))
    )
    return collected, delivered


def checkout_page(
    form: CheckoutForm, contents: CartView, counters: tuple[CounterChoice, ...], problem: DomainError | None = None
) -> Any:
    """The page with everything that was typed; it shows (and its hidden fields hold) today's totals."""
    try:
        collected, delivered = quotes_for(contents)
    except Invalid:
        flash(_("Some goods cannot be ordered as they are. Please look at the lines marked below."), "warn")
        return redirect(url_for("orders_storefront.cart"), 303)
    form.expected_pickup_fen.data = str(collected.total_fen)
    form.expected_delivery_fen.data = str(delivered.total_fen)
    if not form.counter.data and counters and (form.district.data or form.near()):
        form.counter.data = counters[0].code
    page = render_template(
        "storefront/checkout.html", form=form, cart=contents, counters=counters, collected=collected,
        delivered=delivered, problem=problem, short=short_lines(problem, contents),
    )  # fmt: skip
    status = problem.status if problem else 422 if form.errors else 200
    return page, status


def short_lines(problem: DomainError | None, contents: CartView) -> list[tuple[str, int]]:
    """The goods a refusal names, each with how many packs may be had."""
    if problem is None:
        return []
    names = {line.code: f"{localised(line.names)} · {localised(line.pack_names)}" for line in contents.lines}
    return [
        (names[error["sku"]], int(error.get("available", error.get("most", 0))))
        for error in problem.errors
        if error.get("sku") in names
    ]


@orders_storefront.post("/checkout")
@allow("anyone")
def place() -> AnyResponse | Any:
    """Order the cart. The form's token makes a second press, or a reload, show the same order."""
    form, contents, buyer = CheckoutForm(), read_cart(db.session(), owner()), owner()
    earlier = order_placed_with(db.session(), form.placement_key())
    if earlier is not None:
        return show_placed(earlier)
    if not contents.lines:
        return redirect(url_for("orders_storefront.cart"), 303)
    form.offer(districts(db.session()), online=payment_gateway() is not None)
    counters = counters_for(form, contents)
    if "nearby" in request.form:
        form.counter.data = None
        return checkout_page(form, contents, counters)
    if not form.check(counters):
        return checkout_page(form, contents, counters)
    person, actor = current_person(), current_actor()
    draft = form.draft(counters, person.id if person else None)

    def order() -> Order:
        return order_cart(
            db.session(), buyer, draft, placement_key=form.placement_key(), actor=actor, now=utcnow()
        )  # fmt: skip

    try:
        placed = in_transaction(db.session(), order)
    except DomainError as problem:
        return checkout_page(form, contents, counters, problem)
    except DBAPIError as error:
        if sqlstate(error) not in REPEATABLE:
            raise
        return checkout_page(form, contents, counters, Busy())
    current_app.logger.info("order placed", extra={"order": placed.number})
    return show_placed(placed)


def show_placed(order: Order) -> AnyResponse:
    """Send the customer to the order's page, or to pay it; this browser may open both from now on."""
    remember(order.number)
    waits = order.status == OrderStatus.AWAITING_PAYMENT
    return redirect(url_for("payments.pay" if waits else "orders_pages.order", number=order.number), 303)
