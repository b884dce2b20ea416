"""What every request gets: an id that its log lines and jobs bear, and one line in the access log."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator

from flask import Flask, Response, abort, g, request
from werkzeug.routing import IntegerConverter

from shop.observability import current_request_id, follow_request

access_log = logging.getLogger("shop.access")

SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SECRET_PARTS = {"token", "key"}
NOT_LOGGED = {"/healthz", "/livez", "/readyz", "/metrics"}


class RowNumberConverter(IntegerConverter):
    """The number of a row in an address; one with more digits than a bigint holds is the address of nothing."""

    regex = r"\d{1,18}"


def init_app(app: Flask) -> None:
    """Attach to every request; the first hook in and the last one out."""
    app.url_map.converters["int"] = RowNumberConverter
    app.before_request(begin)
    app.before_request(know_no_nul)
    app.after_request(end)


def begin() -> None:
    """Take the caller's request id when it is harmless, else make one; start the clock."""
    given = request.headers.get("X-Request-Id", "")
    follow_request(given if SAFE_ID.fullmatch(given) else None)
    g.started = time.perf_counter()


def know_no_nul() -> None:
    """Nothing of ours holds the character NUL, and PostgreSQL would refuse the question."""
    if "\0" in request.path:
        abort(404)
    if any("\0" in text for text in typed()):
        abort(400)


def typed() -> Iterator[str]:
    """Every name and value of the address and of a form."""
    for values in (request.args, request.form):
        for name, value in values.items(multi=True):
            yield name
            yield value


def seconds_taken() -> float:
    """How long this request has taken so far."""
    return time.perf_counter() - float(g.get("started", time.perf_counter()))


def path_to_log() -> str:
    """The path; for links that open something by themselves only their route, for a log is read by many."""
    if request.url_rule is not None and SECRET_PARTS & set(request.view_args or {}):
        return str(request.url_rule)
    return request.path


def end(response: Response) -> Response:
    """Give the id back and write the access line: no query string, it may hold names or keys."""
    response.headers["X-Request-Id"] = current_request_id()
    if request.path not in NOT_LOGGED:
        access_log.info(
            "%s %s %s",
            request.method,
            path_to_log(),
            response.status_code,
            extra={
                "method": request.method,
                "route": str(request.url_rule or ""),
                "path": path_to_log(),
                "status": response.status_code,
                "ms": round(seconds_taken() * 1000, 1),
                "ip": request.remote_addr,
            },
        )
    return response
