"""The little form on every employer's page of the office: let somebody work here, or no longer."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask import flash, request
from flask_babel import gettext as _

from shop.accounts.people_office import add_member, remove_member
from shop.accounts.policy import current_actor
from shop.db import db, in_transaction
from shop.errors import DomainError

MOST_FEN = 99_999_999_99


def add_from_form(employer: str, employer_id: int) -> None:
    """Add whom the form names; say what came of it."""
    email, actor = request.form.get("email", "")[:254], current_actor()
    try:
        limit = fen_of(request.form.get("order_limit", ""))
        in_transaction(
            db.session(),
            lambda: add_member(db.session(), employer, employer_id, email, actor, order_limit_fen=limit),
        )
    except (DomainError, ValueError) as refusal:
        words = refusal.detail if isinstance(refusal, DomainError) else refusal
        flash(str(words), "bad")
    else:
        flash(_("%(email)s may work here now.", email=email), "good")


def fen_of(text: str) -> int | None:
    """Yuan as typed in fen; None when left empty. Raises ValueError with words for the reader."""
    if not text.strip():
        return None
    try:
        fen = Decimal(text.strip()) * 100
    except InvalidOperation:
        fen = Decimal(-1)
    if not fen.is_finite() or fen != int(fen) or not 0 <= fen <= MOST_FEN:
        raise ValueError(_("Please enter an amount in yuan, as in 69.80"))
    return int(fen)


def remove_from_form(employer: str, employer_id: int, membership_id: int) -> None:
    """End somebody's work here."""
    actor = current_actor()
    in_transaction(db.session(), lambda: remove_member(db.session(), employer, employer_id, membership_id, actor))
    flash(_("Removed"), "good")
