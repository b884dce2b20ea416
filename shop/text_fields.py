"""A text in three languages as one field of a form: Chinese must be there, the others may be."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup, escape
from wtforms import Field, ValidationError

from shop.i18n import LOCALES

MOST = {False: 120, True: 4_000}


def three_inputs(field: NamesField, **_attributes: Any) -> Markup:
    """One input for each language, each with its label."""
    texts = field.data or {}
    parts = []
    for locale, language in LOCALES.items():
        name = f"{field.name}-{locale}"
        value, label = escape(texts.get(locale, "")), escape(language)
        box = f'id="{name}" name="{name}" lang="{locale}" maxlength="{MOST[field.long]}"'
        control = f'<textarea {box} rows="3">{value}</textarea>' if field.long else f'<input {box} value="{value}">'
        parts.append(f'<label class="small soft" for="{name}">{label}</label>{control}')
    return Markup(f'<div class="in-languages" id="{field.id}">{"".join(parts)}</div>')  # noqa: S704  escaped above


class NamesField(Field):
    """The texts of a JSON column, one box a language."""

    widget = staticmethod(three_inputs)

    def __init__(self, label: Any, *, long: bool = False, **more: Any) -> None:
        super().__init__(label, **more)
        self.long = long

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        """Read the boxes; on a fresh form the texts of the row."""
        self.process_errors: list[str] = []
        self.data = dict(data or {})
        if formdata and any(f"{self.name}-{locale}" in formdata for locale in LOCALES):
            typed = {locale: formdata.get(f"{self.name}-{locale}", "").strip() for locale in LOCALES}
            # A language we do not show stays as it was.
            kept = {locale: text for locale, text in self.data.items() if locale not in LOCALES}
            self.data = {**kept, **{locale: text for locale, text in typed.items() if text}}

    def pre_validate(self, form: Any) -> None:
        """Chinese is the language everybody falls back to."""
        if not self.long and not self.data.get("zh"):
            raise ValidationError(_("Please enter it in Chinese"))
        if any(len(text) > MOST[self.long] for text in self.data.values()):
            raise ValidationError(_("This text is too long"))
