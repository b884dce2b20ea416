"""One page for every edit of the office: the form, what others saved meanwhile, and what was changed before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DecimalField, Field, HiddenField
from wtforms.validators import InputRequired, NumberRange, Optional

from shop.accounts.policy import current_actor
from shop.db import db, in_transaction
from shop.edits import ChangedMeanwhile, Values, edit, history_of, seen_of, values_of
from shop.errors import DomainError, NotFound

Answer = Any
MOST_YUAN = 999_999


class EditForm(FlaskForm):
    """A form whose fields bear the names of the row's columns; `seen` is the sign of what was shown."""

    seen = HiddenField()


class YuanField(DecimalField):
    """Money typed in yuan, kept in fen; not `needed` it may be left empty."""

    def __init__(
        self, label: Any, validators: Sequence[Any] = (), least: str = "0.01", *, needed: bool = True, **more: Any
    ) -> None:
        checks = [
            InputRequired(_l("Please enter an amount")) if needed else Optional(),
            NumberRange(min=Decimal(least), max=MOST_YUAN, message=_l("Please enter an amount in yuan, as in 69.80")),
        ]
        super().__init__(label, [*checks, *validators], places=2, **more)

    def process_data(self, value: Any) -> None:
        """Fen become yuan."""
        self.data: Any = None if value is None else Decimal(value) / 100

    def process_formdata(self, valuelist: Any) -> None:
        """At most two decimals: a third is a slip, not a price."""
        super().process_formdata(valuelist)
        if self.data is not None and (not self.data.is_finite() or self.data != round(self.data, 2)):
            self.data = None
            raise ValueError(_("Please enter an amount in yuan, as in 69.80"))

    @property
    def fen(self) -> int:
        """The amount in fen; 0 for none."""
        return int((self.data or 0) * 100)


@dataclass(frozen=True)
class Editing:
    """What is edited: its table, the columns, its name in the audit, and the words of its page."""

    model: Any
    fields: tuple[str, ...]
    subject: str
    title: Any
    back: str
    back_label: Any
    then: Callable[[Any, Values, Values], None] | None = None
    parts: str = ""
    private: bool = False


def edit_row(what: Editing, row_id: int, form: type[EditForm], *, prepare: Any = None, **more: Any) -> Answer:
    """Show the form of a row, or save what was entered; on a conflict both versions are shown."""
    row = db.session.get(what.model, row_id)
    if row is None:
        raise NotFound()
    present = values_of(row, what.fields)
    filled = form(data=present)
    if prepare is not None:
        prepare(filled)
    if request.method == "GET":
        filled.seen.data = seen_of(present)
        return page(what, row_id, filled, 200, **more)
    if not filled.validate():
        return page(what, row_id, filled, 422, **more)
    changes, seen, actor = changes_of(filled, what.fields), filled.seen.data or "", current_actor()

    def save() -> None:
        edit(db.session(), what.model, row_id, changes, fields=what.fields, seen=seen, subject=what.subject,
             actor=actor, private=what.private, then=what.then)  # fmt: skip

    try:
        in_transaction(db.session(), save)
    except ChangedMeanwhile as conflict:
        now = values_of(db.session.get_one(what.model, row_id, populate_existing=True), what.fields)
        filled.seen.data = seen_of(now)
        return page(what, row_id, filled, 409, problem=conflict, now=words_of(filled, now), **more)
    except DomainError as refusal:
        return page(what, row_id, filled, refusal.status, problem=refusal, **more)
    flash(_("Saved"), "good")
    return redirect(request.path, 303)


def page(what: Editing, row_id: int, form: EditForm, status: int, **more: Any) -> tuple[str, int]:
    """The page with its form and the latest changes."""
    html = render_template(
        what.parts or "office/edit.html", form=form, what=what, row_id=row_id,
        history=history_of(db.session(), what.subject, row_id), **more,
    )  # fmt: skip
    return html, status


def changes_of(form: EditForm, fields: Sequence[str]) -> Values:
    """What was entered, by column; the fields of a JSON column in three languages are joined again."""
    return {name: value_of(form, name) for name in fields}


def value_of(form: EditForm, name: str) -> Any:
    """One field's value as its column keeps it."""
    field = form[name]
    if isinstance(field, YuanField):
        return None if field.data is None else field.fen
    return field.data


def words_of(form: EditForm, now: Values) -> list[tuple[str, str]]:
    """What the row says now, field by field, for somebody whose own version differs."""
    told = []
    for name, value in now.items():
        field: Field = form[name]
        mine = value_of(form, name)
        if mine != value:
            money = isinstance(field, YuanField) and value is not None
            shown = f"{Decimal(value) / 100:.2f}" if money else str(value)
            told.append((str(field.label.text), shown))
    return told
