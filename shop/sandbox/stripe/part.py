"""The stand-in for Stripe as a process of its own, beside the shop."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from shop.sandbox.folder import PROJECT
from shop.sandbox.processes import SandboxError, answers, free_port, spawn, stop, wait_until

# Any key that looks like one for testing does: nothing here reaches Stripe.
SECRET_KEY = "sk_test_sandbox"  # noqa: S105
WEBHOOK_SECRET = "whsec_sandbox"  # noqa: S105


class StripeStandIn:
    """Listens on loopback, keeps its account in `folder`, sends messages to the shop at `to` (none: to nobody)."""

    def __init__(
        self, folder: Path, *, to: str = "", webhook_secret: str = WEBHOOK_SECRET, options: tuple[str, ...] = ()
    ) -> None:
        self.folder, self.to, self.webhook_secret, self.options = folder.absolute(), to, webhook_secret, options
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The shop's settings that use it."""
        return {
            "STRIPE_API_BASE": self.url, "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_WEBHOOK_SECRETS": self.webhook_secret,
        }  # fmt: skip

    def start(self) -> StripeStandIn:
        """Start and wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(self.port or None)
        command = [
            sys.executable, "-m", "shop.sandbox.stripe.server", "--port", str(self.port),
            "--file", str(self.folder / "account.json"), "--to", self.to, "--secret", self.webhook_secret,
            *self.options,
        ]  # fmt: skip
        with (self.folder / "stripe.log").open("ab") as log:
            self.process = spawn(command, cwd=PROJECT, output=log)
        process = self.process
        wait_until(lambda: answers(self.port) or process.poll() is not None, 30)
        if process.poll() is not None:
            raise SandboxError(f"The stand-in for Stripe does not start; see {self.folder / 'stripe.log'}")
        return self

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, [(signal.SIGTERM, 10)])
            self.process = None

    crash = stop

    def restart(self) -> None:
        self.stop()
        self.start()
