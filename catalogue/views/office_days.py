"""Counters' unusual days, as the office enters them: closing early, another capacity, broken freezers, holidays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from catalogue.counter_days import close_all, common_days_off, end_outage, open_all, set_day, start_outage
from catalogue.views.office_additions import typed_day
from shop.accounts.policy import allow, current_actor
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, Invalid, NotFound

office_days = Blueprint("office_days", __name__, url_prefix="/office/counters")


def keep(counter_id: int, save: Callable[[], None]) -> Response:
    """Do it in a transaction, say what came of it, show the counter."""
    try:
        in_transaction(db.session(), save)
    except NotFound:
        raise
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("Saved. The work planned there is looked at again."), "good")
    return redirect(url_for("office_places.counter", counter_id=counter_id), 303)


def typed_time(text: str) -> time | None:
    """A time of the form, None when it was left empty. Raises Invalid."""
    try:
        return time.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(_("Please enter a time as in 15:00")) from error


def typed_parcels(text: str) -> int | None:
    """A capacity of the form, None when it was left empty. Raises Invalid."""
    if text and not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise Invalid(_("Please enter how many parcels that day"))
    return int(text) if text else None


@office_days.post("/<int:counter_id>/day")
@allow("office")
def day(counter_id: int) -> Response:
    """One day on which the counter closes early or has another capacity; both left empty: as usual again."""
    actor, form = current_actor(), request.form

    def save() -> None:
        try:
            when = date.fromisoformat(form.get("day", ""))
        except ValueError as error:
            raise Invalid(_("Please choose a day")) from error
        set_day(db.session(), counter_id, when, closes=typed_time(form.get("closes", "").strip()),
                capacity=typed_parcels(form.get("capacity", "").strip()), reason=form.get("reason", "").strip(),
                actor=actor, now=utcnow())  # fmt: skip

    return keep(counter_id, save)


@office_days.post("/<int:counter_id>/outages")
@allow("office")
def broken(counter_id: int) -> Response:
    """A storage class the counter cannot keep any more."""
    actor, storage, reason = current_actor(), request.form.get("storage", ""), request.form.get("reason", "").strip()
    return keep(counter_id, lambda: start_outage(db.session(), counter_id, storage, reason, actor, utcnow()))


@office_days.post("/<int:counter_id>/outages/<int:outage_id>/end")
@allow("office")
def repaired(counter_id: int, outage_id: int) -> Response:
    """It works again."""
    actor = current_actor()
    return keep(counter_id, lambda: end_outage(db.session(), counter_id, outage_id, actor, utcnow()))


@office_days.get("/days")
@allow("office")
def everywhere() -> str:
    """Days off that counters share, and a form to close all of them at once."""
    return render_template(
        "office/days_off.html", room="office", planned=common_days_off(db.session(), shanghai_day(utcnow())),
        typed=request.args,
    )  # fmt: skip


@office_days.post("/days")
@allow("office")
def close_everywhere() -> Response:
    """Days on which no counter does anything."""
    actor, reason = current_actor(), request.form.get("reason", "").strip()

    def save() -> int:
        return close_all(db.session(), typed_day("from"), typed_day("to"), reason, actor, utcnow())

    return keep_everywhere(
        save,
        lambda n: ngettext("%(num)s counter is closed on these days.", "%(num)s counters are closed on these days.", n),
    )


@office_days.post("/days/remove")
@allow("office")
def open_everywhere() -> Response:
    """The counters work on these days after all."""
    actor = current_actor()
    return keep_everywhere(
        lambda: open_all(db.session(), typed_day("from"), typed_day("to"), actor),
        lambda n: ngettext("%(num)s counter works on these days.", "%(num)s counters work on these days.", n),
    )


def keep_everywhere(save: Callable[[], int], done: Callable[[int], str]) -> Response:
    """Do it in a transaction, say for how many counters, show the days off."""
    try:
        counters = in_transaction(db.session(), save)
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(done(counters), "good")
    return redirect(url_for("office_days.everywhere"), 303)
