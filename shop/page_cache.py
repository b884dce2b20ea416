"""Pages that look the same to every stranger are drawn once in a few seconds, and kept in Redis.

It stands before the application: a page from here costs no session, no database and no template. Only pages of
the storefront are kept, only for visitors whose cookie says nothing that a page shows (no sign-in, no cart, no
counter of their own, no message waiting). A visitor's own form token is put in as the page goes out. Each process
shows copies of its own as long as nothing changed (shop.near_pages). Changes of
goods, prices and counters make all kept pages old at once; "how many are left" may be FRESH seconds late, and the
checkout knows better. Without Redis every page is drawn anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import redis
from flask import Flask, current_app, g, request, session
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import dump_cookie, parse_accept_header, parse_cookie

from shop.config import Settings
from shop.db import Base
from shop.i18n import DEFAULT_LOCALE, LOCALES
from shop.metrics import REQUESTS
from shop.near_pages import CHANNEL, NearPages

log = logging.getLogger("shop.page_cache")

# A page older than STALE is never shown; between the two one visitor waits for a new one and the others do not.
STALE_FACTOR = 5
SECONDS_WITHOUT_REDIS = 5.0
VERSION = "yarlung:pages:version"
EXACT = {"/", "/products", "/counters"}
BELOW = ("/c/", "/p/", "/cooperatives/", "/counters/")
FILTERS = {"page", "sort", "storage", "category", "cooperative"}
LONGEST_QUERY = 200
# What a cookie may hold without any page looking different.
UNSEEN = {"csrf_token", "locale", "orders", "_permanent"}
TOKEN_MARK = b"@@form-token@@"
# Headers that belong to one answer, not to the page.
OWN_HEADERS = {"set-cookie", "content-length", "x-request-id", "retry-after"}

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Kept:
    """A page as it stands in Redis."""

    version: str
    drawn_at: float
    headers: Headers
    body: bytes

    def is_older_than(self, seconds: float) -> bool:
        return time.time() - self.drawn_at > seconds

    def pack(self) -> bytes:
        head = json.dumps([self.version, self.drawn_at, self.headers])
        return head.encode() + b"\n" + self.body

    @classmethod
    def unpack(cls, packed: bytes) -> Kept:
        head, _, body = packed.partition(b"\n")
        version, drawn_at, headers = json.loads(head)
        return cls(version, drawn_at, [(name, value) for name, value in headers], body)


@dataclass(frozen=True)
class Visit:
    """Somebody who may be shown a kept page: under which key it stands, and what their cookie holds."""

    key: str
    cookie: dict[str, Any]


class PageCache:
    """The WSGI application in front of ours."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app = app
        self.inner: WSGIApplication = app.wsgi_app
        self.fresh = float(settings.page_cache_seconds)
        self.store = connect(settings.redis_url)
        self.near: NearPages[Kept] = NearPages(settings.redis_url)
        self.away_until = 0.0
        self.tokens = URLSafeTimedSerializer(str(app.secret_key), salt="wtf-csrf-token")
        self.cookies = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        self.cookie_name = str(app.config["SESSION_COOKIE_NAME"])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        visit = self.visit(environ)
        if visit is None or time.monotonic() < self.away_until:
            return self.inner(environ, start_response)
        try:
            kept, turn = self.near.find(visit.key)
            if kept is None or kept.is_older_than(self.fresh):
                version, kept, draw = self.look(visit.key)
                if kept is None or draw:
                    return self.draw(environ, start_response, visit, version)
                self.near.put(visit.key, kept, turn)
        except redis.RedisError:
            self.away_until = time.monotonic() + SECONDS_WITHOUT_REDIS
            log.warning("pages are drawn anew: Redis does not answer")
            return self.inner(environ, start_response)
        return self.show(kept, visit, start_response)

    def visit(self, environ: WSGIEnvironment) -> Visit | None:
        """Whether a kept page will do; None sends the request through."""
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] != "GET" or not (path in EXACT or path.startswith(BELOW)):
            return None
        if len(query) > LONGEST_QUERY or "HTTP_AUTHORIZATION" in environ:
            return None
        if not {name for name, _ in parse_qsl(query, keep_blank_values=True)} <= FILTERS:
            return None
        cookie = self.read_cookie(environ.get("HTTP_COOKIE", ""))
        if cookie is None or not cookie.keys() <= UNSEEN:
            return None
        locale = cookie.get("locale") or browser_locale(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        where = [environ.get("wsgi.url_scheme"), environ.get("HTTP_HOST"), path, query, locale]
        digest = hashlib.sha256(json.dumps(where).encode()).hexdigest()
        return Visit(f"yarlung:page:{digest}", cookie)

    def read_cookie(self, header: str) -> dict[str, Any] | None:
        """What our cookie holds: nothing if there is none, None if it is not ours."""
        value = parse_cookie(header).get(self.cookie_name) if header else None
        if not value:
            return {}
        try:
            held = self.cookies.loads(value, max_age=int(self.app.permanent_session_lifetime.total_seconds()))
        except BadSignature:
            return None
        return held if isinstance(held, dict) else None

    def look(self, key: str) -> tuple[str, Kept | None, bool]:
        """The version of today's pages, the kept one if it may be shown, and whether this visitor draws a new one."""
        version, packed = cast("list[bytes | None]", self.store.mget(VERSION, key))
        today = (version or b"0").decode()
        kept = Kept.unpack(packed) if packed else None
        if kept is None or kept.version != today:
            return today, None, True
        return (
            today,
            kept,
            kept.is_older_than(self.fresh)
            and bool(self.store.set(f"{key}:drawing", "1", nx=True, px=int(self.fresh * 1000))),
        )

    def draw(
        self, environ: WSGIEnvironment, start_response: StartResponse, visit: Visit, version: str
    ) -> Iterable[bytes]:
        """Let the application draw the page, show it, and keep it if it is one for everybody."""
        caught: list[tuple[str, Headers]] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            caught.append((status, headers))
            return start_response(status, headers, exc_info)

        body = list(self.inner(environ, start))
        status, headers = caught[-1]
        token: str = environ.get("yarlung.form_token", "")
        if status.startswith("200 ") and environ.get("yarlung.for_everybody"):
            page = b"".join(body)
            shared = [(name, value) for name, value in headers if not belongs_to_one(name)]
            page = page.replace(token.encode(), TOKEN_MARK) if token else page
            self.keep(visit.key, Kept(version, time.time(), shared, page))
        return body

    def keep(self, key: str, kept: Kept) -> None:
        """Put a page into Redis for a little while."""
        try:
            self.store.set(key, kept.pack(), px=int(self.fresh * STALE_FACTOR * 1000))
        except redis.RedisError:
            self.away_until = time.monotonic() + SECONDS_WITHOUT_REDIS

    def show(self, kept: Kept, visit: Visit, start_response: StartResponse) -> Iterable[bytes]:
        """A kept page, with the visitor's own form token in it."""
        headers, body = list(kept.headers), kept.body
        if TOKEN_MARK in body:
            raw = visit.cookie.get("csrf_token")
            if raw is None:
                raw = hashlib.sha1(os.urandom(64), usedforsecurity=False).hexdigest()
                headers.append(("Set-Cookie", self.cookie_with({**visit.cookie, "csrf_token": raw})))
            body = body.replace(TOKEN_MARK, str(self.tokens.dumps(raw)).encode())
        headers += [("Content-Length", str(len(body))), ("X-Request-Id", uuid.uuid4().hex)]
        REQUESTS.labels("kept page", "GET", "200").inc()
        start_response("200 OK", headers)
        return [body]

    def cookie_with(self, held: dict[str, Any]) -> str:
        """The session cookie as the application would set it."""
        config = self.app.config
        lasting = config["PERMANENT_SESSION_LIFETIME"] if held.get("_permanent") else None
        return dump_cookie(
            self.cookie_name, self.cookies.dumps(held), max_age=lasting, secure=config["SESSION_COOKIE_SECURE"],
            httponly=True, samesite=config["SESSION_COOKIE_SAMESITE"], path="/",
        )  # fmt: skip


def belongs_to_one(header: str) -> bool:
    """Whether a header is about one answer rather than about the page."""
    return header.lower() in OWN_HEADERS or header.lower().startswith("x-ratelimit-")


@lru_cache(maxsize=512)
def browser_locale(accept_language: str) -> str:
    """The language a browser asks for (shop.i18n.choose_locale says the same)."""
    accepted = parse_accept_header(accept_language, LanguageAccept)
    return accepted.best_match(list(LOCALES), DEFAULT_LOCALE) or DEFAULT_LOCALE


@lru_cache(maxsize=4)
def connect(url: str) -> redis.Redis:
    """Redis, asked briefly: a page must not wait for it."""
    return redis.Redis.from_url(url, socket_timeout=0.3, socket_connect_timeout=0.3)


def init_app(app: Flask, settings: Settings) -> None:
    """Stand before the application, and make kept pages old when what they show is changed. 0 seconds: off."""
    if settings.page_cache_seconds <= 0:
        return
    app.after_request(say_whether_for_everybody)
    app.wsgi_app = PageCache(app, settings)  # type: ignore[method-assign]


def say_whether_for_everybody(response: Any) -> Any:
    """Tell the cache whether the page just drawn shows nothing of its visitor, and which token its forms bear."""
    if session.keys() <= UNSEEN and response.mimetype == "text/html" and not g.get("without_database"):
        request.environ["yarlung.for_everybody"] = True
        request.environ["yarlung.form_token"] = g.get("csrf_token", "")
    return response


def shown_on_pages(*models: type[Base]) -> None:
    """Rows of these models stand on kept pages: a committed change of one makes every kept page old."""
    SHOWN.update(models)


SHOWN: set[type[Base]] = set()


def note_changes(database: Session, *_: Any) -> None:
    """Remember that this transaction changes what pages show."""
    changed = {type(one) for one in (*database.new, *database.dirty, *database.deleted)}
    if changed & SHOWN:
        database.info["pages_changed"] = True


def forget_pages(database: Session) -> None:
    """The change is committed: every kept page is old now."""
    if not database.info.pop("pages_changed", False) or not current_app:
        return
    settings: Settings = current_app.extensions["settings"]
    try:
        told = connect(settings.redis_url).pipeline(transaction=False)
        told.incr(VERSION)
        told.publish(CHANNEL, "")
        told.execute()
    except redis.RedisError:
        log.warning("kept pages stay for a moment: Redis does not answer")


event.listen(Session, "after_flush", note_changes)
event.listen(Session, "after_commit", forget_pages)
