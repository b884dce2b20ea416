"""A base backup and an archive of the write-ahead log: a server comes back as it was at any moment since."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from shop.sandbox import account
from shop.sandbox.postgres import PORT_IN_NAME, Postgres
from shop.sandbox.processes import SandboxError

# A piece of the log is closed and copied after so long, so that a lost disk costs the last 60 s at most.
SECONDS_TO_ARCHIVE = 50


def archiving(archive: Path) -> Mapping[str, str]:
    """Settings of a server that keeps every finished piece of its log in the folder `archive` (made here)."""
    hand_over(archive)
    part = f"{archive}/%f.part"
    return {
        "archive_mode": "on",
        "archive_timeout": str(SECONDS_TO_ARCHIVE),
        # Written beside its place and moved there: a half-copied piece is never taken for whole.
        "archive_command": f'test ! -f "{archive}/%f" && cp "%p" "{part}" && mv "{part}" "{archive}/%f"',
    }


def hand_over(folder: Path) -> None:
    """Make a folder into which the server's account may write."""
    folder.mkdir(parents=True)
    ids = account.unprivileged_ids()
    if ids is not None:
        os.chown(folder, *ids)


def base_backup(server: Postgres, into: Path) -> None:
    """Copy the running server to the folder `into` and compare every file with its list. Raises SandboxError."""
    hand_over(into)
    connection = ("--host", str(server.sockets), "--port", str(server.port or PORT_IN_NAME), "--username", "postgres")
    listed = ("--checkpoint", "fast", "--manifest-checksums", "SHA256", "--no-password")
    server.run("pg_basebackup", "--pgdata", into, *listed, *connection)
    verify(into)


def verify(backup: Path) -> None:
    """Every file of the backup is as its list says (pg_verifybackup of the wheel does not start)."""
    listed = json.loads((backup / "backup_manifest").read_text())["Files"]
    wrong = [one["Path"] for one in listed if sum_of(backup / one["Path"]) != one["Checksum"]]
    if wrong or not listed:
        raise SandboxError(f"The backup in {backup} is not whole: {', '.join(wrong[:5]) or 'its list is empty'}")


def sum_of(path: Path) -> str:
    """The SHA-256 of a file, '' when there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def restored(
    folder: Path, base: Path, archive: Path, *, until: datetime | None = None, rest_of: Postgres | None = None
) -> Postgres:
    """A running server on `folder`, from a base backup and the archive; the backup itself is left as it is.

    It plays the log to its end, or to the moment `until` (aware). `rest_of` is the stopped server whose disk still
    has what was not archived yet: with it nothing is lost.
    """
    settings = {
        "restore_command": f'cp "{archive}/%f" "%p"',
        "recovery_target_action": "promote",
        "hot_standby": "off",  # it answers when it may be written to
        **({"recovery_target_time": until.isoformat()} if until else {}),
    }
    server = Postgres(folder, more=settings)
    folder.mkdir(parents=True)
    shutil.copytree(base, server.data)
    (server.data / "recovery.signal").touch()
    if rest_of is not None:
        for piece in (rest_of.data / "pg_wal").iterdir():
            if piece.is_file():
                shutil.copy2(piece, server.data / "pg_wal" / piece.name)
    ids = account.unprivileged_ids()
    if ids is not None:
        for path in (server.data, *server.data.rglob("*")):
            os.chown(path, *ids)
    server.data.chmod(0o700)
    return server.start()
