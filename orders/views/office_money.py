"""The office's doors to money: what needs a person, refunds, the ledger to take along."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from orders.office.giving_back import give_back_goods
from orders.office.money import ledger_table, money_page, paid_payment, settle_finding
from orders.office.timeline import order_for_office
from orders.payments.paying import look_at_all
from orders.payments.providers import payment_gateway
from orders.payments.refunds import (
    Wish,
    approve_refund,
    decline_refund,
    lock_payment,
    note_manual,
    request_refund,
    retry_refund,
)
from shop.accounts.policy import allow, current_actor
from shop.clock import utcnow
from shop.db import db, in_transaction
from shop.errors import DomainError, Invalid, NotFound
from shop.sheets.write import download

office_money = Blueprint("office_money", __name__, url_prefix="/office/money")

# Why a person gives a sum back; packs and grams say so themselves, and the shop's own clerks have more reasons.
REASONS = ("goodwill", "short")


@office_money.get("")
@allow("office")
def money() -> str:
    """What about money waits for somebody."""
    return render_template("office/money.html", money=money_page(db.session()))


@office_money.get("/ledger.<kind>")
@allow("office")
def ledger(kind: str) -> Response:
    """Every movement of money, for a spreadsheet."""
    return download(ledger_table(db.session()), "ledger", kind)


def attempt(work: Callable[[], Any], good: str, target: str) -> AnyResponse:
    """Do it in one transaction, say how it went, go back."""
    try:
        in_transaction(db.session(), work)
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(good, "good")
    return redirect(target, 303)


@office_money.post("/findings/<int:finding_id>")
@allow("office")
def settle(finding_id: int) -> AnyResponse:
    """A finding was dealt with."""
    note, actor = request.form.get("note", ""), current_actor()
    work = lambda: settle_finding(db.session(), finding_id, note, actor)  # noqa: E731
    return attempt(work, _("The finding is settled."), url_for("office_money.money"))


@office_money.post("/refunds/<int:refund_id>/<step>")
@allow("office")
def refund_step(refund_id: int, step: str) -> AnyResponse:
    """Agree to a proposed refund or not; try a failed one again or note how it was paid."""
    actor, reference, session = current_actor(), request.form.get("reference", ""), db.session()
    steps: dict[str, Callable[[], Any]] = {
        "agree": lambda: approve_refund(session, refund_id, actor, utcnow()),
        "decline": lambda: decline_refund(session, refund_id, actor),
        "retry": lambda: retry_refund(session, refund_id, actor, utcnow()),
        "manual": lambda: note_manual(session, refund_id, reference, actor),
    }
    if step not in steps:
        raise NotFound
    return attempt(steps[step], _("Done."), url_for("office_money.money"))


def found_id(number: str) -> tuple[int, str]:
    """The order's id, and the address of its page."""
    order = order_for_office(db.session(), number)
    if order is None:
        raise NotFound
    return order.id, url_for("office_orders.order", number=order.number)


@office_money.post("/orders/<number>/refund")
@allow("office")
def refund(number: str) -> AnyResponse:
    """Give money back for a paid order: whole packs of its lines, grams that were short, or a sum."""
    order_id, page = found_id(number)
    actor, form = current_actor(), request.form

    packs, grams, sent = typed_counts("packs-"), typed_counts("grams-"), form_sent()

    def work() -> None:
        if packs or grams:
            give_back_goods(db.session(), order_id, packs, grams, form.get("note", "")[:500], actor, utcnow(),
                            sent)  # fmt: skip
            return
        wish = Wish(typed_fen(form.get("amount", "")), typed_reason(form.get("why", "")), form.get("note", "")[:500],
                    form=sent)  # fmt: skip
        _order, payment = lock_payment(db.session(), paid_payment(db.session(), order_id))
        request_refund(db.session(), payment, wish, actor, utcnow())

    return attempt(work, _("The refund is decided. The customer is told."), page)


@office_money.post("/orders/<number>/look")
@allow("office")
def look(number: str) -> AnyResponse:
    """Ask the provider how the order's money stands."""
    order_id, page = found_id(number)
    gateway = payment_gateway()
    if gateway is None:
        raise NotFound
    try:
        look_at_all(db.session(), gateway, order_id)
    except DomainError as refusal:
        flash(str(refusal.detail), "bad")
    else:
        flash(_("The provider was asked."), "good")
    return redirect(page, 303)


def form_sent() -> str:
    """A name for the form as it was sent: the same however often it is pressed, another for whatever else is typed.

    '' for a form that does not bring the mark its page gave it.
    """
    typed = {name: text.strip() for name, text in request.form.items() if name != "csrf_token"}
    return hashlib.sha256(json.dumps(typed, sort_keys=True).encode()).hexdigest()[:40] if typed.get("form") else ""


def typed_counts(prefix: str) -> dict[int, int]:
    """Packs or grams to give back by line, as typed; lines left empty are left out."""
    typed = {name.removeprefix(prefix): text.strip() for name, text in request.form.items() if name.startswith(prefix)}
    return {
        int(line_id): int(text)
        for line_id, text in typed.items()
        if line_id.isdecimal() and len(line_id) < 19 and text.isdecimal() and len(text) < 7 and int(text)
    }


def typed_fen(text: str) -> int:
    """Yuan as typed, with at most two decimals, in fen. Raises Invalid."""
    try:
        fen = Decimal(text.strip().lstrip("¥")) * 100
    except InvalidOperation:
        raise Invalid(_("Please enter an amount"), errors=[{"field": "amount"}]) from None
    if not fen.is_finite() or fen != int(fen) or not 0 < fen < 10**8:
        raise Invalid(_("Please enter an amount"), errors=[{"field": "amount"}])
    return int(fen)


def typed_reason(text: str) -> str:
    """Why. Raises Invalid."""
    if text not in REASONS:
        raise Invalid(errors=[{"field": "why"}])
    return text
