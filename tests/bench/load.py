"""A load generator of plain sockets: so many clients, each asking again as soon as it is answered."""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

PROCESSES = 2
MakeRequest = Callable[[int, int], bytes]  # client, turn -> the request's bytes


@dataclass
class Result:
    """What the clients saw: how often per second, how long (seconds), with which statuses."""

    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds

    def percentile(self, share: float) -> float:
        """So much of the answers came within this many milliseconds."""
        return sorted(self.took)[min(int(len(self.took) * share), len(self.took) - 1)] * 1000


def get(path: str) -> MakeRequest:
    """Ask for a page as a browser that has never been here."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Language: zh-CN\r\n\r\n".encode()
    return lambda _client, _turn: request


def post(path: str, body: Callable[[int, int], bytes]) -> MakeRequest:
    """Send JSON."""

    def make(client: int, turn: int) -> bytes:
        content = body(client, turn)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content

    return make


def run(address: str, make: MakeRequest, *, clients: int, seconds: float, turns: int | None = None) -> Result:
    """Load the shop for so long (or until each client had its turns)."""
    shares = [list(range(first, clients, PROCESSES)) for first in range(min(PROCESSES, clients))]
    pipes, children = [], []
    for numbers in shares:
        mine, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(
            target=several, args=(theirs, address, make, numbers, seconds, turns)
        )
        child.start()
        pipes.append(mine)
        children.append(child)
    total = Result()
    for pipe, child in zip(pipes, children, strict=True):
        part: Result = pipe.recv()
        total.took += part.took
        total.statuses += part.statuses
        total.seconds = max(total.seconds, part.seconds)
        child.join()
    return total


def several(
    pipe: Connection, address: str, make: MakeRequest, numbers: list[int], seconds: float, turns: int | None
) -> None:
    """The clients of one process."""
    results = [Result() for _ in numbers]
    started = time.perf_counter()
    threads = [
        threading.Thread(target=client, args=(address, make, number, started + seconds, turns, result))
        for number, result in zip(numbers, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = Result(time.perf_counter() - started)
    for result in results:
        together.took += result.took
        together.statuses += result.statuses
    pipe.send(together)


def client(address: str, make: MakeRequest, number: int, until: float, turns: int | None, result: Result) -> None:
    """One client on one connection."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        turn = 0
        while (turns is None or turn < turns) and time.perf_counter() < until:
            began = time.perf_counter()
            connection.sendall(make(number, turn))
            status = read_answer(connection)
            result.took.append(time.perf_counter() - began)
            result.statuses[status] += 1
            turn += 1


def read_answer(connection: socket.socket) -> int:
    """Read one whole answer; its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            raise ConnectionError("the server hung up")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    left = length - len(body)
    while left > 0:
        left -= len(connection.recv(min(left, 262_144)))
    return int(head[9:12])
