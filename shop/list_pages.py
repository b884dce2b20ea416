"""How a reader's address asks something of a list, and the address of its other pages and orders."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from shop.db import db
from shop.lists import ListPage, ListSpec, Wish, read_list


def asked(spec: ListSpec) -> Wish:
    """The wish in this request's address."""
    chosen = {one.key: request.args.get(one.key, "") for one in spec.filters}
    page = request.args.get("page", 1, type=int)
    return Wish(request.args.get("q", "").strip()[:100], chosen, request.args.get("sort", "")[:40], max(page, 1))


def list_url(found: ListPage, **changes: Any) -> str:
    """This list's address with something else asked; a new order begins at the first page."""
    wish = found.wish
    asked_now: dict[str, Any] = {"q": wish.q, "sort": wish.sort, **wish.chosen}
    asked_now.update(changes)
    kept = {key: value for key, value in asked_now.items() if value not in ("", None, 1)}
    return url_for(str(request.endpoint), **{**(request.view_args or {}), **kept})


def show_list(
    spec: ListSpec, title: Any, *, lead: Any = "", template: str = "components/list_page.html", **more: Any
) -> str:
    """A page that is a list."""
    found = read_list(db.session(), spec, asked(spec))
    return render_template(template, listing=found, title=title, lead=lead, list_url=list_url, **more)
