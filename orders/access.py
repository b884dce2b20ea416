"""The key that lets a guest follow an order without an account: a signature, so nothing has to be stored."""

from __future__ import annotations

from hmac import compare_digest

from flask import current_app
from itsdangerous import Signer


def access_key(number: str) -> str:
    """The key that belongs to an order's number; the same each time, until the shop's secret changes."""
    signer = Signer(str(current_app.secret_key), salt="order-access")
    return signer.get_signature(number).decode()


def check_access_key(number: str, key: str) -> bool:
    """Whether the key opens that order; compared in constant time."""
    return compare_digest(access_key(number).encode(), key.encode("utf-8", "replace"))
