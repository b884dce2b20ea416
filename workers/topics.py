"""Which work each topic of a job means, in which queue it waits, and how often it is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from shop.outbox import Job

# Seconds a job belongs to whoever took it: always longer than the hard time limit of its queue.
LEASE, BULK_LEASE = 60, 400
TRIES = 8

Payload = dict[str, Any]
Effect = Callable[[Session, Payload], None]
Together = Callable[[Session, list[int], Payload], None]
Outside = Callable[[], None]
Preparation = Callable[[Session, Job], Outside | None]


class GiveUp(Exception):
    """Trying again cannot help (the address does not exist); the text says why, for the office."""


class Later(Exception):
    """The other side asks to be left alone for so many seconds; the text says what it answered."""

    def __init__(self, seconds: float, words: str) -> None:
        super().__init__(words)
        self.seconds = seconds


@dataclass(frozen=True)
class Topic:
    """One kind of job. Exactly one of `effect` (on our database) and `prepare` (for the outside) is set.

    `effect` runs in the transaction that closes the job: it happens exactly once. `prepare` reads what is needed
    and returns the call to the outside (None: nothing to do), which runs with no transaction open and may happen
    twice when a worker dies in the middle of it. `pauses` are the seconds after the first, second … failed try,
    where the topic has a schedule of its own. `together` does the effect for several orders at once, for less than they
    cost one by one; it is given their ids and what else the payloads say alike. Such jobs are never put off to a later
    moment, for whoever works on one takes others along.
    """

    name: str
    queue: str
    lease: int
    tries: int
    effect: Effect | None = None
    prepare: Preparation | None = None
    pauses: tuple[float, ...] = ()
    together: Together | None = None


TOPICS: dict[str, Topic] = {}


def job(
    name: str, *, queue: str, tries: int = TRIES, lease: int | None = None, together: Together | None = None
) -> Callable[[Effect], Effect]:
    """The function below works on our database only."""

    def keep(effect: Effect) -> Effect:
        TOPICS[name] = Topic(name, queue, lease or lease_of(queue), tries, effect=effect, together=together)
        return effect

    return keep


def outside_job(
    name: str, *, queue: str, tries: int = TRIES, lease: int | None = None, pauses: tuple[float, ...] = ()
) -> Callable[[Preparation], Preparation]:
    """The function below prepares a call to the outside: a mail, a request."""

    def keep(prepare: Preparation) -> Preparation:
        TOPICS[name] = Topic(name, queue, lease or lease_of(queue), tries, prepare=prepare, pauses=pauses)
        return prepare

    return keep


def lease_of(queue: str) -> int:
    """How long a job of that queue belongs to whoever took it."""
    return BULK_LEASE if queue in {"bulk", "maint"} else LEASE


def queue_of(topic: str) -> str:
    """Where jobs of that topic wait; unknown ones go where they harm nobody, and are found dead there."""
    return TOPICS[topic].queue if topic in TOPICS else "maint"


def topic_lease(topic: str) -> int:
    """The lease of that topic, also of one nobody knows."""
    return TOPICS[topic].lease if topic in TOPICS else LEASE
