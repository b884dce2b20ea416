"""The office's room: what is going on, and the jobs that were parked."""

from __future__ import annotations

from math import ceil

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from orders.office.causes import name_causes
from orders.office.dashboard import Dashboard, at_risk_by_day, dashboard
from shop import jobs_office
from shop.accounts.policy import allow, current_actor
from shop.charts import BarChart, Figure, bar_chart
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError
from shop.i18n import localised
from shop.lists import MOST_PAGES, PER_PAGE
from shop.money import yuan
from shop.templating import day

office = Blueprint("office", __name__, url_prefix="/office")
office.record_once(lambda _state: name_causes())


@office.get("/")
@allow("office")
def home() -> str:
    """Figures of now, drawn and as tables."""
    found = dashboard(db.session(), utcnow())
    return render_template("office/home.html", room="office", board=found, charts=charts_of(found))


def charts_of(found: Dashboard) -> dict[str, BarChart]:
    """The dashboard's pictures; each has its table beside it."""
    days = [Figure(day(one.day), f"{one.day.day}", one.orders, str(one.orders)) for one in found.days]
    risk = [
        Figure(_("%(n)s days left", n=left), str(left), fen, yuan(fen))
        for left, fen in at_risk_by_day(found.risk).items()
    ]
    income = [
        Figure(localised(one.names), localised(one.names)[:4], one.total_fen, yuan(one.total_fen))
        for one in found.income
    ]
    return {"days": bar_chart(days), "risk": bar_chart(risk), "income": bar_chart(income[:10])}


@office.get("/jobs")
@allow("office")
def jobs() -> str:
    """Work that could not be done: what, why, and what to do about it."""
    page = min(max(request.args.get("page", 1, type=int), 1), MOST_PAGES)
    found, total = jobs_office.dead_jobs(db.session(), page=page, per_page=PER_PAGE)
    return render_template(
        "office/jobs.html", room="office", jobs=found, total=total, page=page, pages=max(ceil(total / PER_PAGE), 1),
        page_url=lambda number: url_for("office.jobs", page=number),
    )  # fmt: skip


@office.post("/jobs/<int:job_id>/retry")
@allow("office")
def retry(job_id: int) -> Response:
    """Try a parked job again."""
    in_transaction(db.session(), lambda: jobs_office.retry_job(db.session(), job_id, current_actor()))
    flash(_("The job is tried again."), "good")
    return redirect(url_for("office.jobs"), 303)


@office.post("/jobs/<int:job_id>/discard")
@allow("office")
def discard(job_id: int) -> Response:
    """Lay a parked job aside, with a note."""
    note = request.form.get("note", "")[:500]
    try:
        in_transaction(db.session(), lambda: jobs_office.discard_job(db.session(), job_id, current_actor(), note))
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("The job is laid aside."), "good")
    return redirect(url_for("office.jobs"), 303)
