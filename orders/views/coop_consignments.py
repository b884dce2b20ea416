"""The cooperative's consignments: what Wuhan asks for, what was promised, and what is sent off."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from catalogue.stock.availability import InsufficientStock
from orders.consignments import reading, steps
from orders.consignments.models import Consignment
from orders.consignments.states import ConsignmentStatus
from orders.consignments.temperatures import degrees, tenths_of
from orders.views.consignment_forms import typed_packs
from shop.accounts.policy import allow, current_actor, own_cooperative_ids
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError

coop_consignments = Blueprint("coop_consignments", __name__, url_prefix="/coop/consignments")
Answer = str | tuple[str, int] | Response


def own(consignment_id: int) -> Consignment:
    """A consignment of this person's cooperative. Raises NotFound for anybody else's."""
    return steps.find(db.session(), consignment_id, cooperatives=own_cooperative_ids())


def one_page(consignment_id: int, problem: DomainError | None = None) -> str:
    """The consignment's page; after a refusal with what was typed."""
    found = reading.whole(db.session(), own(consignment_id), shanghai_day(utcnow()))
    short = {one["sku"]: one["available"] for one in problem.errors} if isinstance(problem, InsufficientStock) else {}
    return render_template(
        "coop/consignment.html", room="coop", found=found, problem=problem, short=short,
        typed=request.form if problem else {}, words=reading.STATUS_WORDS, why=reading.why_words, degrees=degrees,
    )  # fmt: skip


def back(consignment_id: int) -> Response:
    """To the consignment's page."""
    return redirect(url_for("coop_consignments.consignment", consignment_id=consignment_id), 303)


@coop_consignments.get("")
@allow("cooperative")
def consignments() -> str:
    """What is asked for, promised, on the road, and what arrived lately."""
    found = reading.under_way(db.session(), shanghai_day(utcnow()), utcnow(), cooperatives=own_cooperative_ids())
    return render_template("coop/consignments.html", room="coop", found=found, words=reading.STATUS_WORDS)


@coop_consignments.get("/<int:consignment_id>")
@allow("cooperative")
def consignment(consignment_id: int) -> str:
    """One consignment, and the step that is possible now."""
    return one_page(consignment_id)


@coop_consignments.post("/<int:consignment_id>/confirm")
@allow("cooperative")
def confirm(consignment_id: int) -> Answer:
    """So many packs will be sent; they are set aside."""
    lines, actor = [line.id for line in own(consignment_id).lines], current_actor()
    try:
        packs = typed_packs("packs", lines)
        in_transaction(
            db.session(), lambda: steps.confirm(db.session(), consignment_id, packs, actor, utcnow())
        )  # fmt: skip
    except DomainError as refusal:
        return one_page(consignment_id, refusal), refusal.status
    flash(_("Thank you. These packs are set aside: load the lots below."), "good")
    return back(consignment_id)


@coop_consignments.post("/<int:consignment_id>/decline")
@allow("cooperative")
def decline(consignment_id: int) -> Answer:
    """Nothing will be sent."""
    own(consignment_id)
    reason, actor = request.form.get("reason", "").strip(), current_actor()
    declined = ConsignmentStatus.DECLINED
    try:
        in_transaction(
            db.session(), lambda: steps.end(db.session(), consignment_id, declined, reason, actor, utcnow())
        )  # fmt: skip
    except DomainError as refusal:
        return one_page(consignment_id, refusal), refusal.status
    flash(_("Declined. Nothing is set aside any more."), "good")
    return back(consignment_id)


@coop_consignments.post("/<int:consignment_id>/dispatch")
@allow("cooperative")
def dispatch(consignment_id: int) -> Answer:
    """It is on the road."""
    own(consignment_id)
    vehicle, warmth = request.form.get("vehicle", "").strip(), request.form.get("temperature", "").strip()
    actor, now = current_actor(), utcnow()

    def send() -> None:
        steps.dispatch(db.session(), consignment_id, vehicle, actor, now)
        if warmth:
            steps.note_temperatures(db.session(), consignment_id, {now: tenths_of(warmth)}, actor)

    try:
        in_transaction(db.session(), send)
    except DomainError as refusal:
        return one_page(consignment_id, refusal), refusal.status
    flash(_("On the road. The counter knows that it is coming."), "good")
    return back(consignment_id)
