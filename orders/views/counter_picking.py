"""Picking at a counter: scan, tick off, one round for all open parts, and the labels on the bags."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from orders.fulfilment import picking, steps
from orders.fulfilment.labels import SHAPES, labels_of, labels_pdf
from orders.views.counter import part_page
from shop.accounts.policy import allow, current_actor, own_counter_ids
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, NotFound

counter_picking = Blueprint("counter_picking", __name__, url_prefix="/counter")

# Which open parts a round is for: the hours until they are due; none for all.
ROUNDS = {"2": timedelta(hours=2), "24": timedelta(hours=24), "": None}


@counter_picking.post("/parts/<int:fulfilment_id>/scan")
@allow("counter")
def scan(fulfilment_id: int) -> tuple[str, int] | AnyResponse:
    """A scanned or typed code: the right pack is ticked off, a wrong one is said loudly and changes nothing."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    code = request.form.get("code", "")[:60]
    try:
        in_transaction(db.session(), lambda: picking.tick(db.session(), fulfilment_id, code, current_actor(), utcnow()))
    except DomainError as refusal:
        return part_page(fulfilment_id, wrong=str(refusal.detail)), refusal.status
    return redirect(url_for("counter.part", fulfilment_id=fulfilment_id, _anchor="picks"), 303)


@counter_picking.post("/parts/<int:fulfilment_id>/picks/<int:allocation_id>")
@allow("counter")
def tick(fulfilment_id: int, allocation_id: int) -> tuple[str, int] | AnyResponse:
    """Tick a row off by hand, wholly or in part, or take its ticks back."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    packs = int(typed) if (typed := request.form.get("packs", "")[:6]).isdecimal() else 0
    try:
        in_transaction(
            db.session(),
            lambda: picking.tick_row(db.session(), fulfilment_id, allocation_id, packs, current_actor(), utcnow()),
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return part_page(fulfilment_id, wrong=str(refusal.detail)), refusal.status
    return redirect(url_for("counter.part", fulfilment_id=fulfilment_id, _anchor="picks"), 303)


@counter_picking.get("/picks")
@allow("counter")
def wave() -> str:
    """One round through the shelves for everything that is open, to print or to walk with."""
    hours = request.args.get("hours", "")
    within = ROUNDS.get(hours)
    until = utcnow() + within if within is not None else None
    rows = picking.wave(db.session(), own_counter_ids(), until)
    return render_template("counter/wave.html", room="counter", rows=rows, hours=hours if hours in ROUNDS else "")


@counter_picking.get("/labels.pdf")
@allow("counter")
def labels() -> AnyResponse:
    """Labels for one part (`part`) or for all that are to be packed or wait, one each or on A4 sheets."""
    shape = request.args.get("shape", "single")
    wanted = request.args.get("part", type=int)
    if shape not in SHAPES:
        raise NotFound
    found = labels_of(db.session(), own_counter_ids(), wanted)
    if not found:
        flash(_("There is nothing to label at the moment."), "warn")
        return redirect(url_for("counter.board"), 303)
    pdf = Response(labels_pdf(found, shape), mimetype="application/pdf")
    pdf.headers["Content-Disposition"] = 'inline; filename="labels.pdf"'
    return pdf
