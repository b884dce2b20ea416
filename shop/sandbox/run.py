"""`make run`: the whole shop on a laptop, with private services for what the environment does not name."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import http.client
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from shop.sandbox.folder import PROJECT, DataFolder
from shop.sandbox.given import environment, require_answers, require_free_port
from shop.sandbox.mail import MailSink
from shop.sandbox.postgres import Postgres
from shop.sandbox.processes import PR_SET_PDEATHSIG, SandboxError
from shop.sandbox.redis import Redis
from shop.sandbox.stripe.part import StripeStandIn
from shop.sandbox.supervisor import Child, Supervisor

SECONDS_TO_BE_READY = 180
DEATHS_BEFORE_READY = 3
PYTHON = sys.executable
SHOP = str(Path(sys.executable).parent / "shop")
# A laptop's root is warned about root by every worker at every start; servers do not start workers this way.
CALM = "ignore:You're running the worker with superuser"
CELERY = (PYTHON, "-W", CALM, "-m", "celery", "--quiet", "--app", "workers.app")

# Queue -> processes. A slow mail server must not hold up routing, so each kind of work has its own worker;
# on two cores the rare heavy queues share one process (docs/operations.md has the numbers for servers).
WORKERS = {"route": ("route", 2), "notify": ("notify,webhook,mail", 2), "bulk": ("maint,bulk", 1)}

PUBLISHED = (
    *("APP_ENV", "PORT", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "MAIL_SINK_FOLDER"),
    *("SECRET_KEY", "SECURITY_PASSWORD_SALT", "STRIPE_API_BASE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS"),
)


@dataclass
class Shop:
    """The environment all processes share, and the folder and supervisor of this run."""

    folder: DataFolder
    supervisor: Supervisor
    env: dict[str, str] = field(default_factory=dict)

    def to_publish(self) -> dict[str, str]:
        """What `make shop` needs to reach the running services."""
        return {name: self.env[name] for name in PUBLISHED if name in self.env}

    def child(self, name: str, role: str, *command: str) -> Child:
        return Child(name, command, {**self.env, "PROCESS_ROLE": role}, PROJECT)


def start_services(shop: Shop) -> None:
    """Start a private service for each of DATABASE_URL, REDIS_URL, SMTP_URL and STRIPE_SECRET_KEY that is not set."""
    root, env, supervisor = shop.folder.path, shop.env, shop.supervisor
    if "DATABASE_URL" not in env:
        postgres = Postgres(root / "postgres")
        supervisor.add_part("postgres", postgres)
        env["DATABASE_URL"] = postgres.url
        supervisor.say("postgres", f"a private PostgreSQL in {postgres.folder}")
    if "REDIS_URL" not in env:
        redis = Redis(root / "redis")
        supervisor.add_part("redis", redis)
        env["REDIS_URL"] = redis.url
        supervisor.say("redis", f"a private Redis on port {redis.port}")
    if "SMTP_URL" not in env:
        mail = MailSink(root / "mail")
        supervisor.add_part("mail", mail)
        env["SMTP_URL"], env["MAIL_SINK_FOLDER"] = mail.url, str(mail.mails)
        supervisor.say("mail", f"mails go to the mailbox at http://127.0.0.1:{env['PORT']}/sandbox/mail")
    if env["APP_ENV"] == "development" and "STRIPE_SECRET_KEY" not in env:
        stripe = StripeStandIn(root / "stripe", to=f"http://127.0.0.1:{env['PORT']}/webhooks/stripe")
        supervisor.add_part("stripe", stripe)
        env.update(stripe.environment)
        supervisor.say("stripe", "no STRIPE_SECRET_KEY: a stand-in takes payments, and you play the customer")


def prepare_database(shop: Shop) -> None:
    """Bring the tables up to date; give a new development database its first goods."""
    run_once(shop, "migrate", "The database cannot be brought up to date; see the lines above.")
    if shop.env["APP_ENV"] != "development" or shop.folder.seeded(shop.env["DATABASE_URL"]):
        return
    if run_once(shop, "seed", "The first goods cannot be brought in; see the lines above."):
        shop.folder.remember_seeded(shop.env["DATABASE_URL"])


def run_once(shop: Shop, verb: str, refusal: str) -> bool:
    """Run `shop VERB` to its end. A failure stops the start; False means that somebody asked to stop."""
    status = shop.supervisor.finish(shop.child(verb, "migrate", SHOP, verb))
    if status and not shop.supervisor.stopping:
        raise SandboxError(refusal)
    return status == 0


def start_processes(shop: Shop) -> None:
    """The web server, a Celery worker per kind of work, the outbox relay and the clock."""
    add, child = shop.supervisor.add, shop.child
    add(child("web", "web", *web_command(shop.env["PORT"])))
    for name, (queues, processes) in WORKERS.items():
        role = "bulk_worker" if name == "bulk" else "worker"
        add(child(name, role, *worker_command(name, queues, processes)))
    add(child("relay", "relay", SHOP, "relay"))
    add(child("beat", "beat", *beat_command(shop.folder.path / "beat")))


def web_command(port: str) -> list[str]:
    """The web server: two processes, each with eight threads for pages, as many as it has database connections, and
    four for open streams (`WEB_THREADS`, `LIVE_STREAMS`)."""
    return [PYTHON, "-m", "shop.web_server", "--host", "127.0.0.1", "--port", port, "wsgi:app"]


# Workers need no word from each other. Their heartbeat's first word waits for Redis for ever, and no SIGTERM ends that:
# a worker that was just starting when its Redis went away stayed. That they live they write into the database.
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def worker_command(name: str, queues: str, processes: int) -> list[str]:
    """A Celery worker for some queues."""
    options = f"--queues {queues} --concurrency {processes} --hostname {name}@%h --loglevel INFO"
    return [*CELERY, "worker", *options.split(), *ALONE]


def beat_command(memory: Path) -> list[str]:
    """Celery's clock; it only ticks, and a tick too many does no harm."""
    return [*CELERY, "beat", "--schedule", str(memory), "--loglevel", "INFO"]


