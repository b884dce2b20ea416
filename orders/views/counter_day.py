"""The day's close at a counter: count, throw away, look at the differences, save, print the day."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from catalogue.counter_days import closes_today, outages_of
from catalogue.models import Counter
from orders.fulfilment import day as days
from orders.fulfilment.day import WASTE_REASONS, Entry, ShelfRow
from shop.accounts.policy import allow, current_actor, own_counter_ids
from shop.clock import shanghai_day, utcnow
from shop.db import db
from shop.errors import DomainError

counter_day = Blueprint("counter_day", __name__, url_prefix="/counter/day")

MOST_PACKS = 99_999


def here() -> Counter:
    """The counter the form or the address names, or one's own. Raises NotFound."""
    return days.own_counter(db.session(), own_counter_ids(), request.values.get("counter", "")[:40])


def different(counter: Counter) -> dict[str, Any]:
    """What is not as usual at the counter today, and what was typed about it, for the page's forms."""
    session, today = db.session(), shanghai_day(utcnow())
    return {
        "closes": closes_today(session, counter.id, today), "outages": outages_of(session, counter.id),
        "hours": next((one for one in counter.hours if one.weekday == today.weekday()), None), "asked": request.args,
    }  # fmt: skip


@counter_day.get("")
@allow("counter")
def close() -> str:
    """What should stand on the shelf, to be counted."""
    counter = here()
    return render_template(
        "counter/day.html", room="counter", counter=counter, rows=days.shelf(db.session(), counter.id), entries={},
        reasons=WASTE_REASONS, key=uuid.uuid4().hex, faults={}, checked=False, **different(counter),
    )  # fmt: skip


@counter_day.post("")
@allow("counter")
def save() -> tuple[str, int] | Response:
    """First show the differences; save when they are confirmed."""
    counter = here()
    rows = days.shelf(db.session(), counter.id)
    entries, faults = typed(rows)
    confirmed = "confirm" in request.form and not faults and entries
    if confirmed:
        try:
            changed = days.close_day(
                db.session(), counter, list(entries.values()), request.form.get("key", "")[:64] or uuid.uuid4().hex,
                current_actor(), utcnow(),
            )  # fmt: skip
        except DomainError as refusal:
            db.session.rollback()
            flash(str(refusal.detail), "bad")
        else:
            flash(
                ngettext("Saved: %(num)s change to the stock.", "Saved: %(num)s changes to the stock.", changed), "good"
            )
            return redirect(url_for("counter_day.day", counter=counter.code), 303)
    page = render_template(
        "counter/day.html", room="counter", counter=counter, rows=rows, entries=entries, reasons=WASTE_REASONS,
        key=request.form.get("key", "")[:64], faults=faults, checked=not faults and bool(entries), typed=request.form,
        **different(counter),
    )  # fmt: skip
    return page, 200 if not faults and entries else 422


def typed(rows: Sequence[ShelfRow]) -> tuple[dict[int, Entry], dict[int, str]]:
    """What was written beside each row, and what is wrong with it; rows left blank are not counted."""
    entries, faults = {}, {}
    for row in rows:
        counted, wasted = packs_of(f"counted-{row.level_id}"), packs_of(f"wasted-{row.level_id}")
        expected = packs_of(f"expected-{row.level_id}")
        reason = request.form.get(f"reason-{row.level_id}", "")
        if "?" in (counted, wasted):
            faults[row.level_id] = _("Please enter whole packs, or leave it blank")
        elif wasted and reason not in WASTE_REASONS:
            faults[row.level_id] = _("Please say why it is thrown away")
        elif wasted and int(wasted) > row.on_hand:
            faults[row.level_id] = _("There are only %(n)s packs of this lot", n=row.on_hand)
        elif counted or wasted:
            entries[row.level_id] = Entry(
                row.level_id, int(expected) if expected.isdecimal() else row.on_hand,
                int(counted) if counted else None, int(wasted or 0), reason if wasted else "",
            )  # fmt: skip
    return entries, faults


def packs_of(name: str) -> str:
    """The digits typed into a field, '' for a blank one, '?' for what is no number of packs."""
    text = request.form.get(name, "").strip()
    if not text:
        return ""
    return text if text.isascii() and text.isdecimal() and int(text[:9]) <= MOST_PACKS else "?"


@counter_day.get("/summary")
@allow("counter")
def day() -> str:
    """The day on paper: orders handed over, money taken, what was thrown away."""
    counter = here()
    try:
        wanted = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        wanted = shanghai_day(utcnow())
    return render_template(
        "counter/summary.html", room="counter", counter=counter,
        summary=days.summary(db.session(), counter, wanted), reasons=WASTE_REASONS,
    )  # fmt: skip
