"""H13: whatever address a webhook names and however its name is resolved, nothing inside is ever called."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from shop import outgoing
from tests.figures import Figures

PUBLIC = "93.184.215.14"
# The ways to write an inside address, and the tricks of parsers.
WRITTEN = [
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://0/", "https://0.0.0.0/", "https://2130706433/",
    "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/", "https://[::1]/",
    "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/", "https://[fe80::1%25lo]/", "https://[fd00::1]/", "https://169.254.169.254/",
    "https://100.100.100.200/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://localhost/",
    "https://localhost./", "https://LOCALHOST/", "https://a@127.0.0.1/", "https://machine.example@127.0.0.1/",
    "https://127.0.0.1#@machine.example/", "https://127.0.0.1\\@machine.example/", "https://machine.example:22/",
    "https://machine.example:6379/", "http://machine.example/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_",
    "ftp://127.0.0.1/", "dict://127.0.0.1:6379/info", "//127.0.0.1/", "https:///", "https://127.0.0.1:443\r\nX: y/",
    "https://1２7.0.0.1/", "https://①②⑦.0.0.1/", "https://127。0。0。1/",
]  # fmt: skip
# What a name may be resolved to.
RESOLVED = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254",
    "100.100.100.200", "100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "fe80::1",
    "fc00::1", "fd12:3456::1", "ff02::1",
]  # fmt: skip


class Canary:
    """Listens where nobody may call, and counts who does."""

    def __init__(self) -> None:
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.port = self.socket.getsockname()[1]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self) -> None:
        while not self.over.is_set():
            with suppress(TimeoutError, OSError):
                caller, _ = self.socket.accept()
                self.calls += 1
                caller.close()

    def close(self) -> None:
        self.over.set()
        self.thread.join(5)
        self.socket.close()


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canary]:
    """Every connection to a loopback or inside address, whatever its port, ends at the canary; others end nowhere."""
    canary = Canary()
    connect = socket.create_connection

    def into_the_wild(address: tuple[str, int], **more: Any) -> socket.socket:
        if address[0] == PUBLIC:
            raise ConnectionRefusedError("nobody is called from a test")
        return connect(("127.0.0.1", canary.port), **more)

    monkeypatch.setattr(outgoing.socket, "create_connection", into_the_wild)
    yield canary
    canary.close()


def answering(*answers: list[str]) -> Callable[..., list[Any]]:
    """A name server that says something else each time (a lifetime of 0), and the last thing for ever."""
    left = list(answers)

    def resolve(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        said = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in said]

    return resolve


def call(url: str) -> type[BaseException] | None:
    """What calling this address comes to."""
    try:
        outgoing.post(url, b"{}", {}, to_loopback=False)
    except (outgoing.UnsafeAddress, OSError, http.client.HTTPException) as refused:
        return type(refused)
    return None


def test_h13_nothing_inside_is_called(
    canary: Canary, monkeypatch: pytest.MonkeyPatch, figures: Callable[[str], Figures]
) -> None:
    h13 = figures("H13")
    monkeypatch.setattr(outgoing.socket, "getaddrinfo", answering(["127.0.0.1"]))
    for url in WRITTEN:
        assert call(url) is outgoing.UnsafeAddress, url
    for address in RESOLVED:
        for said in ([address], [PUBLIC, address], [address, PUBLIC]):
            monkeypatch.setattr(outgoing.socket, "getaddrinfo", answering(said))
            assert call("https://machine.example/hook") is outgoing.UnsafeAddress, said
        # Asked once and public, inside from then on: what was checked is what is called.
        monkeypatch.setattr(outgoing.socket, "getaddrinfo", answering([PUBLIC], [address]))
        assert call("https://machine.example/hook") is ConnectionRefusedError, address
    h13.at_least("addresses, resolutions and changes of mind", len(WRITTEN) + 4 * len(RESOLVED), 40)
    h13.exactly("connections that came in inside", canary.calls, 0)


def test_the_canary_hears_who_calls_inside(canary: Canary) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        outgoing.post("http://127.0.0.1:1/", b"{}", {}, to_loopback=True)
    assert canary.calls == 1
