"""The words and signs templates may use: money, weights, times, the language switch, the rooms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask, current_app, g, has_request_context, request, url_for
from flask_babel import format_date, format_datetime
from flask_babel import gettext as _
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from shop.accounts.models import RoleName
from shop.accounts.policy import current_person, role_names
from shop.audit_words import audit_action, audit_actor, audit_values
from shop.clock import shanghai
from shop.i18n import LOCALES, current_locale, localised
from shop.money import price_per_500_g, weight, weight_range, yuan
from shop.rooms import PAGES, ROOM_NAMES, ROOM_OF_ROLE


@dataclass(frozen=True)
class RoomLink:
    """One page of the room a person is in."""

    label: str
    href: str
    current: bool


def init_app(app: Flask) -> None:
    """Give templates their filters and globals."""
    app.jinja_env.filters.update(
        yuan=yuan,
        grams=weight,
        when=when,
        day=day,
        localised=localised,
        device=device,
        audit_action=audit_action,
        audit_actor=audit_actor,
        audit_values=audit_values,
    )
    app.jinja_env.globals.update(
        csrf_field=csrf_field,
        locales=list(LOCALES.items()),
        localised=localised,
        price_per_500_g=price_per_500_g,
        weight_range=weight_range,
    )
    app.context_processor(page_head)


def page_head() -> dict[str, Any]:
    """What every page's head shows; mails have no visitor and get the language only."""
    if not has_request_context():
        return {"locale": current_locale()}
    return {
        "locale": current_locale(),
        "cart_count": cart_count(),
        "room": room(),
        "room_links": room_links(),
        "my_rooms": my_rooms(),
    }


def when(moment: datetime | None) -> str:
    """A moment on the clocks of Wuhan, in the reader's way of writing it."""
    return "" if moment is None else str(format_datetime(shanghai(moment), "short", rebase=False))


def day(moment: date | datetime | None) -> str:
    """A calendar day; a moment is the day it falls on in Wuhan."""
    if moment is None:
        return ""
    value = shanghai(moment).date() if isinstance(moment, datetime) else moment
    return str(format_date(value, "medium", rebase=False))


def device(user_agent: str) -> str:
    """A browser and its system in words a person knows; the first that fits, for browsers name each other."""
    browsers = (
        *(("MicroMessenger", _("WeChat")), ("Edg", "Edge"), ("Firefox", "Firefox")),
        *(("Chrome", "Chrome"), ("Safari", "Safari")),
    )
    systems = (
        *(("HarmonyOS", "HarmonyOS"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad")),
        *(("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")),
    )
    found = [next((name for sign, name in known if sign in user_agent), "") for known in (browsers, systems)]
    return " · ".join(word for word in found if word) or _("Unknown device")


def csrf_field() -> Markup:
    """The hidden field every form that changes something carries."""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def person() -> Any:
    """The signed-in person, or None; also None on pages that must not touch the database."""
    return None if g.get("without_database") else current_person()


def cart_count() -> int:
    """How many packs are in this visitor's cart; the cart's own room says."""
    count: Callable[[], int] | None = current_app.extensions.get("cart_count")
    return 0 if count is None or g.get("without_database") else count()


def room() -> str:
    """The room this page belongs to: 'storefront', 'account', 'counter', 'coop', 'buyer', 'office' or 'sandbox'."""
    first = request.path.strip("/").split("/")[0]
    return first if first in {*ROOM_OF_ROLE.values(), "account", "sandbox"} else "storefront"


def room_links() -> list[RoomLink]:
    """The pages of this room, for those with a key to it; a view may hand its template others."""
    if person() is None or (room() in ROOM_NAMES and not any(link.current for link in my_rooms())):
        return []
    links = [(str(label), url_for(endpoint)) for label, endpoint in PAGES.get(room(), ())]
    above = [href for _label, href in links if is_above(href, request.path)]
    here = max(above, key=len, default="")
    return [RoomLink(label, href, href == here) for label, href in links]


def is_above(href: str, path: str) -> bool:
    """Whether a page is the one asked for, or the list it was reached from."""
    return path.rstrip("/") == href.rstrip("/") or path.startswith(href.rstrip("/") + "/")


def my_rooms() -> list[RoomLink]:
    """The rooms this person has a key to (the office has all) and that are open in this shop."""
    user = person()
    if user is None:
        return []
    roles, here = role_names(user), room()
    paths = {str(rule).rstrip("/") for rule in current_app.url_map.iter_rules()}
    return [
        RoomLink(str(ROOM_NAMES[name]), f"/{name}", here == name)
        for role, name in ROOM_OF_ROLE.items()
        if (role in roles or RoleName.OFFICE.value in roles) and f"/{name}" in paths
    ]
