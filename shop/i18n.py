"""Three languages: Chinese first, English and Tibetan complete; the reader's choice travels in the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel import Locale
from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel, get_locale, get_translations
from jinja2.nodes import EvalContext
from jinja2.utils import pass_eval_context
from markupsafe import Markup

LOCALES: dict[str, str] = {"zh": "中文", "bo": "བོད་ཡིག", "en": "English"}
DEFAULT_LOCALE = "zh"
# To read a language's name looks for its file: not at each page.
READ = {code: Locale.parse(code) for code in LOCALES}

babel = Babel()


def init_app(app: Flask) -> None:
    """Attach Babel: translations stand in shop/translations, times are shown in Asia/Shanghai."""
    app.config.update(
        BABEL_DEFAULT_LOCALE=DEFAULT_LOCALE,
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
        BABEL_TRANSLATION_DIRECTORIES=f"{app.root_path}/translations",
    )
    babel.init_app(app, locale_selector=lambda: READ[choose_locale()])
    # A page asks for some hundred texts: look the language up once, not at each of them.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: words().ugettext(text),
        ngettext=lambda one, many, count: words().ungettext(one, many, count),
        newstyle=True,
        pgettext=lambda context, text: words().upgettext(context, text),
        npgettext=lambda context, one, many, count: words().unpgettext(context, one, many, count),
    )
    app.jinja_env.globals["_"] = app.jinja_env.globals["gettext"] = in_template


@pass_eval_context
def in_template(context: EvalContext, text: str, **values: Any) -> str:
    """gettext() as templates call it: what the library's own does, in a third of its time, for most of a page's
    calls are this one."""
    found: str = words().ugettext(text)
    if context.autoescape:
        found = Markup(found)  # noqa: S704  our own translators' text; its values are escaped
    return found % values if values or "%" in found else found


def words() -> Any:
    """The texts of the current language, kept where Babel forgets them when the language changes."""
    kept = g.get("_flask_babel")
    found = getattr(kept, "babel_translations", None)
    if found is None:
        found = get_translations()
        if kept is not None:
            kept.babel_translations = found
    return found


def choose_locale() -> str:
    """The language of this request: chosen by the reader, else the browser's best match, else Chinese."""
    if not has_request_context():
        return DEFAULT_LOCALE
    forced = g.get("locale") or session.get("locale")
    if forced in LOCALES:
        return str(forced)
    return request.accept_languages.best_match(list(LOCALES), DEFAULT_LOCALE) or DEFAULT_LOCALE


def current_locale() -> str:
    """'zh', 'bo' or 'en': the language texts are now shown in (request, mail or command)."""
    # A page asks for each name it shows: first where Babel keeps the answer.
    locale = getattr(g.get("_flask_babel"), "babel_locale", None) if g else None
    locale = locale or get_locale()
    return locale.language if locale is not None and locale.language in LOCALES else DEFAULT_LOCALE


def localised(texts: Mapping[str, str] | None, locale: str | None = None) -> str:
    """The text in the reader's language, else Chinese, else whatever there is."""
    if not texts:
        return ""
    wanted = locale or current_locale()
    return texts.get(wanted) or texts.get(DEFAULT_LOCALE) or next(iter(texts.values()), "")
