"""The counter's room: the queue, one part with its pick list, and the desk where goods change hands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from catalogue.models import Counter
from orders.fulfilment import queue, steps
from orders.fulfilment.board_changes import boards_of
from orders.fulfilment.desk import find_waiting
from orders.fulfilment.models import Fulfilment
from orders.fulfilment.queue import Ticket
from orders.fulfilment.weighing import LightPacks, Scale, Weighed, WeightsMissing, field_of
from orders.payments.methods import due_now
from orders.states import FULFILMENT_MOVES, FulfilmentStatus
from shop.accounts.policy import allow, current_actor, own_counter_ids
from shop.changes import stream
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, Invalid, NotFound
from shop.money import weight, yuan

counter = Blueprint("counter", __name__, url_prefix="/counter")
Step = Callable[[Session], object]
HANDED_OVER_FROM = {status.value for status, moves in FULFILMENT_MOVES.items() if FulfilmentStatus.HANDED_OVER in moves}
Answer = str | tuple[str, int] | Response


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
    return render_template("counter/board.html", room="counter", tickets=tickets(), code="")


def tickets() -> Sequence[Ticket]:
    """What stands on this person's board now."""
    return queue.board(db.session(), own_counter_ids(), utcnow())


@counter.get("/queue")
@allow("counter")
def fragment() -> str:
    """The queue alone, for pages that keep themselves fresh."""
    return render_template("counter/queue.html", tickets=tickets())


@counter.get("/changes")
@allow("counter")
def changes() -> Response:
    """A stream that says when the queue has changed. What it needs of the database it knows before it begins."""
    return stream(boards_of(own_counter_ids()))


@counter.route("/desk", methods=["GET", "POST"])
@allow("counter")
def desk() -> Answer:
    """Find the order of whoever stands here: by code, number or the end of the phone number."""
    code = request.values.get("code", "")[:40]
    try:
        found = find_waiting(db.session(), own_counter_ids(), code)
    except DomainError as refusal:
        page = render_template("counter/board.html", room="counter", tickets=tickets(), code=code, error=refusal.detail)
        return page, refusal.status
    if len(found) > 1:
        return render_template("counter/found.html", room="counter", parts=found, code=code, masked=queue.masked)
    return redirect(url_for("counter.part", fulfilment_id=found[0].id, code=code), 303)


@counter.get("/parts/<int:fulfilment_id>")
@allow("counter")
def part(fulfilment_id: int) -> str:
    """One part: what to pick, and the steps that are possible now."""
    return part_page(fulfilment_id)


def part_page(fulfilment_id: int, problem: DomainError | None = None, wrong: str = "") -> str:
    """The part's page; after a refusal with what was typed. `wrong` is the answer to a scan that did not fit."""
    own_part(fulfilment_id)
    found = queue.part_with_order(db.session(), fulfilment_id)
    contact = found.order.contact
    pickup = found.order.pickup_counter_id
    mine = own_counter_ids()
    return render_template(
        "counter/part.html",
        room="counter",
        part=found,
        order=found.order,
        due_fen=due_now(db.session(), found.order, found) if found.status in HANDED_OVER_FROM else 0,
        customer=queue.masked(contact.name, contact.phone) if contact else "",
        picks=queue.picks(db.session(), found),
        elsewhere=queue.elsewhere(db.session(), found),
        question=queue.question_of(db.session(), found),
        arriving=found.role == "transfer" and (mine is None or pickup in mine),
        target=db.session.get(Counter, pickup) if pickup else None,
        code=request.args.get("code", "")[:40],
        address=contact if found.role == "deliver" else None,
        problem=problem,
        light=isinstance(problem, LightPacks),
        typed=typed_texts(),
        wrong=wrong,
        here=mine is None or found.counter_id in mine,
    )


@counter.post("/parts/<int:fulfilment_id>/accept")
@allow("counter")
def accept(fulfilment_id: int) -> Response:
    """The counter will do it."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    return take(fulfilment_id, lambda s: steps.accept(s, fulfilment_id, current_actor(), utcnow()), _("Accepted"))


@counter.post("/parts/<int:fulfilment_id>/ready")
@allow("counter")
def ready(fulfilment_id: int) -> tuple[str, int] | Response:
    """Picked, weighed and packed; or the weights of a part that is ready are corrected."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    session, actor = db.session(), current_actor()
    try:
        scale = typed_scale()
        weighed = in_transaction(
            session, lambda: steps.make_ready(session, fulfilment_id, actor, utcnow(), scale=scale)
        )
    except (Invalid, WeightsMissing, LightPacks) as refusal:
        return part_page(fulfilment_id, refusal), refusal.status
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("Ready"), "good")
        say(weighed)
    return redirect(url_for("counter.part", fulfilment_id=fulfilment_id), 303)


def typed_texts() -> dict[int, list[str]]:
    """Weights as typed, by allocation: one field for each pack, or all packs in one."""
    names = {name: name.removeprefix("grams-") for name in request.form if name.startswith("grams-")}
    return {
        int(number): [word for text in request.form.getlist(name) for word in re.split(r"[\s,;，；、]+", text) if word]
        for name, number in names.items()
        if number.isdecimal() and len(number) < 19
    }


def typed_scale() -> Scale | None:
    """Weights as typed; None when there are none. Raises Invalid for anything that is not a number."""
    texts = {number: words for number, words in typed_texts().items() if words}
    wrong = [
        {"field": field_of(number)} for number, words in texts.items()
        if not all(word.isascii() and word.isdecimal() and len(word) < 7 for word in words)
    ]  # fmt: skip
    if wrong:
        raise Invalid(_("Please enter weights in whole grams, as in 1180"), errors=wrong)
    if not texts:
        return None
    return Scale({number: [int(word) for word in words] for number, words in texts.items()}, "light" in request.form)


def say(weighed: Weighed) -> None:
    """What came of the weighing."""
    if weighed.heavy:
        packs = "、".join(weight(grams) for grams in weighed.heavy)
        flash(_("Heavier than what is charged at most, and charged as that: %(packs)s", packs=packs), "warn")
    if weighed.back_fen:
        flash(_("%(amount)s goes back to the customer.", amount=yuan(weighed.back_fen)), "good")
    if weighed.overpaid_fen:
        flash(_("%(amount)s too much went back before. It stays with the customer; the office knows.",
                amount=yuan(weighed.overpaid_fen)), "warn")  # fmt: skip


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
    """Give the goods to whoever shows the code, for the sum the page showed."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    code = request.form.get("code", "")[:40]
    asked = request.form.get("taken_fen", "")[:12]
    taken_fen = int(asked) if asked.isascii() and asked.isdecimal() else None
    return take(
        fulfilment_id,
        lambda s: steps.hand_over(s, fulfilment_id, code, current_actor(), utcnow(), taken_fen=taken_fen),
        _("Handed over. Thank you!"),
    )


@counter.post("/parts/<int:fulfilment_id>/lines/<int:line_id>/reject")
@allow("counter")
def reject(fulfilment_id: int, line_id: int) -> Response:
    """The counter cannot give a line."""
    steps.find_part(db.session(), fulfilment_id, own_counter_ids())
    reason, keep = request.form.get("reason", "")[:500], "keep_picked" in request.form
    return take(
        fulfilment_id,
        lambda s: steps.reject_line(s, fulfilment_id, line_id, reason, current_actor(), utcnow(), keep_picked=keep),
        _("Sent back: another counter is looked for"),
    )
