"""The office's places: cooperatives and households, counters with hours and capacity, the ledger of stock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import BooleanField, EmailField, IntegerField, SelectField, StringField, TelField, TimeField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Email, InputRequired, Length, NumberRange, Optional

from catalogue import places_office as places
from catalogue.counter_days import closures_of, outages_of, unusual_days
from catalogue.models import Cooperative, Counter, Household
from shop.accounts.people_office import members_of
from shop.accounts.policy import allow, current_actor
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.edit_pages import EditForm, Editing, edit_row
from shop.edits import seen_of
from shop.errors import DomainError, Invalid, NotFound
from shop.i18n import LOCALES, localised
from shop.list_pages import show_list
from shop.member_forms import add_from_form, remove_from_form
from shop.text_fields import NamesField

office_places = Blueprint("office_places", __name__, url_prefix="/office")

MAIL = [Optional(), Length(max=254), Email(_l("This e-mail address looks incomplete"))]


class CooperativeForm(EditForm):
    """What the office keeps of a cooperative."""

    names = NamesField(_l("Called"))
    township = NamesField(_l("Township"))
    altitude_m = IntegerField(_l("Altitude (m)"), [InputRequired(), NumberRange(0, 8_848)])
    story = NamesField(_l("Story"), long=True)
    email = EmailField(_l("E-mail"), MAIL)
    phone = TelField(_l("Phone"), [Length(max=20)])
    locale = SelectField(_l("Language"), choices=[SelectChoice(code, name) for code, name in LOCALES.items()])
    active = BooleanField(_l("Active"))


class CounterForm(EditForm):
    """What the office keeps of a counter."""

    names = NamesField(_l("Called"))
    street = NamesField(_l("Street"))
    capacity = IntegerField(_l("Parcels a day"), [InputRequired(), NumberRange(0, 100_000)])
    radius_m = IntegerField(_l("Delivers so far (m)"), [InputRequired(), NumberRange(0, 100_000)])
    cut_off = TimeField(_l("Last orders for today"), [InputRequired()])
    hold_hours = IntegerField(_l("Keeps packed orders (hours)"), [InputRequired(), NumberRange(2, 720)])
    delivers = BooleanField(_l("Delivers"))
    email = EmailField(_l("E-mail"), MAIL)
    phone = StringField(_l("Phone"), [Length(max=20)])
    active = BooleanField(_l("Takes orders"))


@office_places.get("/cooperatives")
@allow("office")
def cooperatives() -> str:
    """Every cooperative."""
    link = places.cooperatives_list(lambda number: url_for("office_places.cooperative", cooperative_id=number))
    return show_list(link, _("Cooperatives"))


@office_places.route("/cooperatives/<int:cooperative_id>", methods=["GET", "POST"])
@allow("office")
def cooperative(cooperative_id: int) -> Any:
    """One cooperative: its words, its households with their shares, who works there."""
    found = db.session.get(Cooperative, cooperative_id)
    if found is None:
        raise NotFound()
    fields = ("names", "township", "altitude_m", "story", "email", "phone", "locale", "active")
    what = Editing(Cooperative, fields, "cooperative", localised(found.names), url_for("office_places.cooperatives"),
                   _("Cooperatives"), parts="office/cooperative.html")  # fmt: skip
    households = places.households_of(db.session(), cooperative_id)
    return edit_row(what, cooperative_id, CooperativeForm, households=households, sign=sign_of,
                    members=members_of(db.session(), "cooperative_id", cooperative_id))  # fmt: skip


def sign_of(household: Household) -> str:
    """The sign of what an editor saw of a household."""
    return seen_of({"share_bp": household.share_bp, "active": household.active})


@office_places.post("/households/<int:household_id>")
@allow("office")
def household(household_id: int) -> Response:
    """Change a household's share of the income."""
    found = db.session.get(Household, household_id)
    if found is None:
        raise NotFound()
    there, actor, seen = found.cooperative_id, current_actor(), request.form.get("seen", "")
    active = "active" in request.form

    def save() -> None:
        share = basis_points(request.form.get("share", ""))
        places.set_share(db.session(), household_id, share, active, seen, actor)

    say(save)
    return redirect(url_for("office_places.cooperative", cooperative_id=there), 303)


def say(save: Callable[[], object]) -> None:
    """Do it in a transaction and say what came of it."""
    try:
        in_transaction(db.session(), save)
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("Saved"), "good")


