"""Browsers keep their lines open when they have nothing to ask; whoever comes next must not wait for them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

from tests.figures import Figures
from tests.races.conftest import Shop

LINES = 600
QUESTION = b"GET /livez HTTP/1.1\r\nHost: %s\r\n\r\n"
SECONDS_TO_ANSWER = 15


def ask(line: socket.socket, host: str) -> float:
    """Ask whether the shop lives, and how long the answer took; the line stays open."""
    started = time.perf_counter()
    line.sendall(QUESTION % host.encode())
    assert line.recv(4_096).startswith(b"HTTP/1.1 200")
    return time.perf_counter() - started


def test_a1_hundreds_of_open_lines_keep_nobody_waiting(shop: Shop, figures: Callable[[str], Figures]) -> None:
    place = urlsplit(shop.address)
    waits = []
    with ExitStack() as lines:
        for _ in range(LINES):
            line = lines.enter_context(
                socket.create_connection((place.hostname, place.port), timeout=SECONDS_TO_ANSWER)
            )
            waits.append(ask(line, place.netloc))
    figures("A1i").takes_at_most(f"longest wait of {LINES} who stay connected", max(waits), 2.0)
