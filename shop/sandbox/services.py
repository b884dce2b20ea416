"""PostgreSQL, Redis and mail for tests and for developers who want the services without the shop.

python -m shop.sandbox.services up --data FOLDER        # prints export lines, stays until Ctrl-C
python -m shop.sandbox.services database --data FOLDER NAME   # one more database in a running one
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from shop.sandbox.mail import MailSink
from shop.sandbox.postgres import Postgres
from shop.sandbox.processes import SandboxError
from shop.sandbox.redis import Redis

# Only mkdtemp makes anything there.
ON_DISK = Path("/var/tmp")  # noqa: S108
IN_MEMORY = Path("/dev/shm")  # noqa: S108
ROOM_FOR_A_SERVER = 4 * 1024**3


def fastest_place() -> Path:
    """Where files are made and thrown away fastest: in memory, if it has room for a database server."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(IN_MEMORY).free >= ROOM_FOR_A_SERVER and os.access(IN_MEMORY, os.W_OK | os.X_OK):
            return IN_MEMORY
    return ON_DISK


def start_postgres(folder: Path, *, durable: bool = True, tcp: bool = False) -> Postgres:
    """A running PostgreSQL on `folder`; see Postgres for url, stop, crash, restart and create_database."""
    return Postgres(folder, durable=durable, tcp=tcp).start()


def start_redis(folder: Path, *, durable: bool = True) -> Redis:
    """A running Redis on `folder`."""
    return Redis(folder, durable=durable).start()


def start_mail_sink(folder: Path) -> MailSink:
    """A running mail server that stores what it gets in `folder`/mails."""
    return MailSink(folder).start()


@contextlib.contextmanager
def scratch_folder(prefix: str = "yarlung-scratch-", place: Path = ON_DISK) -> Iterator[Path]:
    """A folder to throw away that PostgreSQL's account can enter (pytest's tmp_path is closed to it)."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def up(folder: Path, *, durable: bool) -> None:
    """Start all three, say how to reach them, wait for Ctrl-C or SIGTERM, stop them."""
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    with contextlib.ExitStack() as running:
        postgres = start_postgres(folder / "postgres", durable=durable)
        running.callback(postgres.stop)
        redis = start_redis(folder / "redis", durable=durable)
        running.callback(redis.stop)
        mail = start_mail_sink(folder / "mail")
        running.callback(mail.stop)
        for name, value in (
            ("DATABASE_URL", postgres.url),
            ("REDIS_URL", redis.url),
            ("SMTP_URL", mail.url),
            ("MAIL_SINK_FOLDER", mail.mails),
        ):
            print(f"export {name}='{value}'", flush=True)
        ended.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help=up.__doc__)
    start.add_argument("--data", type=Path, required=True, help="the folder that keeps everything")
    start.add_argument("--fast", action="store_true", help="do not wait for the disk (a crash may lose the data)")
    database = commands.add_parser("database", help="make one more database and print its DATABASE_URL")
    database.add_argument("--data", type=Path, required=True)
    database.add_argument("name")
    chosen = parser.parse_args()
    try:
        if chosen.command == "up":
            up(chosen.data, durable=not chosen.fast)
        else:
            url = Postgres(chosen.data / "postgres").create_database(chosen.name)
            print(f"export DATABASE_URL='{url}'")
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
