"""Whether the shop is alive (for whoever restarts it) and ready (for whoever sends it visitors)."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shop.accounts.policy import allow
from shop.config import Settings
from shop.heartbeat import seconds_since

health = Blueprint("health", __name__)

DATABASE_MS = 500
REDIS_SECONDS = 0.5
LEAST_FREE_MB = 200
# A heartbeat is written every few seconds; three missed ones are a dead process.
HEARTBEAT_SECONDS = 30
KINDS = ("worker", "relay")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, and whether the shop can sell without it."""

    name: str
    ok: bool
    detail: str
    required: bool


@health.get("/healthz")
@health.get("/livez")
@allow("anyone")
def alive() -> Response:
    """The process answers. Touches nothing, so a database that is away restarts no web server."""
    return jsonify(status="ok")


@health.get("/readyz")
@allow("anyone")
def ready() -> tuple[Response, int]:
    """503 when orders cannot be taken; 200 with "degraded" when they can, but their work waits."""
    settings: Settings = current_app.extensions["settings"]
    findings = [*look_at_database(settings), look_at_disk(), look_at_redis(settings)]
    status = verdict(findings)
    body = {
        "status": status,
        "checks": {f.name: {"ok": f.ok, "detail": f.detail} for f in findings},
    }
    return jsonify(body), 503 if status == "unavailable" else 200


def verdict(findings: list[Finding]) -> str:
    """'unavailable' without a required part, 'degraded' without another, else 'ok'."""
    if any(not f.ok and f.required for f in findings):
        return "unavailable"
    return "ok" if all(f.ok for f in findings) else "degraded"


def look_at_database(settings: Settings) -> list[Finding]:
    """The database answers in time, knows our newest migration, and has heard from the workers."""
    try:
        with Session(probe_engine(settings.database_url)) as session:
            version = session.scalar(sa.text("SELECT version_num FROM alembic_version"))
            beats = [look_at_heartbeat(session, kind) for kind in KINDS] if version else []
    except SQLAlchemyError as error:
        if "alembic_version" in str(error):
            return [Finding("database", True, "answers", True), Finding("migrations", False, "none has run", True)]
        return [Finding("database", False, type(error).__name__, True)]
    head = newest_migration()
    current = Finding("migrations", version == head, f"{version or 'none'} of {head}", True)
    return [Finding("database", True, "answers", True), current, *beats]


def look_at_heartbeat(session: Session, kind: str) -> Finding:
    """Whether a process of that kind was heard lately."""
    age = seconds_since(session, kind)
    if age is None:
        return Finding(kind, False, "never heard", False)
    return Finding(kind, age <= HEARTBEAT_SECONDS, f"heard {age:.0f} s ago", False)


def look_at_disk(folder: str = "") -> Finding:
    """Whether this host can still set large uploads aside and write its logs."""
    free = shutil.disk_usage(folder or tempfile.gettempdir()).free // 1_000_000
    return Finding("disk", free >= LEAST_FREE_MB, f"{free} MB free", True)


def look_at_redis(settings: Settings) -> Finding:
    """Whether Redis answers in time."""
    url = settings.redis_url.replace("redis+socket://", "unix://", 1)
    client = redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        return Finding("redis", False, type(error).__name__, False)
    finally:
        client.close()
    return Finding("redis", True, "answers", False)


@lru_cache(maxsize=4)
def probe_engine(database_url: str) -> sa.Engine:
    """A connection of the probe's own, so that a full pool of the shop's does not look like a dead database."""
    connect_args: dict[str, Any] = {
        "connect_timeout": 2,
        "options": f"-c statement_timeout={DATABASE_MS} -c default_transaction_read_only=on",
        "tcp_user_timeout": DATABASE_MS,
        "application_name": "yarlung-probe",
    }
    return sa.create_engine(database_url, poolclass=sa.pool.NullPool, connect_args=connect_args)


@lru_cache(maxsize=1)
def newest_migration() -> str:
    """The number of the newest migration this code brings; their files are numbered in the order they run."""
    return max(script.name for script in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))[:4]
