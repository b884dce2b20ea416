"""The office's people: accounts and roles, organisations and their credit, the audit trail."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, SelectField, StringField, TelField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange

from shop.accounts import people_office as people
from shop.accounts.models import Organisation, User
from shop.accounts.policy import allow, current_actor
from shop.db import db, in_transaction
from shop.edit_pages import EditForm, Editing, YuanField, edit_row
from shop.errors import DomainError, NotFound
from shop.i18n import LOCALES
from shop.list_pages import show_list
from shop.member_forms import add_from_form, remove_from_form

office_people = Blueprint("office_people", __name__, url_prefix="/office")


class PersonForm(EditForm):
    """What the office may correct of an account; the address is its owner's to change."""

    name = StringField(_l("Name"), [Length(max=60)])
    phone = TelField(_l("Phone"), [Length(max=20)])
    locale = SelectField(_l("Language"), choices=[SelectChoice(code, name) for code, name in LOCALES.items()])


class OrganisationForm(EditForm):
    """An organisation's terms."""

    name = StringField(_l("Called"), [InputRequired(_l("Please enter a name")), Length(max=120)])
    credit_limit_fen = YuanField(_l("Credit limit (yuan)"), least="0")
    terms_days = IntegerField(_l("Days to pay"), [InputRequired(_l("Please enter 0 to 180 days")),
                              NumberRange(0, 180, _l("Please enter 0 to 180 days"))])  # fmt: skip
    active = BooleanField(_l("May buy"))


@office_people.get("/users")
@allow("office")
def users() -> str:
    """Every account."""
    return show_list(people.users_list(lambda number: url_for("office_people.user", user_id=number)), _("Accounts"))


@office_people.route("/users/<int:user_id>", methods=["GET", "POST"])
@allow("office")
def user(user_id: int) -> Any:
    """One account: name, phone, language; roles and whom it works for beside."""
    found = db.session.get(User, user_id)
    if found is None:
        raise NotFound()
    what = Editing(User, ("name", "phone", "locale"), "user", found.email, url_for("office_people.users"),
                   _("Accounts"), parts="office/user.html", private=True)  # fmt: skip
    return edit_row(what, user_id, PersonForm, user=found, roles=people.ROLE_WORDS, has=people.roles_of(found))


@office_people.post("/users/<int:user_id>/access")
@allow("office")
def access(user_id: int) -> Response:
    """Give and take keys, let somebody sign in or not."""
    roles, active, actor = request.form.getlist("roles"), "active" in request.form, current_actor()
    try:
        in_transaction(db.session(), lambda: people.set_access(db.session(), user_id, roles, active, actor))
    except NotFound:
        raise
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("Saved"), "good")
    return redirect(url_for("office_people.user", user_id=user_id), 303)


@office_people.get("/organisations")
@allow("office")
def organisations() -> str:
    """Every organisation, and a form for a new one."""
    spec = people.organisations_list(lambda number: url_for("office_people.organisation", organisation_id=number))
    return show_list(spec, _("Organisations"), template="office/organisations.html")


@office_people.post("/organisations")
@allow("office")
def add_organisation() -> Response:
    """A new organisation."""
    code, name, actor = request.form.get("code", "")[:60], request.form.get("name", "")[:200], current_actor()
    try:
        added = in_transaction(
            db.session(), lambda: people.add_organisation(db.session(), code, name, actor).id
        )  # fmt: skip
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
        return redirect(url_for("office_people.organisations", code=code, name=name), 303)
    flash(_("Added. Now set its terms and its buyers."), "good")
    return redirect(url_for("office_people.organisation", organisation_id=added), 303)


@office_people.route("/organisations/<int:organisation_id>", methods=["GET", "POST"])
@allow("office")
def organisation(organisation_id: int) -> Any:
    """One organisation: its terms, its members."""
    found = db.session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound()
    what = Editing(Organisation, ("name", "credit_limit_fen", "terms_days", "active"), "organisation", found.name,
                   url_for("office_people.organisations"), _("Organisations"),
                   parts="office/organisation.html")  # fmt: skip
    return edit_row(what, organisation_id, OrganisationForm,
                    members=people.members_of(db.session(), "organisation_id", organisation_id))  # fmt: skip


@office_people.post("/organisations/<int:organisation_id>/members")
@allow("office")
def add_buyer(organisation_id: int) -> Response:
    """Let somebody buy for the organisation."""
    if db.session.get(Organisation, organisation_id) is None:
        raise NotFound()
    add_from_form("organisation_id", organisation_id)
    return redirect(url_for("office_people.organisation", organisation_id=organisation_id), 303)


@office_people.post("/organisations/<int:organisation_id>/members/<int:membership_id>/remove")
@allow("office")
def remove_buyer(organisation_id: int, membership_id: int) -> Response:
    """Somebody no longer buys for the organisation."""
    remove_from_form("organisation_id", organisation_id, membership_id)
    return redirect(url_for("office_people.organisation", organisation_id=organisation_id), 303)


@office_people.get("/audit")
@allow("office")
def audit() -> str:
    """Everything anybody did."""
    return show_list(people.audit_list(), _("Audit trail"))
