"""Offer other goods for what is missing: staff choose what stands there, the customer decides."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from orders.fulfilment import queue, steps, substitution
from orders.models import OrderLine
from shop.accounts.policy import allow, current_actor, own_counter_ids
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, NotFound

counter_substitutes = Blueprint("counter_substitutes", __name__, url_prefix="/counter/parts")


@counter_substitutes.get("/<int:fulfilment_id>/lines/<int:line_id>/substitute")
@allow("counter")
def choose(fulfilment_id: int, line_id: int) -> str:
    """What stands here and may stand in for a line."""
    part = steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    line = db.session.get(OrderLine, line_id)
    if line is None or line.order_id != part.order_id:
        raise NotFound
    rows = [pick for pick in queue.picks(db.session(), part) if pick.line_id == line_id]
    return render_template(
        "counter/substitute.html", room="counter", part=part, line=line, rows=rows,
        missing=sum(one.quantity - one.picked for one in rows),
        offers=substitution.candidates(db.session(), part, line, utcnow()),
    )  # fmt: skip


@counter_substitutes.post("/<int:fulfilment_id>/lines/<int:line_id>/substitute")
@allow("counter")
def propose(fulfilment_id: int, line_id: int) -> Response:
    """Ask the customer."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    sku_id, packs = (request.form.get(name, 0, type=int) for name in ("sku", "packs"))
    try:
        in_transaction(
            db.session(),
            lambda: substitution.propose(
                db.session(), fulfilment_id, line_id, sku_id, packs, current_actor(), utcnow()
            ),
        )
    except NotFound:
        raise
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
        there = url_for("counter_substitutes.choose", fulfilment_id=fulfilment_id, line_id=line_id)
        return redirect(there, 303)
    flash(_("The customer is asked. The answer will stand on this page."), "good")
    return redirect(url_for("counter.part", fulfilment_id=fulfilment_id), 303)
