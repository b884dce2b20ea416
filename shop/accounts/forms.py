"""The forms of accounts: what may be entered, and what is said when it may not."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Field, PasswordField, SelectField, StringField, TelField
from wtforms.validators import DataRequired, Email, Length, Optional, ValidationError

from shop.accounts.passwords import LONGEST, faults_of_password
from shop.i18n import LOCALES

DISTRICTS = (
    *("江岸区", "江汉区", "硚口区", "汉阳区", "武昌区", "青山区", "洪山区", "东西湖区"),
    *("汉南区", "蔡甸区", "江夏区", "黄陂区", "新洲区"),
)
PHONE = re.compile(r"\+?[0-9][0-9 -]{5,19}")


def strip(value: str | None) -> str:
    """Without the spaces that phones add around words."""
    return (value or "").strip()


def check_phone(form: FlaskForm, field: Field) -> None:
    """A number somebody can be called at."""
    if field.data and not PHONE.fullmatch(field.data):
        raise ValidationError(_l("Please enter a phone number, for example 138 0000 0000"))


def required() -> DataRequired:
    """The field must not be empty."""
    return DataRequired(_l("Please fill this in"))


def email_field() -> EmailField:
    """An address, for forms that ask who somebody is."""
    return EmailField(
        _l("E-mail"),
        validators=[required(), Length(max=254), Email(_l("Please enter an e-mail address"))],
        filters=[strip],
        render_kw={"autocomplete": "username", "inputmode": "email", "maxlength": 254},
    )


def password_field(label: Any, autocomplete: str) -> PasswordField:
    """A password; never shown again."""
    return PasswordField(label, validators=[required()], render_kw={"autocomplete": autocomplete, "maxlength": LONGEST})


class LoginForm(FlaskForm):
    """Sign in."""

    email = email_field()
    password = password_field(_l("Password"), "current-password")


class RegisterForm(FlaskForm):
    """Open an account."""

    name = StringField(
        _l("Your name"), [required(), Length(max=60)], filters=[strip],
        render_kw={"autocomplete": "name", "maxlength": 60},
    )  # fmt: skip
    email = email_field()
    password = password_field(_l("Password"), "new-password")

    def validate_password(self, field: Field) -> None:
        """Long, and not one that everybody tries."""
        faults = faults_of_password(field.data or "", email=self.email.data or "", name=self.name.data or "")
        if faults:
            raise ValidationError(faults[0])


class ForgotForm(FlaskForm):
    """Ask for a link to choose a new password."""

    email = email_field()


class NewPasswordForm(FlaskForm):
    """Choose a new password. `email` and `name` are the account's, set by the view."""

    account_email = ""
    account_name = ""
    password = password_field(_l("New password"), "new-password")

    def validate_password(self, field: Field) -> None:
        """Long, and not one that everybody tries."""
        faults = faults_of_password(field.data or "", email=self.account_email, name=self.account_name)
        if faults:
            raise ValidationError(faults[0])


class ChangePasswordForm(NewPasswordForm):
    """Change the password, knowing the present one."""

    current = password_field(_l("Present password"), "current-password")


class SettingsForm(FlaskForm):
    """Name, phone, language, and which mails of orders are wanted."""

    name = StringField(
        _l("Your name"), [required(), Length(max=60)], filters=[strip], render_kw={"autocomplete": "name"}
    )
    phone = TelField(
        _l("Phone"), [Optional(), Length(max=20), check_phone], filters=[strip], render_kw={"autocomplete": "tel"}
    )
    locale = SelectField(_l("Language"), choices=list(LOCALES.items()))
    order_mails = SelectField(
        _l("Mails about my orders"),
        choices=[("all", _l("All: confirmed, ready, changed")), ("needed", _l("Only when ready, changed or ended"))],
    )


class AddressForm(FlaskForm):
    """A place in Wuhan goods are brought to."""

    name = StringField(
        _l("Recipient"), [required(), Length(max=60)], filters=[strip], render_kw={"autocomplete": "name"}
    )
    phone = TelField(
        _l("Phone"), [required(), Length(max=20), check_phone], filters=[strip], render_kw={"autocomplete": "tel"}
    )
    district = SelectField(_l("District"), choices=[(name, name) for name in DISTRICTS])
    street = StringField(
        _l("Street, building, door"), [required(), Length(max=200)], filters=[strip],
        render_kw={"autocomplete": "street-address"},
    )  # fmt: skip
    is_default = BooleanField(_l("Use this address first"))
