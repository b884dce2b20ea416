"""A whole shop in processes of its own, as `make run` starts it, for tests and measurements."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from shop.sandbox.folder import PROJECT
from shop.sandbox.processes import free_port, wait_until

OWN_SETTINGS = ("DATABASE_URL", "REDIS_URL", "SMTP_URL", "MAIL_SINK_FOLDER", "APP_ENV", "SECRET_KEY")
SECONDS_TO_START = 150


class Run:
    """One `python -m shop.sandbox.run` on a folder and a port of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        settings.setdefault("PORT", str(free_port()))
        kept = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        env = {**kept, "YARLUNG_DATA": str(folder), **settings}
        self.address = f"http://127.0.0.1:{settings['PORT']}"
        self.said = folder.parent / f"{folder.name}.said"
        with self.said.open("ab") as said:
            command = [sys.executable, "-m", "shop.sandbox.run"]
            self.process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=env, cwd=PROJECT)

    def words(self) -> str:
        return self.said.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            return f"ready: {self.address}" in self.words() or self.process.poll() is not None

        assert wait_until(ready, SECONDS_TO_START, every=0.2), self.words()
        assert self.process.poll() is None, self.words()

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.address}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def end(self, sign: signal.Signals) -> None:
        """Send the signal and wait; whatever still runs on the folder is a fault."""
        self.process.send_signal(sign)
        self.process.wait(60)
        assert wait_until(lambda: not users_of(self.folder), 45, every=0.2), users_of(self.folder)


def users_of(folder: Path) -> dict[int, str]:
    """The processes that were started for this sandbox: its folder stands in their environment."""
    mark, found = f"YARLUNG_DATA={folder}".encode(), {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120]
    return found
