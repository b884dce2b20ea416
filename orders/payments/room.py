"""Room for calls to the provider: while it hangs, only so many threads wait for it, and the others go on selling."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orders.payments.gateway import GatewayDown

# So long a call waits for a place; not at all once a call has been under way for longer than an answer takes.
SECONDS_FOR_A_PLACE = 1.0
SECONDS_TO_HANG = 2.0


class Room:
    """So many calls at once, counted in this process."""

    def __init__(self, places: int) -> None:
        self._places, self._begun = places, list[float]()
        self._changed = threading.Condition()

    def _hangs(self) -> bool:
        """Whether the oldest call under way has waited too long to be answered soon."""
        return bool(self._begun) and time.monotonic() - min(self._begun) > SECONDS_TO_HANG

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one call. Raises GatewayDown when there is none and none is likely to get free."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._begun) < self._places or self._hangs(), SECONDS_FOR_A_PLACE)
            if len(self._begun) >= self._places:
                raise GatewayDown("as many calls as may wait for the provider are waiting already")
            begun = time.monotonic()
            self._begun.append(begun)
        try:
            yield
        finally:
            with self._changed:
                self._begun.remove(begun)
                self._changed.notify()
