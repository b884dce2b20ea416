"""The office adds: a product, a pack size, days on which a counter is closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange

from catalogue.additions import NewProduct, NewSku, add_product, add_sku
from catalogue.counter_days import add_closure, remove_closure
from catalogue.listing import categories
from catalogue.models import Cooperative, Product
from catalogue.views.weight_fields import WeightFields, settle_price, typed_terms
from shop.accounts.policy import allow, current_actor
from shop.db import db, in_transaction
from shop.edit_pages import YuanField
from shop.errors import DomainError, Invalid, NotFound
from shop.i18n import localised
from shop.text_fields import NamesField

office_additions = Blueprint("office_additions", __name__, url_prefix="/office")


def number(label: Any, least: int, most: int) -> IntegerField:
    """A whole number within bounds."""
    words = _l("Please enter a whole number from %(least)s to %(most)s", least=least, most=most)
    return IntegerField(label, [InputRequired(words), NumberRange(least, most, words)])


class NewProductForm(FlaskForm):
    """A product's words and where it stands."""

    slug = StringField(_l("Address in the shop (letters, digits, dashes)"), [InputRequired(), Length(max=60)])
    names = NamesField(_l("Called"))
    category_id = SelectField(_l("Shelf"), coerce=int)
    cooperative_id = SelectField(_l("Cooperative"), coerce=int)
    story = NamesField(_l("Story"), long=True)
    storage_advice = NamesField(_l("How to keep it"), long=True)


class NewSkuForm(FlaskForm, WeightFields):
    """A pack size, with a price of its own or by weight."""

    code = StringField(_l("SKU"), [InputRequired(), Length(max=40)])
    pack_names = NamesField(_l("Pack"))
    price_fen = YuanField(_l("Price (yuan)"), needed=False)
    pack_g = number(_l("Net weight (g)"), 1, 1_000_000)
    storage = SelectField(_l("Storage"), choices=[
        SelectChoice("ambient", _l("Keep in a cool dry place")), SelectChoice("chilled", _l("Keep chilled")),
        SelectChoice("frozen", _l("Keep frozen")),
    ])  # fmt: skip
    shelf_life_days = number(_l("Days it keeps"), 1, 36_500)
    min_life_days = number(_l("Days left for the customer at least"), 0, 36_500)
    case_pack = number(_l("Packs in a case"), 1, 9_999)

    def validate(self, extra_validators: Any = None) -> bool:
        """The price of a pack sold by weight follows from its terms."""
        return bool(super().validate(extra_validators)) and settle_price(self)


def add_page(form: FlaskForm, title: str, back: tuple[str, str], save: Callable[[], str]) -> Any:
    """Show the form of a new thing, or make it and go where `save` says; a refusal keeps what was typed."""
    problem, status = None, 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                there = in_transaction(db.session(), save)
            except NotFound:
                raise
            except DomainError as refusal:
                problem, status = refusal, refusal.status
            else:
                flash(_("Added"), "good")
                return redirect(there, 303)
    return render_template("office/add.html", form=form, title=title, back=back, problem=problem), status


@office_additions.route("/products/new", methods=["GET", "POST"])
@allow("office")
def new_product() -> Any:
    """A new product; its pack sizes follow on its page."""
    form, actor = NewProductForm(), current_actor()
    form.category_id.choices = [SelectChoice(one.id, localised(one.names)) for one in categories(db.session())]
    makers = db.session.execute(select(Cooperative).where(Cooperative.active).order_by(Cooperative.code)).scalars()
    form.cooperative_id.choices = [SelectChoice(one.id, localised(one.names)) for one in makers]

    def save() -> str:
        new = NewProduct(form.slug.data.strip(), form.category_id.data, form.cooperative_id.data, form.names.data,
                         form.story.data, form.storage_advice.data)  # fmt: skip
        return url_for("office_goods.product", product_id=add_product(db.session(), new, actor).id)

    return add_page(form, _("Add a product"), (_("Products"), url_for("office_goods.products")), save)


@office_additions.route("/products/<int:product_id>/skus/new", methods=["GET", "POST"])
@allow("office")
def new_sku(product_id: int) -> Any:
    """A new pack size of a product."""
    product = db.session.get(Product, product_id)
    if product is None:
        raise NotFound()
    form, actor = NewSkuForm(), current_actor()

    def save() -> str:
        new = NewSku(form.code.data.strip().upper(), form.pack_names.data, form.price_fen.fen, form.pack_g.data,
                     form.storage.data, form.shelf_life_days.data, form.min_life_days.data,
                     form.case_pack.data, typed_terms(form))  # fmt: skip
        return url_for("office_goods.sku", sku_id=add_sku(db.session(), product_id, new, actor).id)

    back = localised(product.names), url_for("office_goods.product", product_id=product_id)
    return add_page(form, _("Add a pack size"), back, save)


@office_additions.post("/counters/<int:counter_id>/closures")
@allow("office")
def close_counter(counter_id: int) -> Response:
    """Days on which the counter does nothing."""
    actor, reason = current_actor(), request.form.get("reason", "").strip()

    def save() -> None:
        first, last = typed_day("from"), typed_day("to")
        add_closure(db.session(), counter_id, first, last, reason, actor)

    return back_to_counter(counter_id, save)


@office_additions.post("/counters/<int:counter_id>/closures/<int:closure_id>/remove")
@allow("office")
def open_counter(counter_id: int, closure_id: int) -> Response:
    """The counter works on these days after all."""
    actor = current_actor()
    return back_to_counter(counter_id, lambda: remove_closure(db.session(), counter_id, closure_id, actor))


def typed_day(name: str) -> date:
    """A day of the form. Raises Invalid."""
    try:
        return date.fromisoformat(request.form.get(name, ""))
    except ValueError as error:
        raise Invalid(_("Please choose the first and the last day")) from error


def back_to_counter(counter_id: int, save: Callable[[], None]) -> Response:
    """Do it in a transaction, say what came of it, show the counter."""
    try:
        in_transaction(db.session(), save)
    except NotFound:
        raise
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("Saved"), "good")
    return redirect(url_for("office_places.counter", counter_id=counter_id), 303)
