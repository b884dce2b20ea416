"""The signed page of a notice: read what a mail told, and say 'seen' with one tap, without signing in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, url_for
from flask_babel import force_locale
from flask_babel import gettext as _

from orders.notifications.compose import reader_of
from orders.notifications.inbox import acknowledge
from orders.notifications.models import Notification
from orders.notifications.words import words_of
from shop.accounts.policy import allow, current_person
from shop.audit import Actor
from shop.db import db
from shop.errors import NotFound
from shop.signing import unsign

notices = Blueprint("notices", __name__, url_prefix="/n")

LINK_DAYS = 60


@notices.after_request
def keep_private(response: Response) -> Response:
    """The link is a key: it is stored nowhere on the way and sent to nobody."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def find(token: str) -> Notification:
    """The notice this link was made for. Raises NotFound for links that are not ours or too old."""
    value = unsign("notice", token, max_age=LINK_DAYS * 24 * 3600)
    notice = db.session.get(Notification, int(value)) if value else None
    if notice is None:
        raise NotFound(_("This link does not work any more. Please sign in to read your notices."))
    return notice


@notices.get("/<token>")
@allow("anyone")
def show(token: str) -> Any:
    """The notice with one button. Opening it changes nothing: mail programs open links by themselves."""
    notice = find(token)
    _address, locale, name = reader_of(db.session(), notice)
    with force_locale(locale):
        words = words_of(db.session(), notice)
        return render_template("notices/show.html", notice=notice, words=words, reader=name, token=token)


@notices.post("/<token>")
@allow("anyone")
def seen(token: str) -> Any:
    """Somebody who holds the link has seen it."""
    notice = find(token)
    person = current_person()
    _address, _locale, name = reader_of(db.session(), notice)
    acknowledge(db.session(), notice.id, Actor(person.email, person.id) if person else Actor(name))
    db.session.commit()
    return redirect(url_for("notices.show", token=token), 303)
