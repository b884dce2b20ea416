"""The counter's consignments: what is on the road, and receiving it lot by lot."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from orders.consignments import reading, steps
from orders.consignments.models import Consignment
from orders.consignments.setting_aside import lots_of
from orders.consignments.states import LotState
from orders.consignments.temperatures import degrees, tenths_of
from orders.views.consignment_forms import typed_packs
from shop.accounts.policy import allow, current_actor, own_counter_ids
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError

counter_consignments = Blueprint("counter_consignments", __name__, url_prefix="/counter/consignments")
Answer = str | tuple[str, int] | Response
OUTCOMES = ("received", "damaged", "missing", "too_warm")


def own(consignment_id: int) -> Consignment:
    """A consignment to this person's counter. Raises NotFound for anybody else's."""
    return steps.find(db.session(), consignment_id, counters=own_counter_ids())


def one_page(consignment_id: int, problem: DomainError | None = None) -> str:
    """The consignment's page; after a refusal with what was typed."""
    found = reading.whole(db.session(), own(consignment_id), shanghai_day(utcnow()))
    at_fault = {one.get("field", "") for one in problem.errors} if problem else set()
    return render_template(
        "counter/consignment.html", room="counter", found=found, problem=problem, at_fault=at_fault,
        typed=request.form if problem else {}, words=reading.STATUS_WORDS, degrees=degrees,
    )  # fmt: skip


@counter_consignments.get("")
@allow("counter")
def consignments() -> str:
    """What is coming, by day, and what arrived lately."""
    found = reading.under_way(db.session(), shanghai_day(utcnow()), utcnow(), counters=own_counter_ids())
    return render_template("counter/consignments.html", room="counter", found=found, words=reading.STATUS_WORDS)


@counter_consignments.get("/<int:consignment_id>")
@allow("counter")
def consignment(consignment_id: int) -> str:
    """One consignment; when it is on the road, the form that receives it."""
    return one_page(consignment_id)


@counter_consignments.post("/<int:consignment_id>/receive")
@allow("counter")
def receive(consignment_id: int) -> Answer:
    """It is here: every pack of every lot is accounted for."""
    own(consignment_id)
    lots = [lot.id for lot in lots_of(db.session(), consignment_id, LotState.ON_THE_ROAD)]
    actor = current_actor()
    try:
        typed = {name: typed_packs(name, lots) for name in OUTCOMES}
        outcomes = {lot: steps.Outcome(**{name: typed[name][lot] for name in OUTCOMES}) for lot in lots}
        in_transaction(
            db.session(), lambda: steps.receive(db.session(), consignment_id, outcomes, actor, utcnow())
        )  # fmt: skip
    except DomainError as refusal:
        return one_page(consignment_id, refusal), refusal.status
    flash(_("Received. What is good stands on your shelf now."), "good")
    return redirect(url_for("counter_consignments.consignment", consignment_id=consignment_id), 303)


@counter_consignments.post("/<int:consignment_id>/readings")
@allow("counter")
def add_reading(consignment_id: int) -> Answer:
    """What the thermometer in the lorry says now."""
    own(consignment_id)
    text, actor, now = request.form.get("temperature", ""), current_actor(), utcnow()
    try:
        tenths = tenths_of(text)
        in_transaction(
            db.session(), lambda: steps.note_temperatures(db.session(), consignment_id, {now: tenths}, actor)
        )  # fmt: skip
    except DomainError as refusal:
        return one_page(consignment_id, refusal), refusal.status
    flash(_("The temperature is written down."), "good")
    return redirect(url_for("counter_consignments.consignment", consignment_id=consignment_id), 303)
