"""Numbers for Prometheus: requests by route, jobs that wait or died, and which processes were heard."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app, request

from shop.accounts.models import RoleName
from shop.accounts.policy import allow, current_person, current_token, role_names
from shop.config import Settings
from shop.db import db
from shop.errors import Forbidden
from shop.heartbeat import Heartbeat
from shop.outbox import Job
from shop.requests import seconds_taken

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def share_folder() -> None:
    """Let the processes of one web server count together: a folder named after its first, which loads this for all.

    Must run before prometheus_client is imported, which decides then where its numbers live.
    """
    if FOLDER in os.environ:
        return
    root = Path(tempfile.gettempdir())
    for old in root.glob(f"yarlung-metrics-{os.getuid()}-*"):
        if not Path("/proc", old.name.rsplit("-", 1)[1]).exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = root / f"yarlung-metrics-{os.getuid()}-{os.getpid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ[FOLDER] = str(folder)


share_folder()

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest  # noqa: E402
from prometheus_client.core import GaugeMetricFamily  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402
from prometheus_client.registry import Collector  # noqa: E402

metrics = Blueprint("metrics", __name__)

own = CollectorRegistry()
REQUESTS = Counter(
    "yarlung_requests_total", "Requests by route, method and status.", ["route", "method", "status"], registry=own
)
SECONDS = Histogram(
    "yarlung_request_seconds",
    "How long requests took, by route.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4),
    registry=own,
)


def init_app(app: Flask) -> None:
    """Count every request."""
    app.after_request(count)


def count(response: Response) -> Response:
    """One more request of that route; addresses nobody serves are counted together."""
    route = str(request.url_rule) if request.url_rule is not None else "none"
    REQUESTS.labels(route, request.method, str(response.status_code)).inc()
    SECONDS.labels(route).observe(seconds_taken())
    return response


class Pending(Collector):
    """What the database knows at this moment: jobs due and dead by topic, the oldest, the heartbeats."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        open_job = sa.and_(Job.done_at.is_(None), Job.dead_at.is_(None), Job.next_at <= sa.func.now())
        age = sa.func.extract("epoch", sa.func.now() - sa.func.min(Job.next_at))
        due = db.session.execute(sa.select(Job.topic, sa.func.count(), age).where(open_job).group_by(Job.topic)).all()
        dead = db.session.execute(
            sa.select(Job.topic, sa.func.count()).where(Job.dead_at.is_not(None)).group_by(Job.topic)
        ).all()
        heard = db.session.execute(
            sa.select(
                Heartbeat.kind, sa.func.extract("epoch", sa.func.now() - sa.func.max(Heartbeat.seen_at))
            ).group_by(Heartbeat.kind)
        ).all()
        yield gauge("yarlung_jobs_due", "Jobs whose time has come.", "topic", [(t, n) for t, n, _ in due])
        yield gauge(
            "yarlung_jobs_oldest_due_seconds", "How long the oldest waits.", "topic", [(t, a) for t, _, a in due]
        )
        yield gauge("yarlung_jobs_dead", "Jobs given up, for the office to retry.", "topic", [(t, n) for t, n in dead])
        yield gauge("yarlung_heartbeat_age_seconds", "Since a process was heard.", "kind", [(k, a) for k, a in heard])


def gauge(name: str, text: str, label: str, values: list[tuple[str, float]]) -> GaugeMetricFamily:
    """One family of numbers with one label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values:
        family.add_metric([value], float(number))
    return family


@metrics.get("/metrics")
@allow("anyone")
def show() -> Response:
    """The numbers of all processes of this web server. In production for the machine itself and the office."""
    settings: Settings = current_app.extensions["settings"]
    if settings.is_production and not is_trusted(settings):
        raise Forbidden
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(Pending())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def is_trusted(settings: Settings) -> bool:
    """Asked from this machine without a proxy between, or by somebody of the office."""
    if request.remote_addr in {"127.0.0.1", "::1"} and "X-Forwarded-For" not in request.headers:
        return True
    token = current_token()
    user = token.user if token is not None else current_person()
    return user is not None and RoleName.OFFICE.value in role_names(user)
