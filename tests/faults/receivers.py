"""What stands outside of the shop and misbehaves on demand: a mail server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from typing import Any

from aiosmtpd.controller import Controller

from shop.sandbox.processes import free_port

OK = "250 OK"
HANG, CLOSE = "hang", "close"


@dataclass
class MailServer:
    """An SMTP server. `behaviour(n)` says what becomes of the n-th mail: a reply, HANG or CLOSE before the reply.

    `meanwhile` is called while a mail is being taken, before it is answered.
    """

    behaviour: Callable[[int], str] = lambda _n: OK
    meanwhile: Callable[[], None] = lambda: None
    port: int = field(default_factory=free_port)
    tries: list[str] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        """Take a mail, or not."""
        message = BytesParser(policy=policy.default).parsebytes(envelope.content)
        name = str(message["Message-ID"])
        self.tries.append(name)
        await asyncio.get_running_loop().run_in_executor(None, self.meanwhile)
        answer = self.behaviour(len(self.tries))
        if answer == HANG:
            await asyncio.get_running_loop().run_in_executor(None, self.released.wait, 60)
            return "451 at last"
        if answer == CLOSE or answer.startswith("2"):
            self.taken[name] += 1
        if answer == CLOSE:
            server.transport.abort()
        return answer

    @contextlib.contextmanager
    def open(self) -> Iterator[MailServer]:
        """The server answers at its port as long as this lasts; it may be opened again."""
        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        try:
            yield self
        finally:
            self.released.set()
            controller.stop()
