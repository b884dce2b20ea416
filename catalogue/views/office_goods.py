"""The office's shelves: products and SKUs, their names and prices; a new price is on the storefront at once."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, IntegerField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange

from catalogue.goods_office import (
    find_again,
    note_price,
    prices_of,
    products_list,
    skus_list,
    skus_of_product,
)
from catalogue.listing import categories
from catalogue.models import Product, Sku
from catalogue.views.weight_fields import WeightFields, settle_price
from shop.accounts.policy import allow, current_actor
from shop.db import db
from shop.edit_pages import EditForm, Editing, YuanField, edit_row
from shop.errors import NotFound
from shop.i18n import localised
from shop.list_pages import show_list
from shop.text_fields import NamesField

office_goods = Blueprint("office_goods", __name__, url_prefix="/office")


def count(label: Any, least: int = 1, most: int = 99_999) -> IntegerField:
    """A whole number within bounds."""
    words = _l("Please enter a whole number from %(least)s to %(most)s", least=least, most=most)
    return IntegerField(label, [InputRequired(words), NumberRange(least, most, words)])


class SkuForm(EditForm, WeightFields):
    """What of a SKU may change while it is sold; its code and storage stay, its weight follows from the terms."""

    price_fen = YuanField(_l("Price (yuan)"), needed=False)
    pack_g = IntegerField(_l("Net weight (g)"), render_kw={"readonly": True})
    pack_names = NamesField(_l("Pack"))
    case_pack = count(_l("Packs in a case"))
    max_per_order = count(_l("Most packs in one order"))
    low_stock = count(_l("Tell the cooperative when this many are left"), least=0)
    active = BooleanField(_l("Sold in the shop"))

    def validate(self, extra_validators: Any = None) -> bool:
        """The price of a pack sold by weight follows from its terms."""
        self.pack_g.data = self.pack_g.object_data
        return bool(super().validate(extra_validators)) and settle_price(self)


class ProductForm(EditForm):
    """A product's words and its place on the shelf."""

    names = NamesField(_l("Called"))
    story = NamesField(_l("Story"), long=True)
    storage_advice = NamesField(_l("How to keep it"), long=True)
    category_id = SelectField(_l("Shelf"), coerce=int)
    position = count(_l("Place on the shelf"), least=0)
    active = BooleanField(_l("Sold in the shop"))


@office_goods.get("/products")
@allow("office")
def products() -> str:
    """All products."""
    spec = products_list(db.session(), lambda number: url_for("office_goods.product", product_id=number))
    return show_list(spec, _("Products"), template="office/products.html")


@office_goods.route("/products/<int:product_id>", methods=["GET", "POST"])
@allow("office")
def product(product_id: int) -> Any:
    """One product: its words, its SKUs beside them."""
    found = db.session.get(Product, product_id)
    if found is None:
        raise NotFound()
    what = Editing(Product, ("names", "story", "storage_advice", "category_id", "position", "active"), "product",
                   localised(found.names), url_for("office_goods.products"), _("Products"), find_again,
                   "office/product.html")  # fmt: skip
    shelves = [SelectChoice(one.id, localised(one.names)) for one in categories(db.session())]

    def prepare(form: ProductForm) -> None:
        form.category_id.choices = shelves

    return edit_row(what, product_id, ProductForm, prepare=prepare, product=found,
                    skus=skus_of_product(db.session(), product_id))  # fmt: skip


@office_goods.get("/skus")
@allow("office")
def skus() -> str:
    """All SKUs with their prices."""
    spec = skus_list(lambda number: url_for("office_goods.sku", sku_id=number))
    return show_list(spec, _("SKUs and prices"))


@office_goods.route("/skus/<int:sku_id>", methods=["GET", "POST"])
@allow("office")
def sku(sku_id: int) -> Any:
    """One SKU: price, case, limits; what it cost before stands beside."""
    found = db.session.get(Sku, sku_id)
    if found is None:
        raise NotFound()
    fields = ("price_fen", "per_kg_fen", "weight_from_g", "weight_to_g", "pack_g", "pack_names", "case_pack",
              "max_per_order", "low_stock", "active")  # fmt: skip
    what = Editing(Sku, fields, "sku",
                   f"{found.code} · {localised(found.product.names)}", url_for("office_goods.skus"),
                   _("SKUs and prices"), note_price(db.session(), current_actor()), "office/sku.html")  # fmt: skip
    return edit_row(what, sku_id, SkuForm, sku=found, prices=prices_of(db.session(), sku_id))
