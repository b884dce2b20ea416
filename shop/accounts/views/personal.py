"""My data: take a copy along, or close the account and have it erased; both ask for the password once more."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField
from wtforms.validators import InputRequired

from shop.accounts import erasure, registration
from shop.accounts.copy_file import zip_of
from shop.accounts.forms import password_field
from shop.accounts.models import User
from shop.accounts.people_office import LastOfOffice
from shop.accounts.policy import allow, current_actor
from shop.accounts.sessions import sign_out
from shop.accounts.throttle import count_attempt, forgive
from shop.accounts.views.account import Answer, me
from shop.clock import shanghai_day, utcnow
from shop.db import db, in_transaction

personal = Blueprint("personal", __name__, url_prefix="/account/data")


class CopyForm(FlaskForm):
    """The password, once more."""

    password = password_field(_l("Password"), "current-password")


class EraseForm(CopyForm):
    """The password and a clear word."""

    sure = BooleanField(
        _l("Close my account and erase my personal data. This cannot be undone."),
        [InputRequired(_l("Please tick this if you mean it"))],
    )


def holders() -> tuple[erasure.Holder, ...]:
    """Everybody in this shop who keeps personal data; shop.app names them."""
    found: tuple[erasure.Holder, ...] = current_app.extensions["personal_data"]
    return found


def knows_password(form: CopyForm, user: User) -> bool:
    """Whether the form was filled in by the account's owner; wrong tries count like those at the door."""
    if not form.validate_on_submit():
        return False
    attempt = count_attempt(db.session(), "login", user.email, request.remote_addr or "")
    if registration.check_password(db.session(), user.email, form.password.data) is None:
        form.password.errors = [_("This is not your password")]
        return False
    forgive(db.session(), attempt)
    db.session.commit()
    return True


def data_page(copy: CopyForm, sure: EraseForm, status: int = 200) -> tuple[str, int]:
    """Both forms on one page."""
    return render_template("account/data.html", copy=copy, erase=sure), status


@personal.get("")
@allow("consumer")
def data() -> Answer:
    """What I may do with my data."""
    return data_page(CopyForm(prefix="copy"), EraseForm(prefix="erase"))


@personal.post("/copy")
@allow("consumer")
def take_copy() -> Answer:
    """Everything the shop keeps of me, as a file."""
    form, user = CopyForm(prefix="copy"), me()
    if not knows_password(form, user):
        return data_page(form, EraseForm(prefix="erase", formdata=None), 422)
    record = erasure.copy_of(db.session(), me().id, holders())
    words = _("This is everything Yarlung Market keeps about you. data.json holds all of it; the .csv files hold its "
              "lists for a spreadsheet. Amounts are in fen (1/100 yuan), times in UTC.")  # fmt: skip
    response = Response(zip_of(record, words), mimetype="application/zip")
    name = f"yarlung-{shanghai_day(utcnow()).isoformat()}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@personal.post("/erase")
@allow("consumer")
def erase() -> Answer:
    """Close the account. Sign-ins end at once; an order still under way keeps its contact until it is done."""
    form, user = EraseForm(prefix="erase"), me()
    if not knows_password(form, user):
        return data_page(CopyForm(prefix="copy", formdata=None), form, 422)
    actor, locale = current_actor(), session.get("locale")
    try:
        all_gone = in_transaction(
            db.session(), lambda: erasure.close_account(db.session(), me(), holders(), actor)
        )  # fmt: skip
    except LastOfOffice as refusal:
        flash(str(refusal.detail), "bad")
        return data_page(CopyForm(prefix="copy", formdata=None), form, refusal.status)
    sign_out(db.session())
    db.session.commit()
    session.clear()
    if locale:
        session["locale"] = locale
    if all_gone:
        flash(_("Your account is closed and your personal data are erased. All the best!"), "good")
    else:
        flash(_("Your account is closed. What an order under way still needs is erased as soon as it is done."), "good")
    return redirect("/", 303)
