"""A TCP proxy between a part of the shop and what it talks to: it carries bytes, and can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from shop.sandbox.processes import free_port

CHUNK = 65_536


class Proxy:
    """Listens on `host`, a port of its own, and carries everything to `target` (host, port) and back."""

    def __init__(self, target: tuple[str, int], host: str = "127.0.0.1") -> None:
        self.target, self.host, self.port = target, host, free_port()
        self.loop = asyncio.new_event_loop()
        self.lines: set[asyncio.StreamWriter] = set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One caller: both directions until either side hangs up."""
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(*self.target)
            self.lines |= {writer, there_writer}
            await asyncio.wait(
                [asyncio.ensure_future(pump(reader, there_writer)), asyncio.ensure_future(pump(there_reader, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            self.lines.discard(there_writer)
            there_writer.close()
        self.lines.discard(writer)
        writer.close()

    async def open(self) -> asyncio.Server:
        """Begin to listen."""
        return await asyncio.start_server(self.carry, self.host, self.port)

    async def hang_up(self) -> int:
        """Break every line at once; how many there were."""
        lines = list(self.lines)
        for line in lines:
            line.transport.abort()
        return len(lines)

    def cut(self) -> int:
        """Break every line that is open; new ones may be opened at once."""
        return asyncio.run_coroutine_threadsafe(self.hang_up(), self.loop).result(10)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(CHUNK):
            writer.write(piece)
            await writer.drain()


@contextlib.contextmanager
def proxy_to(target: tuple[str, int], host: str = "127.0.0.1") -> Iterator[Proxy]:
    """A proxy at work; gone with every line at the end."""
    proxy = Proxy(target, host)
    proxy.thread.start()
    server = asyncio.run_coroutine_threadsafe(proxy.open(), proxy.loop).result(10)
    try:
        yield proxy
    finally:
        proxy.loop.call_soon_threadsafe(server.close)
        proxy.cut()
        proxy.loop.call_soon_threadsafe(proxy.loop.stop)
        proxy.thread.join(10)
