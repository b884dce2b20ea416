"""A counter's unusual days, as the office enters them: closing early, another capacity, a broken freezer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from catalogue.counter_days import end_outage, set_day, start_outage
from shop.accounts.policy import allow, current_actor
from shop.clock import utcnow
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
