"""Guessing is slow: each try is written down before it is checked, so that parallel guesses count too.

PostgreSQL keeps the count, because a guard that forgets when its memory is away is none. A device that has
signed in before is counted by itself: strangers who guess cannot lock its owner out.
"""

from __future__ import annotations

import hashlib
import secrets

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.accounts.models import LoginAttempt
from shop.errors import TooMany
from shop.signing import sign, unsign

MINUTES = 15
TRIES_PER_ACCOUNT = 10
TRIES_PER_ADDRESS = 50
DEVICE_SECONDS = 365 * 24 * 3600


def account_key(account: str, device: str = "") -> bytes:
    """Under what the tries at an account are counted; the table holds no addresses of people."""
    return hashlib.sha256(f"{account}\n{device}".encode()).digest()


def count_attempt(session: Session, kind: str, account: str, ip: str, *, device: str = "") -> int:
    """Write down a try and commit it, then see whether it is one too many. Returns the try's id.

    Raises TooMany. Of any number of parallel tries at most TRIES_PER_ACCOUNT come back: each sees all that
    were committed before it, its own included.
    """
    key = account_key(account, device)
    attempt = LoginAttempt(kind=kind, account_hash=key, ip=ip)
    session.add(attempt)
    session.commit()
    attempt_id = attempt.id
    if tries(session, LoginAttempt.account_hash == key, kind) > TRIES_PER_ACCOUNT:
        raise TooMany(MINUTES * 60)
    if tries(session, LoginAttempt.ip == ip, kind) > TRIES_PER_ADDRESS:
        raise TooMany(MINUTES * 60)
    return attempt_id


def tries(session: Session, where: sa.ColumnElement[bool], kind: str) -> int:
    """How many tries of that kind there were lately."""
    since = sa.func.now() - sa.text(f"interval '{MINUTES} minutes'")
    count = sa.select(sa.func.count()).where(where, LoginAttempt.kind == kind, LoginAttempt.at > since)
    return session.scalar(count) or 0


def forgive(session: Session, attempt_id: int) -> None:
    """The try was right: it is not held against its owner."""
    session.execute(sa.delete(LoginAttempt).where(LoginAttempt.id == attempt_id))


def forget_old_attempts(session: Session) -> int:
    """Remove the tries that count no more; returns how many."""
    old = sa.delete(LoginAttempt).where(LoginAttempt.at < sa.func.now() - sa.text("interval '1 day'"))
    return session.execute(old).rowcount  # type: ignore[attr-defined, no-any-return]


def known_device(account: str, cookie: str) -> str:
    """The device's name if the cookie proves that this account signed in on it before, else ''."""
    value = unsign("device", cookie, DEVICE_SECONDS) or ""
    owner, _, device = value.partition(":")
    return device if owner == account_key(account).hex() else ""


def device_cookie(account: str) -> str:
    """A new proof that this account signed in on this device."""
    return sign("device", f"{account_key(account).hex()}:{secrets.token_hex(8)}")
