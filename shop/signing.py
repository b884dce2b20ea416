"""Signed words: what we hand out in links and take back only if we wrote it ourselves."""

from __future__ import annotations

import hmac

from flask import current_app
from itsdangerous import BadData, Signer, URLSafeTimedSerializer


def sign(purpose: str, value: str) -> str:
    """A token that carries `value`, good for this purpose only."""
    return str(serializer(purpose).dumps(value))


def unsign(purpose: str, token: str, max_age: int | None = None) -> str | None:
    """The value of a token of ours made for this purpose, at most `max_age` seconds old; else None."""
    try:
        value = serializer(purpose).loads(token, max_age=max_age)
    except BadData:
        return None
    return value if isinstance(value, str) else None


def serializer(purpose: str) -> URLSafeTimedSerializer:
    """Signs with the shop's secret; each purpose has a salt of its own."""
    return URLSafeTimedSerializer(str(current_app.secret_key), salt=f"yarlung:{purpose}")


def derive(purpose: str, value: str) -> bytes:
    """32 bytes that belong to a value and a purpose, the same each time, until the shop's secret changes."""
    return hmac.digest(str(current_app.secret_key).encode(), f"yarlung:{purpose}:{value}".encode(), "sha256")


def seal(purpose: str, value: str) -> str:
    """The signature alone, the same each time for the same value, until the shop's secret changes."""
    return Signer(str(current_app.secret_key), salt=f"yarlung:{purpose}").get_signature(value).decode()
