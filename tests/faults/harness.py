"""The shop's own processes as children of a test: started, killed without mercy, waited for with a deadline."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from shop.sandbox.folder import PROJECT
from shop.sandbox.processes import free_port, spawn
from shop.sandbox.run import ALONE, web_command

PYTHON = sys.executable


def wait_until(true: Callable[[], object], seconds: float = 20, what: str = "") -> None:
    """Look again and again until it is true; fail with words at the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or true}")
        time.sleep(0.05)


@dataclass
class Processes:
    """Children that share one environment; whatever still runs at the end is killed."""

    database_url: str
    redis_url: str
    smtp_url: str = "smtp://127.0.0.1:1"
    extra: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    said: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def start(self, role: str, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """One process of that role in a group of its own."""
        settings = {
            "APP_ENV": "test",
            "FAIL_POINTS": "true",
            "RATE_LIMITS": "false",
            "PROCESS_ROLE": role,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SMTP_URL": self.smtp_url,
            **self.extra,
            **env,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROMETHEUS")}
        child = spawn(command, env={**kept, **settings}, cwd=PROJECT, output=self.said, when_parent_dies=signal.SIGKILL)
        self.running.append(child)
        return child

    def worker(
        self, queues: str = "route,notify,mail", processes: int = 2, app: str = "workers.app", **env: str
    ) -> subprocess.Popen[bytes]:
        """A Celery worker."""
        options = (
            f"worker --queues {queues} --concurrency {processes} --hostname {len(self.running)}@%h --loglevel WARNING"
        )
        quiet = ["-W", "ignore:You're running the worker with superuser", "-m", "celery", "--quiet", "--app", app]
        return self.start("worker", PYTHON, *quiet, *options.split(), *ALONE, **env)

    def relay(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """A relay, by the shop's command line or by `command`."""
        return self.start("relay", *(command or (str(Path(PYTHON).parent / "shop"), "relay")), **env)

    def web(self, port: int | None = None, app: str = "wsgi:app", **env: str) -> tuple[subprocess.Popen[bytes], str]:
        """The web server as `make run` starts it (or another application), and its address."""
        port = port or free_port()
        command = [*web_command(str(port))[:-1], app]
        child = self.start("web", *command, **{"PORT": str(port), **env})
        return child, f"http://127.0.0.1:{port}"

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """`kill -9` of the whole group: what a lost machine looks like."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)
        if child in self.running:
            self.running.remove(child)

    def words(self) -> str:
        """Everything the children said."""
        self.said.seek(0)
        return self.said.read().decode(errors="replace")


@contextlib.contextmanager
def processes(database_url: str, redis_url: str, **more: str) -> Iterator[Processes]:
    """Children for one test; none is left behind."""
    together = Processes(database_url, redis_url, **more)  # type: ignore[arg-type]
    try:
        yield together
    finally:
        for child in list(together.running):
            together.kill(child)
        together.said.close()


__all__ = ["Processes", "processes", "wait_until"]
