"""What a customer fills in to order: who, where to, and when it is wrong, kind words about it."""

from __future__ import annotations

import re
import secrets

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    EmailField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Email, InputRequired, Length, Optional

from orders.checkout import Contact, Delivery, OrderDraft, Pickup
from orders.payments.methods import MEANS, PayAtCounter, PayOnline
from orders.phones import is_phone, plain_phone
from orders.pickup import CounterChoice, Place, district_name
from shop.i18n import current_locale

FEN = re.compile(r"[0-9]{1,12}")
TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")


def stripped(value: str | None) -> str:
    """Without spaces around it."""
    return (value or "").strip()


class CheckoutForm(FlaskForm):
    """One page: place, contact, note, payment. The hidden fields say what the customer was shown and is doing."""

    name = StringField(_l("Name"), filters=[stripped])
    phone = TelField(_l("Phone"))
    email = EmailField(_l("E-mail (optional)"), filters=[stripped])
    district = SelectField(_l("Your district in Wuhan"), validate_choice=True)
    method = RadioField(
        _l("How would you like to get it?"),
        choices=[
            SelectChoice("pickup", _l("Collect at a counter")),
            SelectChoice("delivery", _l("Delivery in Wuhan")),
        ],
        default="pickup",
    )
    counter = RadioField(_l("Counter"), validate_choice=False)
    street = StringField(_l("Street, building and room"), filters=[stripped])
    note = TextAreaField(_l("Note for the counter (optional)"), filters=[stripped])
    payment = RadioField(_l("Payment"))
    token = HiddenField()
    expected_pickup_fen = HiddenField()
    expected_delivery_fen = HiddenField()
    lat = HiddenField()
    lng = HiddenField()

    def offer(self, districts: list[str], *, online: bool) -> None:
        """Fill in today's choices (`online`: the shop takes cards and wallets) and, on a fresh form, its token."""
        self.district.choices = [
            SelectChoice("", _l("Choose a district")),
            *(SelectChoice(one, district_name(one)) for one in districts),
        ]
        self.payment.choices = [SelectChoice(means, label) for means, label in MEANS.items() if online]
        self.payment.choices.append(SelectChoice(PayAtCounter.code, PayAtCounter.label))
        if not self.payment.data:
            self.payment.data = PayAtCounter.code
        if not TOKEN.fullmatch(self.token.data or ""):
            self.token.data = secrets.token_urlsafe(24)

    def check(self, counters: tuple[CounterChoice, ...]) -> bool:
        """Whether everything is filled in; `errors` says what is not."""
        wanted: dict[str, list[object]] = {
            "name": [InputRequired(_l("Please tell us your name")), Length(max=80)],
            "phone": [check_phone],
            "email": [Optional(), Length(max=254), Email(_l("This e-mail address looks incomplete"))],
            "note": [Length(max=500)],
            "street": [Length(max=200)],
        }
        if self.method.data == "delivery":
            wanted["district"] = [InputRequired(_l("Please choose your district"))]
            wanted["street"].insert(0, InputRequired(_l("Please tell us where to bring it")))
        valid = bool(self.validate(extra_validators=wanted))
        if self.method.data == "pickup" and self.counter.data not in {choice.code for choice in counters}:
            self.counter.errors = [_l("Please choose a counter")]
            valid = False
        return valid

    def near(self) -> Place | None:
        """Where the browser says it is, if it said so and it is a place on Earth."""
        try:
            lat, lng = float(self.lat.data or ""), float(self.lng.data or "")
        except ValueError:
            return None
        return Place(lat, lng) if -90 <= lat <= 90 and -180 <= lng <= 180 else None

    def placement_key(self) -> str:
        """What makes placing this order safe to repeat."""
        return f"form:{self.token.data}"

    def draft(self, counters: tuple[CounterChoice, ...], user_id: int | None) -> OrderDraft:
        """The order as filled in, without its lines."""
        expected = self.expected_pickup_fen.data
        if self.method.data == "delivery":
            fulfilment: Pickup | Delivery = Delivery(self.district.data, self.street.data)
            expected = self.expected_delivery_fen.data
        else:
            fulfilment = Pickup(next(choice.id for choice in counters if choice.code == self.counter.data))
        return OrderDraft(
            lines=(),
            contact=Contact(self.name.data, plain_phone(self.phone.data), self.email.data, current_locale()),
            fulfilment=fulfilment,
            payment_method=PayOnline.code if self.payment.data in MEANS else self.payment.data,
            means=self.payment.data if self.payment.data in MEANS else None,
            user_id=user_id,
            note=self.note.data,
            expected_total_fen=int(expected or "") if FEN.fullmatch(expected or "") else None,
        )


def check_phone(form: CheckoutForm, field: TelField) -> None:
    """A Chinese number, however it is spaced."""
    if not field.data or not field.data.strip():
        raise ValidationError(_l("Please leave a phone number so that the counter can reach you"))
    if not is_phone(field.data):
        raise ValidationError(
            _l("Please check the number: a mobile has 11 digits, a landline an area code, as in 027-8888 1234")
        )
