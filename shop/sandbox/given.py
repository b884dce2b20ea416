"""What the person brought along: settings, port and services of their own, checked before anything starts."""

from __future__ import annotations

import os
import re
import socket

import psycopg
import redis
from dotenv import dotenv_values

from shop.sandbox.folder import PROJECT
from shop.sandbox.processes import SandboxError


def environment() -> dict[str, str]:
    """The environment over .env; an empty value counts as not set."""
    in_file = {name: value for name, value in dotenv_values(PROJECT / ".env").items() if value}
    return {**in_file, **{name: value for name, value in os.environ.items() if value}}


def require_free_port(text: str) -> None:
    """Refuse a port that is none, or that somebody else listens on."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SandboxError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    port = int(text)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise SandboxError(f"Only root may use port {port}. Choose another: PORT=8000 make run") from None
        except OSError:
            other = port + 1 if port < 65535 else 8000
            raise SandboxError(
                f"Port {port} cannot be used: another program listens there. "
                f"Stop it, or choose another port: PORT={other} make run"
            ) from None


def require_answers(env: dict[str, str]) -> None:
    """Refuse a DATABASE_URL or REDIS_URL behind which nobody answers."""
    if url := env.get("DATABASE_URL"):
        try:
            psycopg.connect(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url), connect_timeout=5).close()
        except psycopg.Error as error:
            raise SandboxError(f"DATABASE_URL is set, but no database answers there: {error}") from None
    if (url := env.get("REDIS_URL", "")).startswith(("redis://", "rediss://", "unix://")):
        try:
            redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5).ping()
        except (redis.RedisError, ValueError) as error:
            raise SandboxError(f"REDIS_URL is set, but no Redis answers there: {error}") from None
