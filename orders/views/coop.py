"""The cooperative's room: its stock, receipts and counts, its notices, and what it sold."""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import DateField, HiddenField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from catalogue.models import Cooperative
from catalogue.stock.lots import receive_lot
from catalogue.stock.models import Location
from orders.coop_stock import own_cooperative, own_level, skus_of, sold_lately, stock_by_lot
from orders.notifications.inbox import acknowledge, find_notice, inbox, unseen
from orders.notifications.words import words_of
from orders.shortage import count_stock
from orders.stock_batch import MOST_PACKS
from shop.accounts.policy import allow, current_actor, own_cooperative_ids
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError
from shop.i18n import localised

coop = Blueprint("coop", __name__, url_prefix="/coop")


class ReceiptForm(FlaskForm):
    """A lot that came into the store. `receipt` is made with the page, so that sending twice counts once."""

    receipt = HiddenField(validators=[InputRequired(), Length(8, 64)])
    sku = SelectField(validators=[InputRequired()])
    lot = StringField(validators=[InputRequired(), Length(1, 40)])
    quantity = IntegerField(validators=[InputRequired(), NumberRange(1, MOST_PACKS)])
    produced_on = DateField(validators=[InputRequired()])
    best_before = DateField(validators=[Optional()])


def mine() -> Cooperative:
    """The cooperative this person works for."""
    return own_cooperative(db.session(), own_cooperative_ids(), request.values.get("cooperative", ""))


def receipt_form(cooperative: Cooperative) -> ReceiptForm:
    """The form with this cooperative's goods to choose from, and words in the reader's language."""
    form = ReceiptForm()
    form.sku.choices = [
        (sku.code, f"{localised(names)} · {localised(sku.pack_names)}")
        for sku, names in skus_of(db.session(), cooperative.id)
    ]
    form.sku.label.text = _("Goods")
    form.lot.label.text = _("Lot number")
    form.quantity.label.text = _("Packs")
    form.produced_on.label.text = _("Produced on")
    form.best_before.label.text = _("Best before")
    form.best_before.description = _("Leave empty: it follows from the shelf life")
    return form


@coop.get("/")
@allow("cooperative")
def home() -> str:
    """Stock by lot, and how many notices wait."""
    cooperative = mine()
    return render_template(
        "coop/stock.html",
        room="coop",
        cooperative=cooperative,
        lots=stock_by_lot(db.session(), cooperative.id),
        waiting=unseen(db.session(), cooperative_ids=[cooperative.id]),
        count_key=secrets.token_urlsafe(12),
    )


@coop.route("/receive", methods=["GET", "POST"])
@allow("cooperative")
def receive() -> tuple[str, int] | str | Response:
    """Record a lot that came into the store."""
    cooperative = mine()
    form = receipt_form(cooperative)
    if request.method == "GET":
        form.receipt.data = secrets.token_urlsafe(12)
        form.produced_on.data = shanghai_day(utcnow())
        form.lot.data = f"{shanghai_day(utcnow()):%y%m%d}-1"
    elif form.validate_on_submit():
        try:
            in_transaction(db.session(), lambda: take_in(form, cooperative))
        except DomainError as refusal:
            form.lot.errors = [*form.lot.errors, str(refusal.detail)]
        else:
            flash(_("%(n)s packs are in your store now.", n=form.quantity.data), "good")
            return redirect(url_for("coop.home"), 303)
    page = render_template("coop/receive.html", room="coop", form=form, cooperative=cooperative)
    return (page, 422) if request.method == "POST" else page


def take_in(form: ReceiptForm, cooperative: Cooperative) -> None:
    """Write the receipt of a valid form."""
    session = db.session()
    sku = next(sku for sku, _names in skus_of(session, cooperative.id) if sku.code == form.sku.data)
    store = session.execute(select(Location.id).where(Location.cooperative_id == cooperative.id)).scalar_one()
    produced = form.produced_on.data
    receive_lot(
        session,
        location_id=store,
        sku_id=sku.id,
        cooperative_id=cooperative.id,
        code=form.lot.data.strip(),
        quantity=form.quantity.data,
        produced_on=produced,
        best_before=form.best_before.data or produced + timedelta(days=sku.shelf_life_days),
        actor=current_actor().name,
        source_id=f"{cooperative.id}:{form.receipt.data}",
        today=shanghai_day(utcnow()),
    )


@coop.post("/levels/<int:level_id>/count")
@allow("cooperative")
def count(level_id: int) -> Response:
    """Say how many packs of a lot are really there."""
    cooperative = mine()
    own_level(db.session(), level_id, cooperative.id)
    counted = request.form.get("counted", "")
    key = request.form.get("key", "")[:64]
    if not (counted.isascii() and counted.isdigit() and int(counted) <= MOST_PACKS and len(key) >= 8):
        flash(_("Please enter a whole number of packs."), "bad")
    else:
        source = f"{cooperative.id}:{level_id}:{key}"
        in_transaction(
            db.session(),
            lambda: count_stock(
                db.session(),
                level_id=level_id,
                counted=int(counted),
                actor=current_actor(),
                source_id=source,
                now=utcnow(),
            ),
        )
        flash(_("Thank you, the count is written down."), "good")
    return redirect(url_for("coop.home"), 303)


@coop.get("/notices")
@allow("cooperative")
def notices() -> str:
    """What the cooperative was told, newest first."""
    cooperative = mine()
    found, total = inbox(db.session(), cooperative_ids=[cooperative.id])
    rows = [(notice, words_of(db.session(), notice)) for notice in found]
    return render_template("coop/notices.html", room="coop", rows=rows, total=total, cooperative=cooperative)


@coop.post("/notices/<int:notification_id>/acknowledge")
@allow("cooperative")
def seen(notification_id: int) -> Response:
    """Somebody of the cooperative has seen it."""
    find_notice(db.session(), notification_id, cooperative_ids=own_cooperative_ids())
    in_transaction(db.session(), lambda: acknowledge(db.session(), notification_id, current_actor()))
    return redirect(url_for("coop.notices"), 303)


@coop.get("/sold")
@allow("cooperative")
def sold() -> str:
    """What customers took in the last thirty days."""
    cooperative = mine()
    rows = sold_lately(db.session(), cooperative.id, utcnow())
    return render_template(
        "coop/sold.html", room="coop", rows=rows, total=sum(row.fen for row in rows), cooperative=cooperative
    )
