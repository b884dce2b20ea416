"""A mail server that delivers to a folder: every mail the shop sends becomes one file to look at."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shop.sandbox.folder import PROJECT
from shop.sandbox.processes import SandboxError, answers, free_port, spawn, stop, wait_until

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

SENDER, RECIPIENT = "X-Envelope-From", "X-Envelope-To"
LARGEST_MAIL = 20_000_000


def store(folder: Path, sender: str, recipients: list[str], content: bytes) -> Path:
    """Write one mail, whole or not at all, under a name that sorts by arrival."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}"
    envelope = f"{SENDER}: {sender}\r\n" + "".join(f"{RECIPIENT}: {to}\r\n" for to in recipients)
    growing, path = folder / f"{name}.part", folder / f"{name}.eml"
    growing.write_bytes(envelope.encode() + content)
    growing.rename(path)
    return path


class Delivery:
    """What the mail server does with a mail: the answer 250 is given only when the file stands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content or b""
        store(
            self.folder,
            envelope.mail_from or "",
            list(envelope.rcpt_tos),
            content if isinstance(content, bytes) else content.encode(),
        )
        return "250 OK"


def serve(folder: Path, port: int) -> None:
    """Deliver mails until SIGTERM or Ctrl-C."""
    from aiosmtpd.controller import Controller  # only a laptop has it: servers set SMTP_URL

    controller = Controller(
        Delivery(folder),
        hostname="127.0.0.1",
        port=port,
        data_size_limit=LARGEST_MAIL,
        enable_SMTPUTF8=True,
        decode_data=False,
    )
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    controller.start()
    ended.wait()
    controller.stop()


class MailSink:
    """The mail server as a process of its own, on a loopback port; its mails lie in `folder`/mails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.mails = self.folder / "mails"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> MailSink:
        """Start and wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return self
        self.mails.mkdir(parents=True, exist_ok=True)
        self.port = free_port(self.port or None)
        with (self.folder / "mail.log").open("ab") as log:
            self.process = spawn([sys.executable, "-m", __name__, self.mails, str(self.port)], cwd=PROJECT, output=log)
        process = self.process
        wait_until(lambda: answers(self.port) or process.poll() is not None, 30)
        if process.poll() is not None:
            raise SandboxError(f"The mail sink does not start; see {self.folder / 'mail.log'}")
        return self

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, [(signal.SIGTERM, 10)])
            self.process = None

    crash = stop

    def restart(self) -> None:
        self.stop()
        self.start()


def main() -> None:
    parser = argparse.ArgumentParser(description=serve.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        serve(chosen.folder, chosen.port)


if __name__ == "__main__":
    main()
