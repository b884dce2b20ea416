"""Start a child process that never outlives us, and stop it with everything it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
# Loaded before any fork: the child between fork and exec may only call what is already in memory.
_libc = ctypes.CDLL(None, use_errno=True)
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class SandboxError(Exception):
    """A part of the sandbox cannot be had on this machine; the text says why and what to do."""


def spawn(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[bytes] = subprocess.DEVNULL,
    ids: tuple[int, int] | None = None,
    when_parent_dies: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own, as `ids` (uid, gid) if given.

    The kernel sends it `when_parent_dies` when we are gone, even by SIGKILL. Linux ties that to the *thread*
    that forked, so anything but the main thread forks through one thread that lives as long as the process.
    """
    parent = os.getpid()

    def tie_to_parent() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(when_parent_dies), 0, 0, 0)
        if os.getppid() != parent:  # we died between fork and prctl
            os._exit(1)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            process_group=0,
            user=ids[0] if ids else None,
            group=ids[1] if ids else None,
            extra_groups=[] if ids else None,
            preexec_fn=tie_to_parent,  # noqa: PLW1509  setuid clears the death signal, so it must come last
        )

    if threading.current_thread() is threading.main_thread():
        return start()
    return _spawner.submit(start).result()


def stop(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal and wait its seconds; then kill whatever is left of the process group."""
    for sign, seconds in steps:
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    kill_group(process.pid)
    process.wait(10)


def kill_group(group: int) -> None:
    """Kill what a child left behind in its process group; nothing happens when nothing is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def wait_until(true: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Ask again and again until it is true; False when the time has passed."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True


def works_in(pid: int, folder: Path) -> bool:
    """Whether the process lives and `folder` is its working folder: servers stay in their data folder, a
    stranger that got the same number after a crash of the machine does not."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == folder.resolve()
    except OSError:
        return False


def stop_leftover(pid: int, folder: Path, sign: signal.Signals, seconds: float = 30) -> None:
    """End a server that an earlier, killed run left in `folder`."""
    if not works_in(pid, folder):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)
    if wait_until(lambda: not works_in(pid, folder), seconds):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    if not wait_until(lambda: not works_in(pid, folder), 10):
        raise SandboxError(f"Process {pid} still holds {folder} and does not end. Stop it, then try again.")


def free_port(preferred: int | None = None) -> int:
    """A TCP port on loopback that nobody listens on: the preferred one if it can still be had."""
    for port in filter(None, (preferred, 0)) if preferred else (0,):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    return free_port()


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens on the port."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def started_at(pid: int) -> int | None:
    """When a process was born, in clock ticks since the machine started; None when it does not live.

    Together with the number it names one process for good. A zombie is dead already.
    """
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else int(fields[19])
    return None
