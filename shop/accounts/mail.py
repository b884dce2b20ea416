"""What the shop writes to a person about their account. Links are signed here, so no job row holds one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app, render_template
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from shop.accounts.models import User
from shop.accounts.registration import link_token
from shop.config import Settings
from shop.errors import NotFound
from shop.mail import OutgoingMail


def compose(session: Session, payload: dict[str, Any]) -> OutgoingMail:
    """The mail of an 'account.mail' job ({"kind", "user_id"}), in its reader's language.

    Raises NotFound when the account is gone or the kind unknown.
    """
    user = session.get(User, payload["user_id"])
    words = KINDS.get(payload["kind"])
    if user is None or words is None:
        raise NotFound
    settings: Settings = current_app.extensions["settings"]
    with force_locale(user.locale):
        content = words(user, settings.base_url)
        page = {**content, "name": user.name, "locale": user.locale, "base_url": settings.base_url}
        return OutgoingMail(
            to=user.email,
            subject=content["subject"],
            text=render_template("account/mail.txt", **page),
            html=render_template("account/mail.html", **page),
        )


def confirm(user: User, base: str) -> dict[str, Any]:
    """Welcome, and: is this your address?"""
    return {
        "subject": _("Welcome to Yarlung Market: please confirm your address"),
        "lines": [
            _("Your account is open and you can order at once."),
            _("Please confirm that this address is yours, so that your orders can be found again."),
        ],
        "label": _("Confirm my address"),
        "link": f"{base}/confirm/{link_token('confirm', user)}",
        "last": _("The link works for seven days. If you did not open an account, please ignore this mail."),
    }


def exists(user: User, base: str) -> dict[str, Any]:
    """Somebody tried to open an account with an address that has one."""
    return {
        "subject": _("You already have an account at Yarlung Market"),
        "lines": [
            _("Somebody wanted to open an account with your address. You have one already."),
            _("If it was you and the password is forgotten, choose a new one here."),
        ],
        "label": _("Choose a new password"),
        "link": f"{base}/reset",
        "last": _("If it was not you, nothing needs to be done."),
    }


def reset(user: User, base: str) -> dict[str, Any]:
    """The link to choose a new password."""
    return {
        "subject": _("Choose a new password for Yarlung Market"),
        "lines": [_("Somebody, probably you, asked for a new password for your account.")],
        "label": _("Choose a new password"),
        "link": f"{base}/reset/{link_token('reset', user)}",
        "last": _("The link works for two hours and once. If it was not you, your password stays as it is."),
    }


def password_changed(user: User, base: str) -> dict[str, Any]:
    """The password is another now."""
    return {
        "subject": _("Your password was changed"),
        "lines": [
            _("The password of your account was changed just now, and all devices were signed out."),
            _("If it was not you, please choose a new password at once."),
        ],
        "label": _("Choose a new password"),
        "link": f"{base}/reset",
        "last": "",
    }


def webhook_off(user: User, base: str) -> dict[str, Any]:
    """An address of theirs wants no more messages."""
    return {
        "subject": _("A webhook of yours was switched off"),
        "lines": [
            _("Its address answered 410, which says that it is gone for good. We send nothing more to it."),
            _("If this is a mistake, switch it on again by the API; messages of the meantime can be sent again."),
        ],
        "label": _("How webhooks work"),
        "link": f"{base}/api/v1/docs",
        "last": "",
    }


KINDS: dict[str, Callable[[User, str], dict[str, Any]]] = {
    "confirm": confirm,
    "exists": exists,
    "reset": reset,
    "password_changed": password_changed,
    "webhook_off": webhook_off,
}
