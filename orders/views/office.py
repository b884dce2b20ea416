"""The office's room: what is going on, and the jobs that were parked."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from orders.models import Order
from orders.states import OPEN_ORDERS
from shop import jobs_office
from shop.accounts.policy import allow, current_actor
from shop.db import db, in_transaction
from shop.errors import DomainError

office = Blueprint("office", __name__, url_prefix="/office")


@office.get("/")
@allow("office")
def home() -> str:
    """Figures of now, and the latest orders."""
    counted = select(Order.status, func.count()).where(Order.status.in_(OPEN_ORDERS)).group_by(Order.status)
    latest = select(Order).order_by(Order.id.desc()).limit(50)
    return render_template(
        "office/home.html",
        room="office",
        by_status=dict(db.session.execute(counted).all()),
        orders=db.session.execute(latest).scalars().all(),
        parked=jobs_office.dead_jobs(db.session(), per_page=1)[1],
    )


@office.get("/jobs")
@allow("office")
def jobs() -> str:
    """Work that could not be done: what, why, and what to do about it."""
    found, total = jobs_office.dead_jobs(db.session())
    return render_template("office/jobs.html", room="office", jobs=found, total=total)


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