def wait_until_ready(shop: Shop) -> None:
    """Wait for /readyz; give up when a process keeps dying or nothing answers in time."""
    supervisor, deadline = shop.supervisor, time.monotonic() + SECONDS_TO_BE_READY
    while not supervisor.stopping and not is_ready(int(shop.env["PORT"])):
        supervisor.turn()
        for child in supervisor.children:
            if child.deaths >= DEATHS_BEFORE_READY:
                raise SandboxError(f"`{child.name}` does not start; its last lines are above.")
        if time.monotonic() > deadline:
            raise SandboxError(f"/readyz did not answer 200 within {SECONDS_TO_BE_READY} s.")


def is_ready(port: int) -> bool:
    """Whether the web server says that database, migrations and workers are there."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with contextlib.closing(connection):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
    return False


def welcome(shop: Shop) -> None:
    """Say where the shop is and who may sign in."""
    logins = subprocess.run(
        [SHOP, "demo-logins"],
        check=False,
        capture_output=True,
        env={**shop.env, "PROCESS_ROLE": "report"},
        cwd=PROJECT,
    )
    if logins.returncode == 0:
        print(logins.stdout.decode(errors="replace").rstrip(), flush=True)
    print(f"ready: http://127.0.0.1:{shop.env['PORT']}", flush=True)


def run(shop: Shop) -> None:
    """Start everything, look after it until somebody asks to stop."""
    require_free_port(shop.env["PORT"])
    require_answers(shop.env)
    shop.folder.end_leftovers()
    shop.supervisor.on_change = shop.folder.remember_processes
    start_services(shop)
    shop.folder.publish(shop.to_publish())
    if not shop.supervisor.stopping:
        prepare_database(shop)
    if not shop.supervisor.stopping:
        start_processes(shop)
    wait_until_ready(shop)
    if not shop.supervisor.stopping:
        welcome(shop)
    while not shop.supervisor.stopping:
        shop.supervisor.turn()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--end-with-parent", action="store_true", help="stop when the program that started this dies")
    if parser.parse_args(arguments).end_with_parent:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    supervisor = Supervisor()
    try:
        folder = DataFolder().prepare()
        with folder.held():
            shop = Shop(folder, supervisor, {**folder.secrets(), **environment()})
            shop.env.setdefault("APP_ENV", "development")
            if shop.env["APP_ENV"] == "development":
                shop.env.setdefault("OUTGOING_TO_LOOPBACK", "true")
            shop.env.setdefault("PORT", "8000")
            shop.env["PYTHONUNBUFFERED"] = "1"
            try:
                run(shop)
            finally:
                supervisor.stop()
    except SandboxError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
