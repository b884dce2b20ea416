"""The counter's room: the queue, one part with its pick list, and the desk where goods change hands."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from catalogue.models import Counter
from orders.fulfilment import queue, steps
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.steps import WrongCode
from shop.accounts.policy import allow, current_actor, own_counter_ids
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, NotFound

counter = Blueprint("counter", __name__, url_prefix="/counter")
Step = Callable[[Session], object]


def own_part(fulfilment_id: int) -> Fulfilment:
    """A part of this person's counter, or one on its way there. Raises NotFound for anybody else's."""
    try:
        return steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    except NotFound:
        return steps.find_coming(db.session(), fulfilment_id, own_counter_ids())


def take(fulfilment_id: int, step: Step, done: str) -> Response:
    """Do a step in a transaction of its own, say what came of it, and go back to the part."""
    try:
        in_transaction(db.session(), lambda: step(db.session()))
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(done, "good")
    return redirect(url_for("counter.part", fulfilment_id=fulfilment_id), 303)


@counter.get("/")
@allow("counter")
def board() -> str:
    """Today's queue and the hand-over desk."""
    return render_template(
        "counter/board.html", room="counter", tickets=queue.board(db.session(), own_counter_ids(), utcnow()), code=""
    )


@counter.get("/queue")
@allow("counter")
def fragment() -> str:
    """The queue alone, for pages that keep themselves fresh."""
    return render_template("counter/queue.html", tickets=queue.board(db.session(), own_counter_ids(), utcnow()))


@counter.post("/desk")
@allow("counter")
def desk() -> tuple[str, int] | Response:
    """Find the order that belongs to a pickup code."""
    code = request.form.get("code", "")[:40]
    try:
        part = steps.find_by_code(db.session(), own_counter_ids(), code)
    except WrongCode as refusal:
        tickets = queue.board(db.session(), own_counter_ids(), utcnow())
        page = render_template("counter/board.html", room="counter", tickets=tickets, code=code, error=refusal.detail)
        return page, 422
    return redirect(url_for("counter.part", fulfilment_id=part.id, code=code), 303)


@counter.get("/parts/<int:fulfilment_id>")
@allow("counter")
def part(fulfilment_id: int) -> str:
    """One part: what to pick, and the steps that are possible now."""
    own_part(fulfilment_id)
    found = queue.part_with_order(db.session(), fulfilment_id)
    contact = found.order.contact
    pickup = found.order.pickup_counter_id
    arriving = found.role == "transfer" and own_counter_ids() is not None and pickup in (own_counter_ids() or set())
    return render_template(
        "counter/part.html",
        room="counter",
        part=found,
        order=found.order,
        customer=queue.masked(contact.name, contact.phone) if contact else "",
        picks=queue.picks(db.session(), found),
        arriving=arriving or (found.role == "transfer" and own_counter_ids() is None),
        target=db.session.get(Counter, pickup) if pickup else None,
        code=request.args.get("code", "")[:40],
        address=contact if found.role == "deliver" else None,
    )


@counter.post("/parts/<int:fulfilment_id>/accept")
@allow("counter")
def accept(fulfilment_id: int) -> Response:
    """The counter will do it."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    return take(fulfilment_id, lambda s: steps.accept(s, fulfilment_id, current_actor(), utcnow()), _("Accepted"))


@counter.post("/parts/<int:fulfilment_id>/ready")
@allow("counter")
def ready(fulfilment_id: int) -> Response:
    """Picked and packed."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    return take(fulfilment_id, lambda s: steps.make_ready(s, fulfilment_id, current_actor(), utcnow()), _("Ready"))


@counter.post("/parts/<int:fulfilment_id>/dispatch")
@allow("counter")
def dispatch(fulfilment_id: int) -> Response:
    """It left the counter."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    return take(fulfilment_id, lambda s: steps.dispatch(s, fulfilment_id, current_actor(), utcnow()), _("On its way"))


@counter.post("/parts/<int:fulfilment_id>/receive")
@allow("counter")
def receive(fulfilment_id: int) -> Response:
    """A transfer arrived here."""
    own_part(fulfilment_id)
    return take(
        fulfilment_id, lambda s: steps.receive_transfer(s, fulfilment_id, current_actor(), utcnow()), _("Received")
    )


@counter.post("/parts/<int:fulfilment_id>/hand-over")
@allow("counter")
def hand_over(fulfilment_id: int) -> Response:
    """Give the goods to whoever shows the code."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    code = request.form.get("code", "")[:40]
    return take(
        fulfilment_id,
        lambda s: steps.hand_over(s, fulfilment_id, code, current_actor(), utcnow()),
        _("Handed over. Thank you!"),
    )


@counter.post("/parts/<int:fulfilment_id>/lines/<int:line_id>/reject")
@allow("counter")
def reject(fulfilment_id: int, line_id: int) -> Response:
    """The counter cannot give a line."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    reason = request.form.get("reason", "")[:500]
    return take(
        fulfilment_id,
        lambda s: steps.reject_line(s, fulfilment_id, line_id, reason, current_actor(), utcnow()),
        _("Sent back: another counter is looked for"),
    )
