"""The one place that turns a refusal or a failure into a page, or into problem+json for machines (RFC 9457)."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response as AnyResponse

from shop.accounts.policy import in_api
from shop.db import REPEATABLE, db, sqlstate
from shop.errors import Busy, DomainError, NotSignedIn, TooMany

log = logging.getLogger("shop.errors")

RETRY_AFTER = 5
PAGES = {400, 403, 404, 405, 409, 413, 422, 429, 500, 503}
TITLES: dict[int, Any] = {
    400: _l("This request could not be understood"),
    403: _l("You may not do this"),
    404: _l("This page does not exist"),
    405: _l("This is not possible here"),
    422: _l("Please check what was entered"),
    413: _l("This file is too large"),
    429: _l("Too many requests, please wait a little"),
    500: _l("Something went wrong on our side"),
    503: _l("The shop cannot be reached for a moment, please try again"),
}


def init_app(app: Flask) -> None:
    """Register every handler."""
    app.register_error_handler(DomainError, refused)
    app.register_error_handler(CSRFError, forged)
    app.register_error_handler(SecurityError, wrong_host)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(DBAPIError, database_error)
    app.register_error_handler(PoolTimeout, database_away)
    app.register_error_handler(RecursionError, nested_too_deep)
    app.register_error_handler(Exception, failed)


def problem(
    status: int, code: str, title: str, detail: str = "", errors: list[dict[str, Any]] | None = None
) -> Response:
    """A problem+json answer."""
    body: dict[str, Any] = {"type": f"/problems/{code}", "code": code, "title": title, "status": status}
    if detail and detail != title:
        body["detail"] = detail
    body["errors"] = errors or []
    response = jsonify(body)
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def page(status: int, title: str, detail: str = "", errors: list[dict[str, Any]] | None = None) -> Response:
    """The same as a page, with a way on; a status without a page of its own shows that of its kind."""
    shown = status if status in PAGES else (400 if status < 500 else 500)
    html = render_template(f"errors/{shown}.html", status=status, title=title, detail=detail, errors=errors or [])
    response = make_response(html, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def answer(
    status: int, code: str, title: Any, detail: Any = "", errors: list[dict[str, Any]] | None = None
) -> Response:
    """Problem+json under /api/, a page elsewhere."""
    if in_api():
        return problem(status, code, str(title), str(detail), errors)
    return page(status, str(title), str(detail), errors)


def refused(error: DomainError) -> AnyResponse:
    """What the business refuses. Whoever is not signed in is asked to, and comes back afterwards."""
    db.session.rollback()
    if isinstance(error, NotSignedIn) and not in_api():
        back = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("doors.login", next=back), 303)
    response = answer(error.status, error.code, error.title, error.detail, error.errors)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = "1"
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def forged(error: CSRFError) -> Response:
    """A form without our token: too old, or not from our page."""
    return answer(
        400,
        "csrf",
        _l("This form has expired"),
        _l("Nothing was changed. Please open the page again and send it once more."),
    )


def wrong_host(error: SecurityError) -> Response:
    """Asked under a name that is not ours: no page, for its links would bear that name."""
    return Response("400 unknown host\n", 400, mimetype="text/plain")


def http_error(error: HTTPException) -> AnyResponse:
    """Not found, too large, too often and their like."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    if status >= 500:
        without_database()
    code = "invalid" if status == 422 else error.name.lower().replace(" ", "_")
    response = answer(status, code, TITLES.get(status, error.name), errors=faults_in(error))
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after", "www-authenticate"}:
            response.headers[name] = value
    return response


def faults_in(error: HTTPException) -> list[dict[str, Any]]:
    """The fields a schema refused, one entry each; the schema library hangs them on the exception."""
    messages: Any = (getattr(error, "data", None) or {}).get("messages", {})
    found: list[dict[str, Any]] = []

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}.{name}" if path else str(name), inner)
        elif isinstance(value, list):
            found.extend({"field": path, "message": str(text)} for text in value)

    # The outermost level says where the field stood: in the body, the query or the path.
    for place in messages.values() if isinstance(messages, dict) else ():
        walk("", place)
    return found


def database_error(error: DBAPIError) -> Response:
    """A row that stays locked answers 409; a database that is away or too slow, 503; anything else is a fault."""
    db.session.rollback()
    state = sqlstate(error)
    if state in REPEATABLE:
        response = answer(Busy.status, Busy.code, Busy.title)
        response.headers["Retry-After"] = "1"
        return response
    # 57014: the statement took longer than a page may; 57P0x: the server is stopping or was stopped.
    if isinstance(error, OperationalError) or state.startswith("57") or error.connection_invalidated:
        return database_away(error)
    return failed(error)


def database_away(error: Exception) -> Response:
    """No connection in time: say so at once instead of piling up."""
    log.warning("the database does not answer", exc_info=error)
    without_database()
    response = answer(503, "unavailable", TITLES[503])
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def nested_too_deep(error: RecursionError) -> Response:
    """Nobody's order is a list in a list in a list: such JSON is the sender's fault, anything else ours."""
    if not request.is_json:
        return failed(error)
    db.session.rollback()
    return answer(400, "bad_request", TITLES[400])


def failed(error: Exception) -> Response:
    """A fault of ours: logged whole, told in a sentence."""
    log.error("a request failed", exc_info=error)
    without_database()
    return answer(500, "fault", TITLES[500])


def without_database() -> None:
    """From here on this request shows a page that asks the database for nothing."""
    g.without_database = True
    try:
        db.session.rollback()
    except DBAPIError:
        log.warning("the transaction could not be rolled back")
