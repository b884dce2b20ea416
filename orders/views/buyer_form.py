"""What a buyer fills in: rows of SKU and cases, pasted rows, the counter, the day and the purchase order."""

from __future__ import annotations

import re
import secrets
from datetime import date

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from orders.bulk.place import BulkWish
from orders.bulk.quick_order import MOST_CASES, SentRows, UnreadRow, WantedRow, merged, read_pasted
from orders.checkout import MOST_LINES

TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")
BLANK_ROWS = 5


def stripped(value: str | None) -> str:
    """Without spaces around it."""
    return (value or "").strip()


class QuickOrderForm(FlaskForm):
    """The form without its rows, which are read by `rows()`."""

    organisation = SelectField(_l("Organisation"), coerce=int)
    counter = SelectField(_l("Delivery counter"))
    po_number = StringField(_l("PO number"), [InputRequired(_l("Please enter your PO number")), Length(max=60)],
                            filters=[stripped])  # fmt: skip
    needed_by = DateField(_l("Needed by"), [InputRequired(_l("Please say when you need the goods"))])
    note = TextAreaField(_l("Note (optional)"), [Optional(), Length(max=500)], filters=[stripped])
    pasted = TextAreaField(_l("Paste rows"), [Optional(), Length(max=20_000)])
    token = HiddenField()
    expected_total_fen = HiddenField()

    def offer(self, organisations: list[tuple[int, str]], counters: list[tuple[str, str]], first_day: date) -> None:
        """Fill in today's choices and, on a fresh form, a token of its own."""
        self.organisation.choices = [SelectChoice(*one) for one in organisations]
        self.counter.choices = [SelectChoice("", _l("Choose a counter")), *(SelectChoice(*one) for one in counters)]
        if not request.form and not self.needed_by.data:
            self.needed_by.data = first_day
        if not TOKEN.fullmatch(self.token.data or ""):
            self.token.data = secrets.token_urlsafe(24)

    def read_rows(self, sent: SentRows) -> tuple[WantedRow, ...]:
        """The rows as typed with those pasted or sent; what could not be taken stays in the box and is named."""
        typed = [
            WantedRow(code.strip().upper(), whole(cases))
            for code, cases in zip(request.form.getlist("code"), request.form.getlist("cases"), strict=False)
            if code.strip()
        ]
        pasted = read_pasted(self.pasted.data or "")
        rows = merged([*typed, *pasted.rows, *sent.rows])
        self.unread = (*pasted.unread, *sent.unread)
        self.too_many = rows[MOST_LINES:]
        kept = [*(row.text for row in self.unread), *(f"{row.code}\t{row.cases}" for row in self.too_many)]
        self.pasted.data = "\n".join(kept)
        return rows[:MOST_LINES]

    unread: tuple[UnreadRow, ...] = ()
    too_many: tuple[WantedRow, ...] = ()

    def placement_key(self) -> str:
        """What makes placing this order safe to repeat."""
        return f"buyer:{self.token.data}"

    def wish(self, expected_fen: int | None) -> BulkWish:
        """The order as filled in, without its rows."""
        return BulkWish(
            organisation_id=self.organisation.data,
            counter_code=self.counter.data,
            po_number=self.po_number.data,
            needed_by=self.needed_by.data,
            note=self.note.data,
            expected_total_fen=expected_fen,
        )


def whole(text: str) -> int:
    """A number of cases as typed; what is none counts as 0, which is then named as wrong."""
    return min(int(text), MOST_CASES + 1) if text.strip().isdecimal() else 0
