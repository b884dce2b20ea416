"""The receipt of an order, as a page to print and as a PDF: for whoever placed it, and for the office."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template
from flask_babel import gettext as _

from orders.history import find_order
from orders.models import Order
from orders.receipts import paper
from orders.receipts.contents import Receipt, receipt_of
from orders.views.on_paper import on_paper, shop_address
from orders.views.own_orders import own_order
from shop.accounts.models import RoleName
from shop.accounts.policy import allow, current_person, role_names
from shop.db import db
from shop.errors import NotFound

receipts = Blueprint("receipts", __name__, url_prefix="/orders")


@receipts.after_request
def keep_private(response: Response) -> Response:
    """Stored nowhere on the way, nor in the browser."""
    response.headers["Cache-Control"] = "no-store"
    return response


def readable_order(number: str) -> Order:
    """The order, for its owner and for the office. Raises NotFound."""
    person = current_person()
    if person is not None and RoleName.OFFICE.value in role_names(person):
        found = find_order(db.session(), number)
        if found is not None:
            return found
    return own_order(number)


def receipt_for(order: Order) -> Receipt:
    """Its receipt. Raises NotFound while nothing was paid."""
    found = receipt_of(db.session(), order)
    if found is None:
        raise NotFound(_("Nothing was paid for this order yet, so there is no receipt."))
    return found


@receipts.get("/<number>/receipt")
@allow("anyone")
def page(number: str) -> Any:
    """The receipt as a page, made to be printed."""
    receipt = receipt_for(readable_order(number))
    return render_template("storefront/receipt.html", receipt=receipt, shop_address=shop_address())


@receipts.get("/<number>/receipt.pdf")
@allow("anyone")
def pdf(number: str) -> Response:
    """The receipt as a file to keep; Chinese where the reader's language cannot be set on it."""
    order = readable_order(number)
    return on_paper(lambda: paper.draw(receipt_for(order), shop_address()), f"receipt-{order.number}")
