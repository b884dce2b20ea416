"""The customer's doors to shelves, goods, counters and cooperatives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from babel import Locale
from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response

from catalogue import listing
from catalogue.counters import counter_named, nearest
from catalogue.districts import DISTRICTS, district_named
from catalogue.listing import LAST_PAGE, ProductCard, Wish
from catalogue.models import Category, Cooperative, Counter, CounterClosure, CounterHours, Product, Sku
from catalogue.shelf_statements import Sort
from shop.accounts.policy import allow
from shop.clock import shanghai, utcnow
from shop.db import db, read_without_transaction
from shop.i18n import DEFAULT_LOCALE, current_locale, localised
from shop.page_cache import shown_on_pages

storefront = Blueprint("storefront", __name__)
storefront.before_request(read_without_transaction)


@storefront.record_once
def join(state: BlueprintSetupState) -> None:
    """Templates and their macros pick a name's language with t() and show goods with product_cards(); kept pages end
    with a change of what they show."""
    state.app.jinja_env.globals.update(t=localised, product_cards=product_cards)
    shown_on_pages(Product, Sku, Category, Cooperative, Counter, CounterHours, CounterClosure)


def product_cards(cards: Iterable[ProductCard]) -> Markup:
    """Products on a shelf, in the reader's language."""
    locale, below = current_locale(), request.script_root
    return Markup("").join(drawn_card(card, locale, below) for card in cards)


@lru_cache(maxsize=2_000)
def drawn_card(card: ProductCard, _locale: str, _below: str) -> Markup:
    """Drawing the 24 cards is most of a shelf's work, and equal cards look the same in one language and place."""
    macros: Any = current_app.jinja_env.get_template("storefront/cards.html").module
    drawn: Markup = macros.product_card(card)
    return drawn


def said(name: str) -> str:
    """A word in the address, as short as any of ours."""
    return request.args.get(name, "").strip()[:100]


def asked(category: str = "") -> Wish:
    """The wish in the address; what it does not know it leaves out."""
    storage, sort, page = said("storage"), said("sort"), said("page")
    return Wish(
        text=said("q"),
        category=category or said("category"),
        storage=storage if storage in listing.STORAGES else "",
        cooperative=said("cooperative"),
        counter_id=session.get("my_counter") if said("here") else None,
        sort=Sort(sort) if sort in set(Sort) else Sort.RECOMMENDED,
        page=min(int(page), LAST_PAGE) if page.isascii() and page.isdigit() else 1,
    )


def page_address(page: int) -> str:
    """Another page of the shelf on show. Only words a shelf knows go along: any other may mean something to url_for."""
    known = {name: said(name) for name in ("q", "category", "storage", "cooperative", "here", "sort")}
    asked_for = {name: value for name, value in known.items() if value}
    return url_for(request.endpoint or "", **(request.view_args or {}) | asked_for, page=page)


def shelf_page(template: str, wish: Wish, **more: object) -> str:
    """A list with its filters."""
    my_counter = db.session.get(Counter, session["my_counter"]) if session.get("my_counter") else None
    return render_template(
        template,
        room="storefront",
        shelf=listing.shelf(db.session(), wish),
        wish=wish,
        choices=listing.choices(db.session()),
        my_counter=my_counter,
        page_address=page_address,
        sorts=[
            (Sort.RECOMMENDED, _("Recommended")),
            (Sort.CHEAPEST, _("Lowest price")),
            (Sort.DEAREST, _("Highest price")),
            (Sort.NEWEST, _("Newest")),
        ],
        **more,
    )


@storefront.get("/")
@allow("anyone")
def home() -> str:
    """The shop's front."""
    return render_template(
        "storefront/home.html",
        room="storefront",
        shelf=listing.shelf(db.session(), Wish(), per_page=12),
        categories=listing.categories(db.session()),
        cooperatives=listing.cooperatives(db.session()),
    )


@storefront.get("/products")
@allow("anyone")
def products() -> str:
    """All goods."""
    return shelf_page("storefront/list.html", asked(), category=None)


@storefront.get("/c/<slug>")
@allow("anyone")
def category(slug: str) -> str:
    """One shelf."""
    found = db.session.execute(select(Category).where(Category.slug == slug)).scalar_one_or_none()
    if found is None:
        abort(404)
    return shelf_page("storefront/list.html", asked(slug), category=found)


@storefront.get("/search")
@allow("anyone")
def search() -> str:
    """What fits the words typed."""
    wish = asked()
    return shelf_page("storefront/list.html", wish, category=None, query=wish.text)


@storefront.get("/p/<slug>")
@allow("anyone")
def product(slug: str) -> str:
    """A product's page."""
    page = listing.product_page(db.session(), slug)
    return render_template("storefront/product.html", room="storefront", page=page, product=page.product)


@storefront.get("/counters")
@allow("anyone")
def counters() -> str:
    """Where to collect, nearest to the browser's position or else to the chosen district first."""
    chosen = district_named(said("district"))
    lat, lng = (coordinate(said("lat"), 90), coordinate(said("lng"), 180)) if said("lat") else (None, None)
    if (lat is None or lng is None) and chosen is not None:
        lat, lng = chosen.lat, chosen.lng
    return render_template(
        "storefront/counters.html",
        room="storefront",
        counters=nearest(db.session(), utcnow(), lat, lng),
        districts=DISTRICTS,
        chosen=chosen,
        my_counter=session.get("my_counter"),
    )


def coordinate(text: str, most: int) -> float | None:
    """A latitude or longitude as a browser gives it; None when it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if -most <= value <= most else None


@storefront.get("/counters/<code>")
@allow("anyone")
def counter(code: str) -> str:
    """One counter: where it is, when it is open, what stands there today."""
    found = counter_named(db.session(), code, utcnow())
    return render_template(
        "storefront/counter.html",
        room="storefront",
        counter=found,
        district=district_named(found.district),
        shelf=listing.shelf(db.session(), replace(asked(), counter_id=found.id)),
        page_address=page_address,
        weekdays=current_weekdays(),
        today=shanghai(utcnow()).weekday(),
        my_counter=session.get("my_counter"),
    )


def current_weekdays() -> list[str]:
    """Monday to Sunday in the reader's language."""
    names = (get_locale() or Locale(DEFAULT_LOCALE)).days["stand-alone"]["wide"]
    return [str(names[day]) for day in range(7)]


@storefront.get("/cooperatives/<code>")
@allow("anyone")
def cooperative(code: str) -> str:
    """Who makes it, and what they make."""
    found = db.session.execute(
        select(Cooperative).where(Cooperative.code == code, Cooperative.active)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return render_template(
        "storefront/cooperative.html",
        room="storefront",
        cooperative=found,
        shelf=listing.shelf(db.session(), replace(asked(), cooperative=code)),
        page_address=page_address,
    )


@storefront.post("/my-counter")
@allow("anyone")
def my_counter() -> Response:
    """Remember the visitor's counter, for 'in stock at my counter'."""
    code = request.form.get("counter", "")
    found = db.session.execute(select(Counter).where(Counter.code == code, Counter.active)).scalar_one_or_none()
    if found is None:
        abort(404)
    session["my_counter"] = found.id
    flash(_("%(name)s is now your counter.", name=localised(found.names)), "good")
    return redirect(url_for("storefront.counters"), 303)
