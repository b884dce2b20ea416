"""Who is signed in on which device: a row per sign-in, so that signing out is final and every device can be seen."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from blinker import Namespace
from flask import Flask, g, request, session
from flask_login import current_user
from flask_security.utils import login_user, logout_user
from sqlalchemy.orm import Session

from shop.accounts.models import LoginSession, RoleName, User
from shop.accounts.policy import in_api, role_names
from shop.db import db

# Sent after a sign-in with `person`; what a guest gathered (the cart) is then taken over.
signed_in = Namespace().signal("signed-in")

# What a guest brings along when signing in: the language, the cart, the orders this browser placed.
KEPT = ("locale", "cart", "orders")

# Counters and the office share devices and can do much: they are asked again soon.
STAFF = {RoleName.COUNTER.value, RoleName.OFFICE.value}
STAFF_LIMITS = (timedelta(minutes=30), timedelta(hours=12))
LIMITS = (timedelta(days=30), timedelta(days=90))


def hash_of(secret: str) -> bytes:
    """What the row keeps of the cookie's secret."""
    return hashlib.sha256(secret.encode()).digest()


def limits_for(user: User) -> tuple[timedelta, timedelta]:
    """How long a sign-in lasts without a request, and at most."""
    return STAFF_LIMITS if role_names(user) & STAFF else LIMITS


def sign_in(database: Session, user: User) -> None:
    """Sign this browser in under a new secret; nothing an attacker may have planted in the cookie survives."""
    kept = {key: session[key] for key in KEPT if key in session}
    end_current(database)
    session.clear()
    session.update(kept)
    session["locale"] = session.get("locale") or user.locale
    session.permanent = True
    secret = secrets.token_urlsafe(32)
    row = LoginSession(
        secret_hash=hash_of(secret),
        user_id=user.id,
        user_agent=request.headers.get("User-Agent", "")[:300],
        ip=request.remote_addr or "",
    )
    database.add(row)
    database.flush()
    session["login"] = secret
    login_user(user, remember=False, authn_via=["password"])
    g.login_session = row
    signed_in.send(sign_in, person=user)


def sign_out(database: Session) -> None:
    """Delete the row, so that a copy of the cookie opens nothing, and empty the cookie but for the language."""
    end_current(database)
    logout_user()
    locale = session.get("locale")
    session.clear()
    if locale:
        session["locale"] = locale


def end_current(database: Session) -> None:
    """Delete the row of this browser's sign-in, if there is one."""
    secret = session.get("login")
    if secret:
        database.execute(sa.delete(LoginSession).where(LoginSession.secret_hash == hash_of(str(secret))))


def end_others(database: Session, user: User) -> None:
    """Sign every other device of this person out."""
    current = g.get("login_session")
    others = sa.delete(LoginSession).where(LoginSession.user_id == user.id)
    if current is not None:
        others = others.where(LoginSession.id != current.id)
    database.execute(others)


def sessions_of(database: Session, user_id: int) -> list[LoginSession]:
    """A person's sign-ins, the one used last first."""
    statement = sa.select(LoginSession).where(LoginSession.user_id == user_id).order_by(LoginSession.seen_at.desc())
    return list(database.scalars(statement))


def end_session(database: Session, user_id: int, session_id: int) -> bool:
    """Sign one device of this person out; False if it is not theirs or gone."""
    mine = sa.delete(LoginSession).where(LoginSession.id == session_id, LoginSession.user_id == user_id)
    return bool(database.execute(mine).rowcount)  # type: ignore[attr-defined]


def load_person(uniquifier: str) -> User | None:
    """The person of this cookie: its row is there, within its limits, and the account is open.

    Flask-Login calls this once per request. `uniquifier` changes with the password.
    """
    secret = session.get("login")
    if in_api() or not secret or g.get("without_database"):
        return None
    now: Any = sa.func.now()
    found = db.session.execute(
        sa.select(LoginSession, User, now - LoginSession.seen_at, now - LoginSession.created_at)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.secret_hash == hash_of(str(secret)), User.fs_uniquifier == uniquifier, User.active)
    ).one_or_none()
    if found is None:
        return None
    row, idle, age = found.LoginSession, found[2], found[3]
    user: User = found.User
    idle_limit, absolute_limit = limits_for(user)
    if idle > idle_limit or age > absolute_limit:
        return None
    g.login_session = row
    g.last_seen = idle
    g.fs_authn_via = "session"
    g.fs_paa = session.get("fs_paa", 0)
    return user


def init_app(app: Flask) -> None:
    """Look at the sign-in at the start of each request, before the view begins its own work."""
    app.before_request(watch)


def watch() -> None:
    """Note that the device was seen, once a minute at most; drop a sign-in that has ended."""
    if "login" not in session or request.endpoint == "static" or in_api() or request.blueprint == "health":
        return
    if not current_user.is_authenticated:
        end_current(db.session())
        db.session.commit()
        for key in set(session) - {*KEPT, "csrf_token"}:
            session.pop(key)
        return
    if g.last_seen > timedelta(minutes=1):
        g.login_session.seen_at = sa.func.now()
    # The reading above opened a transaction; the view begins its own.
    db.session.commit()
