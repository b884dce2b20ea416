"""A sheet of paper as an answer: in the reader's language where that can be set, else in Chinese."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, current_app
from flask_babel import force_locale

from shop.config import Settings
from shop.i18n import DEFAULT_LOCALE, current_locale
from shop.paper import LANGUAGES


def shop_address() -> str:
    """Where the shop is found, for whoever reads the paper."""
    settings: Settings = current_app.extensions["settings"]
    return settings.base_url


def on_paper(draw: Callable[[], bytes], name: str) -> Response:
    """What `draw` draws, as a PDF of that name to look at or to keep."""
    language = current_locale()
    with force_locale(language if language in LANGUAGES else DEFAULT_LOCALE):
        sheet = draw()
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(sheet, mimetype="application/pdf", headers=headers)
