"""A counter's own unusual day, as its people enter it: it closes early, or something that keeps goods cold broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from catalogue.counter_days import check_closing, close_early, end_outage, start_outage
from catalogue.models import Counter
from orders.fulfilment.touched import MOST_SHOWN, Touched, touched_by_early_closing, touched_by_outage
from orders.views.counter_day import here
from shop.accounts.policy import allow, current_actor
from shop.clock import SHANGHAI, shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, Invalid, NotFound

counter_changes = Blueprint("counter_changes", __name__, url_prefix="/counter/day")


@counter_changes.get("/early")
@allow("counter")
def ask_early() -> Any:
    """Which work closing early today would touch, before it is saved."""
    counter, now = here(), utcnow()
    day = shanghai_day(now)
    try:
        closes = typed_time("closes")
        check_closing(counter, day, closes)
    except Invalid as refusal:
        return back(counter, str(refusal.detail), "bad")
    touched = touched_by_early_closing(db.session(), counter.id, datetime.combine(day, closes, SHANGHAI), now)
    return look(counter, touched, "early", _("Close today at %(time)s?", time=closes.strftime("%H:%M")))


@counter_changes.post("/early")
@allow("counter")
def save_early() -> Response:
    """Close early today; without a time the day is as usual again."""
    counter_id, reason, actor = here().id, request.form.get("reason", "").strip(), current_actor()

    def save() -> None:
        closes = typed_time("closes") if request.form.get("closes") else None
        close_early(db.session(), counter_id, closes, reason, actor, utcnow())

    return keep(save)


@counter_changes.get("/broken")
@allow("counter")
def ask_broken() -> Any:
    """Which work a broken freezer or fridge would touch, before it is saved."""
    counter, storage = here(), request.args.get("storage", "")
    if storage not in counter.storage:
        return back(counter, _("Please choose what cannot be kept"), "bad")
    return look(
        counter, touched_by_outage(db.session(), counter.id, storage), "broken", _("Can it not be kept any more?")
    )


@counter_changes.post("/broken")
@allow("counter")
def save_broken() -> Response:
    """A storage class the counter cannot keep any more."""
    counter_id, actor, form = here().id, current_actor(), request.form
    storage, reason = form.get("storage", ""), form.get("reason", "").strip()
    return keep(lambda: start_outage(db.session(), counter_id, storage, reason, actor, utcnow()))


@counter_changes.post("/broken/<int:outage_id>/end")
@allow("counter")
def repaired(outage_id: int) -> Response:
    """It works again."""
    counter_id, actor = here().id, current_actor()
    return keep(lambda: end_outage(db.session(), counter_id, outage_id, actor, utcnow()))


def typed_time(name: str) -> time:
    """A time of the form or the address. Raises Invalid."""
    try:
        return time.fromisoformat(request.values.get(name, ""))
    except ValueError as error:
        raise Invalid(_("Please enter a time as in 15:00")) from error


def look(counter: Counter, touched: Sequence[Touched], change: str, title: str) -> str:
    """What a change would touch, with the way to save it."""
    return render_template(
        "counter/change.html", room="counter", counter=counter, touched=touched, change=change, title=title,
        most=MOST_SHOWN, typed=request.args,
    )  # fmt: skip


def keep(save: Callable[[], None]) -> Response:
    """Do it in a transaction, say what came of it, show the day."""
    counter = here()
    try:
        in_transaction(db.session(), save)
    except NotFound:
        raise
    except DomainError as refusal:
        return back(counter, str(refusal.detail), "bad")
    return back(counter, _("Saved. The work planned here is looked at again."), "good")


def back(counter: Counter, words: str, tone: str) -> Response:
    """To the counter's day, with words about what came of it and what was typed."""
    flash(words, tone)
    names = () if tone == "good" else ("closes", "reason")
    typed: dict[str, Any] = {name: request.values[name] for name in names if name in request.values}
    return redirect(url_for("counter_day.close", counter=counter.code, **typed), 303)
