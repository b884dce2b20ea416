"""The office and the router: weights with a trial before they count, days off with what they touch, parked orders."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from catalogue.models import Counter
from orders.fulfilment.cases import try_again, waiting_cases
from orders.fulfilment.touched import MOST_SHOWN, touched_by_closure
from orders.fulfilment.trial import find_trial, start_trial
from orders.fulfilment.weights import add_version, costs_of, in_force, versions
from orders.office.routing import WEIGHT_WORDS, cause_words, compared
from orders.routing.problem import Costs
from shop.accounts.policy import allow, current_actor
from shop.clock import SHANGHAI, shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, Invalid, NotFound

office_routing = Blueprint("office_routing", __name__, url_prefix="/office/routing")


def typed_costs() -> Costs:
    """The weights of the form. Raises Invalid naming those that are no whole number."""
    typed = {name: request.form.get(name, "").strip() for name in WEIGHT_WORDS}
    wrong = [name for name, text in typed.items() if not (text.isascii() and text.isdigit() and len(text) <= 9)]
    if wrong:
        raise Invalid(_("A weight is a whole number from 0 up"), errors=[{"field": name} for name in wrong])
    return Costs(**{name: int(text) for name, text in typed.items()})


def typed_number(name: str) -> int:
    """A hidden number of the form. Raises Invalid."""
    text = request.form.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid(_("Please start again from the page of the weights"))
    return int(text)


def typed_moment(text: str) -> datetime:
    """When the weights begin to count, on the clocks of Wuhan; now when it is left empty. Raises Invalid."""
    if not text:
        return utcnow()
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    except ValueError as error:
        raise Invalid(_("Please choose a day and a time")) from error


@office_routing.get("")
@allow("office")
def weights() -> str:
    """The weights in force, a form to try others, the versions before, and the orders that wait for a person."""
    return weights_page({}, None)


def weights_page(typed: dict[str, str], problem: DomainError | None) -> str:
    """The page, with what was typed after a refusal."""
    session, now = db.session(), utcnow()
    row = in_force(session, now)
    values = {name: typed.get(name, str(value)) for name, value in asdict(costs_of(row)).items()}
    wrong = {str(one["field"]) for one in problem.errors if "field" in one} if problem else set()
    known = versions(session)
    return render_template(
        "office/routing.html", room="office", row=row, values=values, words=WEIGHT_WORDS, versions=known,
        newest=max(one.id for one in known), cases=waiting_cases(session), cause_words=cause_words, problem=problem,
        wrong=wrong,
    )  # fmt: skip


@office_routing.post("/trials")
@allow("office")
def try_out() -> Any:
    """Have other weights tried on the last orders."""
    actor = current_actor()
    try:
        costs = typed_costs()
        base = in_force(db.session(), utcnow()).id
        trial_id = in_transaction(db.session(), lambda: start_trial(db.session(), costs, base, actor).id)
    except DomainError as refusal:
        return weights_page(dict(request.form), refusal), refusal.status
    return redirect(url_for("office_routing.trial", trial_id=trial_id), 303)


@office_routing.get("/trials/<int:trial_id>")
@allow("office")
def trial(trial_id: int) -> str:
    """What other weights would have done, as far as it is known."""
    return render_template("office/routing_trial.html", room="office", **trial_shown(trial_id))


@office_routing.get("/trials/<int:trial_id>/progress")
@allow("office")
def trial_progress(trial_id: int) -> str:
    """The part of that page that changes."""
    return render_template("office/routing_progress.html", **trial_shown(trial_id))


def trial_shown(trial_id: int) -> dict[str, Any]:
    """A trial as its page shows it."""
    found = find_trial(db.session(), trial_id)
    known = versions(db.session())
    return {
        "trial": found, "total": len(found.plan_ids["ids"]), "rows": compared(found.result), "words": WEIGHT_WORDS,
        "newest": max(one.id for one in known),
        "base": next((asdict(costs_of(one)) for one in known if one.id == found.base_id), {}),
    }  # fmt: skip


@office_routing.post("/versions")
@allow("office")
def save() -> Any:
    """Let other weights count from now on, or from a moment to come."""
    actor = current_actor()
    try:
        costs, base = typed_costs(), typed_number("base")
        since, note = typed_moment(request.form.get("since", "").strip()), request.form.get("note", "")
        in_transaction(db.session(), lambda: add_version(db.session(), costs, since, note, base, actor, utcnow()))
    except DomainError as refusal:
        return weights_page(dict(request.form), refusal), refusal.status
    flash(_("The new weights are kept."), "good")
    return redirect(url_for("office_routing.weights"), 303)


@office_routing.post("/cases/<int:order_id>/again")
@allow("office")
def again(order_id: int) -> Response:
    """Let the router try a parked order again."""
    actor = current_actor()
    in_transaction(db.session(), lambda: try_again(db.session(), order_id, actor, utcnow()))
    flash(_("The order is planned again."), "good")
    return redirect(url_for("office_routing.weights"), 303)


@office_routing.get("/closures/<int:counter_id>")
@allow("office")
def ask_closure(counter_id: int) -> Any:
    """Which orders days off of a counter would touch, before they are saved."""
    counter = db.session.get(Counter, counter_id)
    if counter is None:
        raise NotFound()
    back = url_for("office_places.counter", counter_id=counter_id)
    return closure_page(counter, url_for("office_additions.close_counter", counter_id=counter_id), back)


@office_routing.get("/closures")
@allow("office")
def ask_closure_everywhere() -> Any:
    """Which orders a holiday of all counters would touch, before it is saved."""
    typed: dict[str, Any] = {name: request.args.get(name, "") for name in ("from", "to", "reason")}
    return closure_page(None, url_for("office_days.close_everywhere"), url_for("office_days.everywhere", **typed))


def closure_page(counter: Counter | None, save: str, back: str) -> Any:
    """What days off of a counter (None: of all) would touch, with the way to save them and the way back."""
    try:
        first, last = (date.fromisoformat(request.args.get(name, "")) for name in ("from", "to"))
    except ValueError:
        first, last = date.max, date.min
    if first > last:
        flash(_("Please choose the first and the last day"), "bad")
        return redirect(back, 303)
    touched = touched_by_closure(db.session(), counter.id if counter else None, first, last, shanghai_day(utcnow()))
    return render_template(
        "office/closure.html", room="office", counter=counter, first=first, last=last, save=save, back=back,
        reason=request.args.get("reason", "").strip()[:200], touched=touched, most=MOST_SHOWN,
    )  # fmt: skip
