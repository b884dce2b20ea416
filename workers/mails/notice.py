"""The mail of a notice: what stands in the inbox, with a link that acknowledges it without signing in."""

from __future__ import annotations

from flask import current_app, render_template
from flask_babel import force_locale
from sqlalchemy.orm import Session

from orders.notifications.compose import reader_of
from orders.notifications.models import Notification
from orders.notifications.words import words_of
from shop.config import Settings
from shop.mail import OutgoingMail
from shop.signing import sign


def compose_notice(session: Session, notice: Notification) -> OutgoingMail | None:
    """The mail, in the reader's language; None when the reader has no address."""
    address, locale, name = reader_of(session, notice)
    if not address:
        return None
    settings: Settings = current_app.extensions["settings"]
    with force_locale(locale):
        words = words_of(session, notice)
        page = {
            "subject": words.title,
            "words": words,
            "name": name,
            "link": f"{settings.base_url}/n/{sign('notice', str(notice.id))}",
            "locale": locale,
            "base_url": settings.base_url,
        }
        return OutgoingMail(
            to=address,
            subject=words.title,
            text=render_template("mail/notice.txt", **page),
            html=render_template("mail/notice.html", **page),
        )
