"""Requests to addresses that others gave us: only to the open internet, never inside, short, and at their own risk.

An address is resolved once, every answer must be public, and the connection goes to the address that was checked, so
that a name cannot mean something else a moment later. Nothing is followed, nothing is believed, little is read.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

SECONDS_TO_CONNECT, SECONDS_IN_ALL = 5.0, 15.0
MOST_BYTES = 64 * 1024
PORTS = {443, 8443}
LONGEST_URL = 500
LOOPBACK_NAMES = {"127.0.0.1", "localhost"}

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class UnsafeAddress(Exception):
    """We do not call this address; the text says why."""


@dataclass(frozen=True)
class Answer:
    """What came back: a status, the headers that matter, and at most 64 kB."""

    status: int
    retry_after: str
    body: bytes


def check_url(url: str, *, to_loopback: bool) -> SplitResult:
    """The parts of an address we may call. `to_loopback` lets a development machine call itself.

    Raises UnsafeAddress.
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise UnsafeAddress("Write it as plain https://name/path, at most 500 letters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UnsafeAddress("This is no address.") from None
    if parts.username or parts.password:
        raise UnsafeAddress("It must not hold a name or password.")
    if to_loopback and parts.hostname in LOOPBACK_NAMES and parts.scheme in {"http", "https"}:
        return parts
    if parts.scheme != "https" or not parts.hostname:
        raise UnsafeAddress("It must begin with https://.")
    if port not in {None, *PORTS}:
        raise UnsafeAddress("Only the ports 443 and 8443 are called.")
    if is_literal(parts.hostname) or "." not in parts.hostname.rstrip("."):
        raise UnsafeAddress("It must name a host of the open internet.")
    return parts


def is_literal(host: str) -> bool:
    """Whether a host is written as numbers, in any of the ways a resolver would take."""
    if not host.strip("[]").replace(".", "").replace(":", "").strip("0123456789abcdefx"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: IPAddress) -> bool:
    """Whether it lies on the open internet, also when it is wrapped in another (mapped, 6to4, NAT64, Teredo)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in ipaddress.ip_network("64:ff9b::/96"):
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None and not is_public(one) for one in inner):
            return False
    return address.is_global and not address.is_multicast


def resolve(host: str, port: int, *, to_loopback: bool) -> str:
    """The address to connect to. Raises UnsafeAddress when any of the name's addresses lies inside, OSError when
    the name is not known."""
    found = [
        ipaddress.ip_address(str(info[4][0]).partition("%")[0])
        for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]
    if to_loopback and host in LOOPBACK_NAMES:
        return str(found[0])
    if not found or not all(is_public(one) for one in found):
        raise UnsafeAddress("This name leads to an address that is not on the open internet.")
    return str(found[0])


@lru_cache(maxsize=1)
def trusted_authorities() -> ssl.SSLContext:
    """Whom we believe to be who they say they are; read once a process, for that takes longer than sending a mail."""
    return ssl.create_default_context()


class CheckedConnection(http.client.HTTPConnection):
    """Connects to an address that was checked, whatever the name says by now."""

    def __init__(self, host: str, port: int, address: str, *, tls: bool) -> None:
        super().__init__(host, port, timeout=SECONDS_TO_CONNECT)
        self.address, self.tls = address, tls

    def connect(self) -> None:
        """Open the socket, and TLS for the name on it."""
        self.sock = socket.create_connection((self.address, self.port), timeout=SECONDS_TO_CONNECT)
        if self.tls:
            self.sock = trusted_authorities().wrap_socket(self.sock, server_hostname=self.host)


def post(url: str, body: bytes, headers: dict[str, str], *, to_loopback: bool) -> Answer:
    """Send `body` and read the answer, within fifteen seconds in all. Redirects are answers, not invitations.

    Raises UnsafeAddress, OSError (also TimeoutError), http.client.HTTPException.
    """
    parts = check_url(url, to_loopback=to_loopback)
    tls = parts.scheme == "https"
    host, port = str(parts.hostname), parts.port or (443 if tls else 80)
    ends_at = time.monotonic() + SECONDS_IN_ALL
    connection = CheckedConnection(host, port, resolve(host, port, to_loopback=to_loopback), tls=tls)
    try:
        connection.connect()
        return exchange(connection, parts, body, headers, ends_at)
    finally:
        connection.close()


def exchange(
    connection: CheckedConnection, parts: SplitResult, body: bytes, headers: dict[str, str], ends_at: float
) -> Answer:
    """The request and its answer on an open connection; cut off when the time is over, however slowly it drips."""
    over = threading.Event()

    def cut_off() -> None:
        over.set()
        connection.sock.shutdown(socket.SHUT_RDWR)

    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    guard = threading.Timer(max(0.0, ends_at - time.monotonic()), cut_off)
    guard.start()
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers.get("Retry-After", ""), response.read(MOST_BYTES))
    except (OSError, http.client.HTTPException):
        if not over.is_set():
            raise
    finally:
        guard.cancel()
    if over.is_set():
        raise TimeoutError(f"no whole answer within {SECONDS_IN_ALL:.0f} s")
    return answer
