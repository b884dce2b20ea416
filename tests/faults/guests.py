"""Guests who buy through the form as a browser without scripts does: cart, checkout page, one press or many."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from typing import TypeVar

import httpx

SECONDS_TO_ANSWER = 60
PAUSE = threading.Event()  # never set: people wait a little before they press again
TLS_UNUSED = False  # reading the authorities' certificates takes longer than buying
Thing = TypeVar("Thing")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer:
    """What a press of "order" came to: the status, the order's number if there is one, and how long it took."""

    status: int
    number: str
    seconds: float
    retry_after: str = ""
    text: str = field(default="", repr=False)


def field_of(page: str, name: str) -> str:
    """The value of a form's hidden field."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert found, f"no field {name} on {page[:300]}"
    value = re.search(r'value="([^"]*)"', found[0])
    return unescape(value[1]) if value else ""


class ShopAway(Exception):
    """The page says 503, or the line broke."""


class Guest:
    """One browser, without an account."""

    AWAY = (ShopAway, httpx.TransportError)

    def __init__(self, address: str, counter: str) -> None:
        self.http = httpx.Client(base_url=address, timeout=SECONDS_TO_ANSWER, trust_env=False, verify=TLS_UNUSED)
        self.counter = counter
        self.form: dict[str, str] = {}

    def get(self, path: str) -> httpx.Response:
        """A page. Raises ShopAway when it says that the shop is away."""
        return self.here(self.http.get(path))

    def here(self, answer: httpx.Response) -> httpx.Response:
        """The answer, if the shop is there."""
        if answer.status_code == 503:
            raise ShopAway(answer.headers["retry-after"])
        return answer

    def send(self, path: str, **data: str) -> httpx.Response:
        """Send a form with this browser's token (any page of ours has one)."""
        return self.http.post(path, data={"csrf_token": field_of(self.get("/cart").text, "csrf_token"), **data})

    def fill_cart(self, *wanted: tuple[str, int]) -> Guest:
        """Put packs of SKUs into the cart, in that order, and open the checkout page."""
        token = field_of(self.get("/cart").text, "csrf_token")
        for code, packs in wanted:
            data = {"csrf_token": token, "sku": code, "quantity": str(packs)}
            answer = self.here(self.http.post("/cart/lines", data=data))
            assert answer.status_code == 303, answer.text
        return self.open_checkout()

    def open_checkout(self) -> Guest:
        """The checkout page, filled in and not yet sent."""
        answer = self.get("/checkout")
        assert answer.status_code == 200, (answer.status_code, answer.headers.get("location"))
        hidden = ("csrf_token", "token", "expected_pickup_fen", "expected_delivery_fen")
        self.form = {name: field_of(answer.text, name) for name in hidden}
        self.form |= {"name": "王芳", "phone": "13800001234", "email": "wang@mail.example", "method": "pickup",
                      "counter": self.counter, "district": "", "payment": "at_counter"}  # fmt: skip
        return self

    def press(self) -> Answer:
        """Send the form; a second press sends the same again."""
        started = time.perf_counter()
        got = self.http.post("/checkout", data=self.form)
        seconds = time.perf_counter() - started
        place = got.headers.get("location", "")
        number = place.rsplit("/", 1)[-1] if got.status_code == 303 and "/orders/" in place else ""
        return Answer(got.status_code, number, seconds, got.headers.get("retry-after", ""), got.text)

    def press_until_told(self, until: float, tell: Callable[[Answer | None], None]) -> Answer | None:
        """Press again while there is no order yet, as the shop asks; None when the time was up.

        `tell` hears of each refusal, and of None when the line broke without an answer.
        """
        while time.monotonic() < until:
            answer = None
            with contextlib.suppress(httpx.TransportError):
                answer = self.press()
                if answer.number:
                    return answer
            tell(answer)
            PAUSE.wait(0.2)
        return None

    def open_form(self, path: str) -> str:
        """The token of a page."""
        return field_of(self.get(path).text, "csrf_token")

    def close(self) -> None:
        self.http.close()


def at_once(people: Sequence[Thing], act: Callable[[Thing], Result], crowd: int) -> list[Result]:
    """Let everybody act, `crowd` at a time; the first `crowd` begin together."""
    barrier = threading.Barrier(min(crowd, len(people)))
    begun = threading.local()

    def begin(person: Thing) -> Result:
        if not getattr(begun, "yes", False):
            begun.yes = True
            barrier.wait(SECONDS_TO_ANSWER)
        return act(person)

    with ThreadPoolExecutor(min(crowd, len(people))) as pool:
        return list(pool.map(begin, people))


def percentile(seconds: Iterable[float], share: float) -> float:
    """The time that `share` of all were faster than."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
