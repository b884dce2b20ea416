"""The fields of a SKU that is sold by weight, in the office's forms."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, Form, IntegerField
from wtforms.validators import NumberRange, Optional

from catalogue.by_weight import HEAVIEST_G, ByWeight
from shop.edit_pages import YuanField

WEIGHTS = ("per_kg_fen", "weight_from_g", "weight_to_g")


def grams(label: Any) -> IntegerField:
    """A weight that may be left empty."""
    words = _l("Please enter a whole number from %(least)s to %(most)s", least=1, most=HEAVIEST_G)
    return IntegerField(label, [Optional(), NumberRange(1, HEAVIEST_G, words)])


class WeightFields(Form):
    """All three, or none for a pack with a price of its own."""

    per_kg_fen = YuanField(_l("Sold by weight: price of a kilogram (yuan)"), needed=False,
                           description=_l("The price of a pack then follows: the most it can cost."))  # fmt: skip
    weight_from_g = grams(_l("Sold by weight: a pack weighs at least (g)"))
    weight_to_g = grams(_l("Sold by weight: a pack weighs at most (g)"))

    def __iter__(self) -> Iterator[Field]:
        """The fields as the page shows them: these three beside the price they settle."""
        for field in super().__iter__():
            if field.short_name not in WEIGHTS:
                yield field
            if field.short_name == "price_fen":
                yield from (self[name] for name in WEIGHTS)


def typed_terms(form: FlaskForm) -> ByWeight | None:
    """The terms as typed, if they are whole."""
    per_kg, least, most = (form[name].data for name in WEIGHTS)
    if per_kg is None or least is None or most is None:
        return None
    return ByWeight(form["per_kg_fen"].fen, least, most)


def settle_price(form: FlaskForm) -> bool:
    """Let price and weight of a pack follow from its terms; False, with words beside the field, if they cannot."""
    typed = [form[name] for name in WEIGHTS]
    given = [one for one in typed if one.data is not None]
    terms = typed_terms(form)
    if terms is None:
        if given:
            missing = next(one for one in typed if one.data is None)
            missing.errors = [_l("Sold by weight, a pack needs the price of a kilogram and both weights")]
        elif form["price_fen"].data is None:
            form["price_fen"].errors = [_l("Please enter an amount")]
        return not given and form["price_fen"].data is not None
    if terms.from_g > terms.to_g:
        form["weight_to_g"].errors = [_l("The most a pack weighs is not less than the least")]
        return False
    form["price_fen"].data = Decimal(terms.most_fen) / 100
    form["pack_g"].data = terms.middle_g
    return True
