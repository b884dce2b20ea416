"""Where a person goes next: only to pages of this shop."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from shop.accounts.models import RoleName, User
from shop.accounts.policy import role_names

# The first room with a key, in this order, is where a person of staff goes after signing in.
FIRST_PAGES = {
    RoleName.COUNTER.value: "/counter",
    RoleName.COOPERATIVE.value: "/coop",
    RoleName.OFFICE.value: "/office",
    RoleName.BUYER.value: "/buyer",
}


def safe_path(target: str | None) -> str | None:
    """The target if it is a path of this shop; browsers read backslashes and '//' as another host."""
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return None
    if any(ord(letter) < 32 for letter in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def onward(default: str) -> Response:
    """Go where `next` says, else to `default`; 303, so that a reload sends nothing again."""
    target = safe_path(request.form.get("next") or request.args.get("next"))
    return redirect(target or default, 303)


def first_page(user: User) -> str:
    """Where a person begins: staff in their room, others in the shop."""
    roles = role_names(user)
    rooms = {str(rule).rstrip("/") for rule in current_app.url_map.iter_rules()}
    for role, path in FIRST_PAGES.items():
        if role in roles and path in rooms:
            return path
    return url_for("account.overview")
