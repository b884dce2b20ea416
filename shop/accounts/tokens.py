"""Keys for machines: made once, shown once, kept only as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from flask import g, request
from sqlalchemy.orm import Session

from shop.accounts.models import ApiToken, User
from shop.accounts.policy import SCOPES, in_api
from shop.db import db
from shop.errors import Invalid, NotSignedIn

PREFIX = "yar_"
HINT_LENGTH = 8


def digest(secret: str) -> bytes:
    """What is kept of a secret. It is random and long, so one fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def create_token(session: Session, user: User, scopes: Iterable[str], name: str) -> str:
    """A new key for this person's machines; the answer is the only time it can be read.

    Raises Invalid for a scope that does not exist, or for none.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise Invalid(errors=[{"field": "scopes", "unknown": unknown, "known": sorted(SCOPES)}])
    secret = PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiToken(user_id=user.id, token_hash=digest(secret), hint=secret[:HINT_LENGTH], name=name, scopes=wanted)
    )
    session.flush()
    return secret


def authenticate(session: Session, header: str) -> ApiToken | None:
    """The token an Authorization header carries, if it is good and its owner may still come in."""
    scheme, _, secret = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        return None
    token = session.scalar(
        sa.select(ApiToken)
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.token_hash == digest(secret.strip()), ApiToken.revoked_at.is_(None), User.active)
    )
    if token is not None:
        note_use(session, token)
    return token


def note_use(session: Session, token: ApiToken) -> None:
    """Remember that the token was used, once a minute at most: one write per request would be many."""
    session.execute(
        sa.update(ApiToken)
        .where(
            ApiToken.id == token.id,
            sa.or_(
                ApiToken.last_used_at.is_(None),
                ApiToken.last_used_at < sa.func.now() - sa.text("interval '1 minute'"),
            ),
        )
        .values(last_used_at=sa.func.now())
        .execution_options(synchronize_session=False)
    )


def tokens_of(session: Session, email: str) -> Sequence[ApiToken]:
    """A person's keys, the oldest first."""
    statement = sa.select(ApiToken).join(User, User.id == ApiToken.user_id).where(User.email == email.strip().lower())
    return session.scalars(statement.order_by(ApiToken.id)).all()


def revoke_token(session: Session, token: ApiToken) -> None:
    """The token opens nothing any more."""
    token.revoked_at = sa.func.now()
    session.flush()


def read_bearer_token() -> None:
    """Before each request: recognise its token. A bad token under /api/ is refused, not taken for a guest."""
    g.api_token = None
    header = request.headers.get("Authorization", "")
    if not header:
        return
    g.api_token = authenticate(db.session(), header)
    db.session.commit()
    if g.api_token is None and in_api():
        raise NotSignedIn
