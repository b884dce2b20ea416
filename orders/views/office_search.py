"""The office's one search box, and the list of notices."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from catalogue import goods_office, places_office
from orders.invoices import reading
from orders.office.notices import notices_list
from orders.office.orders import orders_list
from orders.office.search import Shelf, search_all
from orders.office.timeline import order_for_office
from shop.accounts import people_office
from shop.accounts.policy import allow
from shop.clock import shanghai_day, utcnow
from shop.db import db
from shop.list_pages import show_list

office_search = Blueprint("office_search", __name__, url_prefix="/office")


def order_link(number: str) -> str:
    """The address of an order in the office."""
    return url_for("office_orders.order", number=number)


@office_search.get("/search")
@allow("office")
def search() -> Any:
    """Everything that fits what was typed; a whole order number opens its order."""
    text = request.args.get("q", "").strip()[:100]
    if text.upper().startswith("YL-") and order_for_office(db.session(), text) is not None:
        return redirect(order_link(text.upper()), 303)
    found = search_all(db.session(), text, shelves()) if text else ()
    return render_template("office/search.html", text=text, found=found)


def shelves() -> tuple[Shelf, ...]:
    """What is searched, in the order it is shown."""
    session = db.session()

    def all_of(endpoint: str) -> Any:
        return lambda text: url_for(endpoint, q=text)

    def one_of(endpoint: str, name: str) -> Any:
        return lambda number: url_for(endpoint, **{name: number})

    return (
        Shelf(_("Orders"), all_of("office_orders.orders"), orders_list(order_link)),
        Shelf(_("Products"), all_of("office_goods.products"),
              goods_office.products_list(session, one_of("office_goods.product", "product_id"))),
        Shelf(_("SKUs and prices"), all_of("office_goods.skus"),
              goods_office.skus_list(one_of("office_goods.sku", "sku_id"))),
        Shelf(_("Cooperatives"), all_of("office_places.cooperatives"),
              places_office.cooperatives_list(one_of("office_places.cooperative", "cooperative_id"))),
        Shelf(_("Counters and hours"), all_of("office_places.counters"),
              places_office.counters_list(one_of("office_places.counter", "counter_id"))),
        Shelf(_("Accounts"), all_of("office_people.users"),
              people_office.users_list(one_of("office_people.user", "user_id"))),
        Shelf(_("Organisations"), all_of("office_people.organisations"),
              people_office.organisations_list(one_of("office_people.organisation", "organisation_id"))),
        Shelf(_("Invoices"), all_of("office_invoices.invoices"),
              reading.invoices_list(None, one_of("office_invoices.invoice", "number"), shanghai_day(utcnow()))),
        Shelf(_("Bank receipts"), all_of("office_bank.bank"),
              reading.receipts_list(one_of("office_bank.receipt", "receipt_id"))),
        Shelf(_("Stock movements"), all_of("office_places.stock"), places_office.movements_list(session)),
    )  # fmt: skip


@office_search.get("/notices")
@allow("office")
def notices() -> str:
    """Every notice that was written."""
    return show_list(notices_list(order_link), _("Notices"))
