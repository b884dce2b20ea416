"""The language switch."""

from __future__ import annotations

from flask import Blueprint, request, session
from werkzeug.wrappers import Response

from shop.accounts.policy import allow, current_person
from shop.accounts.views.onward import onward
from shop.db import db
from shop.i18n import LOCALES

language = Blueprint("language", __name__)


@language.post("/language")
@allow("anyone")
def choose() -> Response:
    """Read the shop in another language from now on; a signed-in person's mails follow."""
    wanted = request.form.get("locale", "")
    if wanted in LOCALES:
        session.permanent = True
        session["locale"] = wanted
        person = current_person()
        if person is not None:
            person.locale = wanted
            db.session.commit()
    return onward("/")
