"""Where the sandbox keeps its data between runs, who holds it now, and the secrets it made for itself."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from shop.sandbox.processes import SandboxError, kill_group, started_at

PROJECT = Path(__file__).resolve().parents[2]


class DataFolder:
    """One sandbox's data. Named after the project's path and the user, so that two clones do not share."""

    def __init__(self, path: Path | None = None) -> None:
        chosen = path or Path(os.environ.get("YARLUNG_DATA") or _own_place())
        self.path = chosen.expanduser().absolute()

    def prepare(self) -> DataFolder:
        """Make the folder; refuse one that is somebody else's."""
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        if self.path.stat().st_uid != os.geteuid():
            raise SandboxError(f"{self.path} belongs to another user. Set YARLUNG_DATA to your own.")
        self.path.chmod(0o711)  # PostgreSQL's account walks through; what is secret inside is closed itself
        return self

    def _write(self, name: str, value: object) -> None:
        """Write a small file of ours, whole or not at all, closed to others."""
        growing = self.path / f"{name}.part"
        growing.touch(mode=0o600)
        growing.write_text(json.dumps(value, indent=1))
        growing.rename(self.path / name)

    def _read(self, name: str) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError):
            value = json.loads((self.path / name).read_text())
            return {str(key): str(text) for key, text in value.items()}
        return {}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for one supervisor; the kernel lets go of it however the process dies."""
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SandboxError(self._who_runs()) from None
            try:
                yield
            finally:
                for name in ("environment", "processes"):
                    (self.path / name).unlink(missing_ok=True)

    def _who_runs(self) -> str:
        running = self._read("environment")
        where = f" at http://127.0.0.1:{running['PORT']}" if "PORT" in running else ""
        return (
            f"This project's sandbox is already running{where}. Stop it with Ctrl-C in its terminal, "
            "or start another beside it: YARLUNG_DATA=/var/tmp/another PORT=8001 make run"
        )

    def is_held(self) -> bool:
        """Whether a supervisor runs on this folder."""
        if not (self.path / "lock").exists():
            return False
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def secrets(self) -> dict[str, str]:
        """Random development secrets, made once: sign-ins survive a restart, and no repository knows them."""
        kept = self._read("secrets")
        if not kept:
            kept = {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "SECURITY_PASSWORD_SALT")}
            self._write("secrets", kept)
        return kept

    def publish(self, environment: dict[str, str]) -> None:
        """Leave the addresses of the running services for `make shop`."""
        self._write("environment", environment)

    def published(self) -> dict[str, str]:
        """The addresses of the running services; empty when nothing runs."""
        return self._read("environment") if self.is_held() else {}

    def remember_processes(self, pids: list[int]) -> None:
        """Note the children with their times of birth, for a run that comes after a crash of this one."""
        born = {str(pid): started_at(pid) for pid in pids}
        self._write("processes", {"machine": _this_boot(), **born})

    def end_leftovers(self) -> None:
        """Kill what children of an earlier, killed run did not end by themselves.

        A process that merely got the same number was born at another time and is left alone; a group whose
        leader is gone keeps its number until its last member is gone, so it is still ours.
        """
        noted = self._read("processes")
        if noted.pop("machine", "") != _this_boot():
            return
        for pid, born in noted.items():
            if str(started_at(int(pid))) in {born, "None"}:
                kill_group(int(pid))

    def seeded(self, database_url: str) -> bool:
        """Whether this database was given its first goods by an earlier run."""
        return (self.path / _seed_mark(database_url)).exists()

    def remember_seeded(self, database_url: str) -> None:
        (self.path / _seed_mark(database_url)).touch()


def _own_place() -> Path:
    """Below /var/tmp (kept over restarts of the machine, outside of homes), one per clone and user."""
    mark = hashlib.sha256(f"{PROJECT}:{os.geteuid()}".encode()).hexdigest()[:10]
    return Path("/var/tmp") / f"yarlung-market-{mark}"  # noqa: S108  owner checked in prepare()


def _seed_mark(database_url: str) -> str:
    return f"seeded-{hashlib.sha256(database_url.encode()).hexdigest()[:16]}"


def _this_boot() -> str:
    """Changes with each start of the machine: process numbers of before mean nothing then."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def main() -> int:
    """`make forget`: throw the sandbox's data away, unless it is in use."""
    folder = DataFolder()
    try:
        if folder.path.exists():
            with folder.prepare().held():
                shutil.rmtree(folder.path)
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder.path} is gone; the next `make run` starts with fresh seeds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
