"""How often one address may ask, counted in Redis (in memory when Redis is away).

Guessing passwords is counted in PostgreSQL instead (shop.accounts.throttle), where the count cannot be lost.
"""

from __future__ import annotations

from flask import Flask, request
from flask_limiter import ApplicationLimit, Limiter
from flask_limiter.util import get_remote_address

from shop.config import Settings

BROWSING = "600 per minute"
WRITING = "120 per minute"
WRITING_METHODS = {"POST", "PUT", "PATCH", "DELETE"}
PROBES = {"/healthz", "/livez", "/readyz", "/metrics"}


def init_app(app: Flask, settings: Settings) -> None:
    """Attach the limits. `rate_limits` off (tests and measurements only) lets everything pass."""
    limiter = Limiter(
        key_func=get_remote_address,
        application_limits=[
            ApplicationLimit(BROWSING, scope="all", exempt_when=is_not_counted),
            ApplicationLimit(WRITING, scope="writing", exempt_when=is_not_writing),
        ],
        storage_uri=storage(settings.redis_url),
        storage_options={"socket_connect_timeout": 0.5, "socket_timeout": 0.5},  # type: ignore[dict-item]
        strategy="fixed-window",
        key_prefix="yarlung",
        headers_enabled=True,
        swallow_errors=True,
        in_memory_fallback_enabled=True,
        enabled=settings.rate_limits,
    )
    limiter.init_app(app)


def storage(redis_url: str) -> str:
    """The address as the limiter wants it: a unix socket is written redis+unix://."""
    for prefix in ("redis+socket://", "unix://"):
        if redis_url.startswith(prefix):
            return "redis+unix://" + redis_url.removeprefix(prefix)
    return redis_url


def is_not_counted() -> bool:
    """Probes, and files that do not change, cost nothing worth counting."""
    return request.endpoint == "static" or request.path in PROBES


def is_not_writing() -> bool:
    """Reading is only counted against the wider limit."""
    return request.method not in WRITING_METHODS
