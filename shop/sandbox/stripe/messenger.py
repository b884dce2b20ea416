"""Send the account's events, signed as Stripe signs them, with the faults a real sender shows on request."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from shop.sandbox.stripe.objects import Thing

TRIES = 8
SECONDS_BETWEEN = 2.0


@dataclass
class Faults:
    """Shares (0–1) of what goes wrong, drawn from one seeded source."""

    chance: random.Random
    drop: float = 0.0
    repeat: float = 0.0
    shuffle: bool = False
    cut_before: float = 0.0
    cut_after: float = 0.0
    forced: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def cut(self) -> str:
        """Whether the next call is cut off: '', 'before' or 'after' it is done; or the HTTP error it is given."""
        with self.lock:
            if self.forced:
                return self.forced.pop(0)
            drawn = self.chance.random()
        if drawn < self.cut_before:
            return "before"
        return "after" if drawn < self.cut_before + self.cut_after else ""

    def copies(self) -> int:
        """How often a message is sent."""
        with self.lock:
            if self.chance.random() < self.drop:
                return 0
            return 2 if self.chance.random() < self.repeat else 1


def sign(body: bytes, secret: str, moment: int) -> str:
    """docs.stripe.com/webhooks/signature: HMAC-SHA-256 over moment and body."""
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


class Messenger(threading.Thread):
    """Delivers what it was given, tries again what was not taken."""

    def __init__(self, to: str, secret: str, faults: Faults) -> None:
        super().__init__(daemon=True)
        self.to, self.secret, self.faults = to, secret, faults
        self.waiting: list[tuple[float, int, Thing]] = []
        self.changed = threading.Condition()

    def take(self, event: Thing) -> None:
        """One more to deliver."""
        with self.changed:
            for _ in range(self.faults.copies()):
                spread = self.faults.chance.uniform(0, 2) if self.faults.shuffle else 0.0
                self.waiting.append((time.monotonic() + spread, 1, event))
            self.changed.notify()

    def run(self) -> None:
        """For ever: the next that is due."""
        while True:
            with self.changed:
                now = time.monotonic()
                due = next((one for one in self.waiting if one[0] <= now), None)
                if due is None:
                    self.changed.wait(0.1 if self.waiting else None)
                    continue
                self.waiting.remove(due)
            _at, attempt, event = due
            if not self.send(event) and attempt < TRIES:
                with self.changed:
                    self.waiting.append((time.monotonic() + SECONDS_BETWEEN * attempt, attempt + 1, event))

    def send(self, event: Thing) -> bool:
        """One try; whether it was taken."""
        body = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": sign(body, self.secret, int(time.time()))}
        request = urllib.request.Request(self.to, data=body, headers=headers)  # noqa: S310  our own address
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return bool(200 <= answer.status < 300)
        except (urllib.error.URLError, OSError):
            return False
