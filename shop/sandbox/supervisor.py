"""Keep a handful of processes running: show what they say, start again what dies, stop them all together."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from shop.sandbox.processes import kill_group, spawn

SLOWEST_RESTART = 30.0
STEADY_AFTER = 30.0  # seconds a child must live before its next death counts as the first again
SECONDS_TO_STOP = 40.0  # a worker may finish its task (20 s soft stop); then everything is killed


class Part(Protocol):
    """A service of the sandbox (PostgreSQL, Redis, mail): starts itself and waits until it answers."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> object: ...
    def stop(self) -> None: ...


class Child:
    """One process of the shop: how to start it, and how often it died of late."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.name, self.command, self.env, self.cwd = name, command, env, cwd
        self.process: subprocess.Popen[bytes] | None = None
        self.unfinished = b""
        self.deaths = 0
        self.born = 0.0
        self.again_at: float | None = None

    def start(self) -> None:
        self.process = spawn(self.command, env=self.env, cwd=self.cwd, output=subprocess.PIPE)
        self.born = time.monotonic()
        self.again_at = None

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Owns the children and the sandbox's services; one thread, so that a child's parent never vanishes."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.parts: list[tuple[str, Part]] = []
        self.stop_requests = 0
        self.on_change: Callable[[list[int]], None] = lambda pids: None
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop

    def _ask_to_stop(self, *_: object) -> None:
        self.stop_requests += 1

    @property
    def stopping(self) -> bool:
        return self.stop_requests > 0

    def say(self, name: str, text: str) -> None:
        """One line for the person at the terminal; a terminal that went away means stop."""
        try:
            print(f"{name:<8}| {text}", flush=True)
        except (BrokenPipeError, OSError):
            self.stop_requests += 1
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  for the rest of this process

    def add_part(self, name: str, part: Part) -> None:
        """Start a service of the sandbox and look after it."""
        part.start()
        self.parts.append((name, part))

    def add(self, child: Child) -> None:
        """Start a process of the shop and look after it."""
        self.children.append(child)
        self._launch(child)

    def finish(self, child: Child) -> int:
        """Run a child to its end (a migration, the seeds), showing what it says; returns its exit status."""
        self._launch(child)
        while child.runs() and not self.stopping:
            self.turn()
        if child.runs() and child.process is not None:
            child.process.terminate()
        while child.runs():
            self.turn()
        self._drain(child)
        return child.process.returncode if child.process is not None else 1

    def turn(self, seconds: float = 0.25) -> None:
        """Wait a moment for output, deaths and signals, and do what they ask for."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            else:
                self._read(key.data)
        if not self.stopping:
            self._revive()

    def _launch(self, child: Child) -> None:
        child.start()
        if child.process is not None and child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
            self._selector.register(child.process.stdout, selectors.EVENT_READ, child)
        self.on_change([one.process.pid for one in self.children if one.process is not None])

    def _read(self, child: Child) -> bool:
        """Show the complete lines a child has said; False when there is nothing more to come."""
        if child.process is None or child.process.stdout is None or child.process.stdout.closed:
            return False
        try:
            got = os.read(child.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return False
        *lines, child.unfinished = (child.unfinished + got).split(b"\n")
        if not got:
            lines, child.unfinished = [child.unfinished] if child.unfinished else [], b""
            self._selector.unregister(child.process.stdout)
            child.process.stdout.close()
        for line in lines:
            self.say(child.name, line.decode(errors="replace"))
        return bool(got)

    def _drain(self, child: Child) -> None:
        while self._read(child):
            pass

    def _revive(self) -> None:
        for name, part in self.parts:
            if part.process is not None and part.process.poll() is not None:
                self.say(name, f"ended with status {part.process.returncode}, starting it again")
                kill_group(part.process.pid)
                part.start()
        for child in self.children:
            if child.runs() or child.process is None:
                continue
            if child.again_at is None:
                self._plan_restart(child)
            elif time.monotonic() >= child.again_at:
                self._launch(child)

    def _plan_restart(self, child: Child) -> None:
        assert child.process is not None  # noqa: S101  _revive looked
        self._drain(child)
        kill_group(child.process.pid)  # what it left behind would hold its port or its queue
        child.deaths = 1 if time.monotonic() - child.born > STEADY_AFTER else child.deaths + 1
        wait = min(0.5 * 2 ** (child.deaths - 1), SLOWEST_RESTART)
        child.again_at = time.monotonic() + wait
        self.say(child.name, f"ended with status {child.process.returncode}, starting it again in {wait:g} s")

    def stop(self) -> None:
        """Ask all children to end, wait while they finish their work, kill the rest, then stop the services.

        A second Ctrl-C (or SIGTERM) skips the waiting.
        """
        self.stop_requests = max(self.stop_requests, 1)
        self.say("run", "stopping; Ctrl-C again stops at once")
        running = [child for child in self.children if child.runs()]
        for child in running:
            if child.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        while running := [child for child in running if child.runs()]:
            if time.monotonic() > deadline or self.stop_requests > 1:
                self.say("run", f"killing {', '.join(child.name for child in running)}")
                break
            self.turn()
        for child in self.children:
            if child.process is not None:
                kill_group(child.process.pid)
                child.process.wait()
                self._drain(child)
        for name, part in reversed(self.parts):
            part.stop()
            self.say(name, "stopped")