def basis_points(text: str) -> int:
    """A share typed in percent, in hundredths of a percent. Raises Invalid."""
    try:
        share = Decimal(text.strip()) * 100
    except InvalidOperation:
        share = Decimal(-1)
    if not share.is_finite() or share != int(share) or share < 0:
        raise Invalid(_("Please enter a share in percent, as in 4.25"))
    return int(min(share, Decimal(99_999)))


@office_places.get("/counters")
@allow("office")
def counters() -> str:
    """Every counter."""
    link = places.counters_list(lambda number: url_for("office_places.counter", counter_id=number))
    return show_list(link, _("Counters and hours"), template="office/counters.html")


@office_places.route("/counters/<int:counter_id>", methods=["GET", "POST"])
@allow("office")
def counter(counter_id: int) -> Any:
    """One counter: capacity and reach, its hours, who works there."""
    found = db.session.get(Counter, counter_id)
    if found is None:
        raise NotFound()
    fields = (
        "names",
        "street",
        "capacity",
        "radius_m",
        "cut_off",
        "hold_hours",
        "delivers",
        "email",
        "phone",
        "active",
    )
    what = Editing(Counter, fields, "counter", localised(found.names), url_for("office_places.counters"),
                   _("Counters and hours"), parts="office/counter.html")  # fmt: skip
    week = places.week_of(found)
    days = [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
    today = shanghai_day(utcnow())
    return edit_row(what, counter_id, CounterForm, days=days, week=week, today=today,
                    closures=closures_of(db.session(), counter_id, today),
                    unusual=unusual_days(db.session(), counter_id, today),
                    outages=outages_of(db.session(), counter_id), storage=found.storage,
                    sign=seen_of(places.plain_week(week)),
                    members=members_of(db.session(), "counter_id", counter_id))  # fmt: skip


@office_places.post("/counters/<int:counter_id>/hours")
@allow("office")
def hours(counter_id: int) -> Response:
    """Change a counter's opening hours; a day without times is closed."""
    if db.session.get(Counter, counter_id) is None:
        raise NotFound()
    seen, actor = request.form.get("seen", ""), current_actor()
    say(lambda: places.set_hours(db.session(), counter_id, typed_week(), seen, actor))
    return redirect(url_for("office_places.counter", counter_id=counter_id), 303)


def typed_week() -> places.Week:
    """The hours of the form. Raises Invalid."""
    week: places.Week = {}
    for day in range(7):
        opens, closes = (request.form.get(f"{name}-{day}", "").strip() for name in ("opens", "closes"))
        if not opens and not closes:
            continue
        try:
            week[day] = (time.fromisoformat(opens), time.fromisoformat(closes))
        except ValueError as error:
            raise Invalid(_("Please enter times as in 09:00, or leave both empty for a closed day")) from error
    return week


@office_places.get("/stock")
@allow("office")
def stock() -> str:
    """Every movement of stock."""
    return show_list(places.movements_list(db.session()), _("Stock movements"))


@office_places.post("/cooperatives/<int:cooperative_id>/members")
@allow("office")
def add_to_cooperative(cooperative_id: int) -> Response:
    """Let somebody work for the cooperative."""
    return add_to("cooperative", Cooperative, cooperative_id)


@office_places.post("/cooperatives/<int:cooperative_id>/members/<int:membership_id>/remove")
@allow("office")
def remove_from_cooperative(cooperative_id: int, membership_id: int) -> Response:
    """Somebody no longer works for the cooperative."""
    remove_from_form("cooperative_id", cooperative_id, membership_id)
    return redirect(url_for("office_places.cooperative", cooperative_id=cooperative_id), 303)


@office_places.post("/counters/<int:counter_id>/members")
@allow("office")
def add_to_counter(counter_id: int) -> Response:
    """Let somebody work at the counter."""
    return add_to("counter", Counter, counter_id)


@office_places.post("/counters/<int:counter_id>/members/<int:membership_id>/remove")
@allow("office")
def remove_from_counter(counter_id: int, membership_id: int) -> Response:
    """Somebody no longer works at the counter."""
    remove_from_form("counter_id", counter_id, membership_id)
    return redirect(url_for("office_places.counter", counter_id=counter_id), 303)


def add_to(kind: str, model: Any, employer_id: int) -> Response:
    """Add whom the form names to a cooperative or a counter."""
    if db.session.get(model, employer_id) is None:
        raise NotFound()
    add_from_form(f"{kind}_id", employer_id)
    there: dict[str, Any] = {f"{kind}_id": employer_id}
    return redirect(url_for(f"office_places.{kind}", **there), 303)
