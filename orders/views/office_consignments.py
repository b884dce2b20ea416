"""The office's consignments: the board, asking by hand or for everything now, and the shelves' reorder points."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from catalogue.models import Cooperative, Counter, Sku
from orders.consignments import reading, reorder_points, steps
from orders.consignments.models import ReorderPoint
from orders.consignments.proposals import propose_all, propose_by_hand
from orders.consignments.replenish import ROAD_DAYS
from orders.consignments.states import ConsignmentStatus
from orders.consignments.temperatures import degrees
from orders.coop_stock import skus_of
from orders.office.channel_map import SHELF_WORDS, channel_map
from orders.views.consignment_forms import typed_packs
from orders.views.office_money import attempt
from shop.accounts.policy import allow, current_actor
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.edits import history_of
from shop.errors import DomainError, Invalid, NotFound
from shop.i18n import localised
from shop.list_pages import show_list

office_consignments = Blueprint("office_consignments", __name__, url_prefix="/office/consignments")


def link(consignment_id: int) -> str:
    """The address of a consignment."""
    return url_for("office_consignments.consignment", consignment_id=consignment_id)


def number_of(text: str) -> int:
    """An id that was chosen; 0, which nothing has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def counters() -> list[tuple[int, str]]:
    """The counters that goods can be sent to, to choose from."""
    rows = db.session.execute(select(Counter.id, Counter.names).where(Counter.active).order_by(Counter.code))
    return [(number, localised(names)) for number, names in rows]


@office_consignments.get("")
@allow("office")
def consignments() -> str:
    """Every consignment, and how many stand where."""
    today = shanghai_day(utcnow())
    return show_list(
        reading.consignments_list(link, today), _("Consignments"), template="office/consignments.html",
        standing=reading.standing(db.session(), today), words=reading.STATUS_WORDS,
    )  # fmt: skip


@office_consignments.get("/map")
@allow("office")
def on_the_map() -> str:
    """Nedong and Wuhan: how the counters' shelves stand, and what is on the road to them."""
    return render_template(
        "office/consignment_map.html", room="office", found=channel_map(db.session(), utcnow()),
        shelf_words=SHELF_WORDS, words=reading.STATUS_WORDS, road_days=ROAD_DAYS,
    )  # fmt: skip


@office_consignments.post("/ask-now")
@allow("office")
def ask_now() -> Response:
    """Ask the cooperatives for what the shelves will lack, as every night does."""
    asked = propose_all(db.session(), utcnow())
    if asked:
        flash(_("Asked for %(n)s consignments.", n=asked), "good")
    else:
        flash(_("No shelf with a reorder point will run low of goods that a cooperative could send."), "warn")
    return redirect(url_for("office_consignments.consignments"), 303)


@office_consignments.route("/ask", methods=["GET", "POST"])
@allow("office")
def ask() -> Any:
    """Ask one cooperative by hand."""
    session, typed = db.session(), request.form
    chosen = session.get(Cooperative, number_of(request.values.get("cooperative", "")))
    goods = skus_of(session, chosen.id) if chosen else []
    problem = None
    if request.method == "POST" and chosen is not None:
        cooperative_id, counter_id, actor = chosen.id, number_of(typed.get("counter", "")), current_actor()
        try:
            packs = typed_packs("packs", [sku.id for sku, _names in goods])
            day = day_of(typed.get("arrives_on", ""))
            asked = in_transaction(
                session,
                lambda: propose_by_hand(session, cooperative_id, counter_id, day, packs, actor, utcnow()).id,
            )
        except DomainError as refusal:
            problem = refusal
        else:
            flash(_("The cooperative was asked."), "good")
            return redirect(link(asked), 303)
    cooperatives = session.execute(
        select(Cooperative.id, Cooperative.names).where(Cooperative.active).order_by(Cooperative.code)
    ).all()  # fmt: skip
    page = render_template(
        "office/consignment_ask.html", chosen=chosen, goods=skus_of(session, chosen.id) if chosen else [],
        counters=counters(), cooperatives=[(number, localised(names)) for number, names in cooperatives],
        problem=problem, typed=typed, earliest=shanghai_day(utcnow()) + timedelta(days=ROAD_DAYS),
    )  # fmt: skip
    return page, problem.status if problem else 200


def day_of(text: str) -> date:
    """A day as a form sends it. Raises Invalid."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(_("Please choose a day"), errors=[{"field": "arrives_on"}]) from None


@office_consignments.get("/<int:consignment_id>")
@allow("office")
def consignment(consignment_id: int) -> str:
    """One consignment: goods, lots, temperatures, and what was done."""
    found = reading.whole(db.session(), steps.find(db.session(), consignment_id), shanghai_day(utcnow()))
    return render_template(
        "office/consignment.html", found=found, words=reading.STATUS_WORDS, why=reading.why_words, degrees=degrees,
        history=history_of(db.session(), "consignment", consignment_id),
    )  # fmt: skip


@office_consignments.post("/<int:consignment_id>/withdraw")
@allow("office")
def withdraw(consignment_id: int) -> Response:
    """Nobody wants it any more."""
    reason, actor = request.form.get("reason", "").strip(), current_actor()
    to = ConsignmentStatus.WITHDRAWN
    return attempt(
        lambda: steps.end(db.session(), consignment_id, to, reason, actor, utcnow()), _("Withdrawn"),
        link(consignment_id),
    )  # fmt: skip


@office_consignments.get("/reorder-points")
@allow("office")
def points() -> str:
    """Every shelf that is kept filled, and the way to add one."""
    spec = reorder_points.points_list(db.session(), point_link)
    for_sale = select(Sku).where(Sku.active).order_by(Sku.code).options(joinedload(Sku.product))
    skus = db.session.execute(for_sale).scalars().all()
    return show_list(
        spec, _("Reorder points"), template="office/reorder_points.html", counters=counters(), skus=skus
    )  # fmt: skip


def point_link(counter_id: int, sku_id: int) -> str:
    """The address of a shelf."""
    return url_for("office_consignments.point", counter=counter_id, sku=sku_id)


@office_consignments.route("/reorder-point", methods=["GET", "POST"])
@allow("office")
def point() -> Any:
    """One SKU at one counter: when more is asked for, and how much."""
    session = db.session()
    counter = session.get(Counter, number_of(request.values.get("counter", "")))
    sku = session.get(Sku, number_of(request.values.get("sku", "")))
    if counter is None or sku is None:
        raise NotFound()
    counter_id, sku_id, problem = counter.id, sku.id, None
    if request.method == "POST":
        seen, actor = request.form.get("seen", ""), current_actor()
        try:
            packs = typed_packs("packs", [0, 1])
            in_transaction(
                session,
                lambda: reorder_points.set_point(session, counter_id, sku_id, packs[0], packs[1], seen, actor),
            )
        except DomainError as refusal:
            problem = refusal
        else:
            flash(_("Saved"), "good")
            return redirect(url_for("office_consignments.points"), 303)
    now = session.get(ReorderPoint, (counter_id, sku_id))
    page = render_template(
        "office/reorder_point.html", counter=counter, sku=sku, now=now, seen=reorder_points.sign_of(now),
        problem=problem, typed=request.form, history=history_of(session, "reorder_point", f"{counter_id}:{sku_id}"),
    )  # fmt: skip
    return page, problem.status if problem else 200
