"""The pages this process showed a moment ago, kept at hand until Redis says that pages changed.

Asking Redis costs as much as all the rest of a kept page. So each process listens to one channel of it and looks,
before it shows a copy of its own, whether something was said: a look into a socket, no question and answer. A
process that cannot listen has no copies.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry

CHANNEL = "yarlung:pages:changed"
MOST_PAGES = 64
SECONDS_TO_SUBSCRIBE = 0.3

Page = TypeVar("Page")


class NearPages(Generic[Page]):
    """Copies by key, the oldest given up for a new one. Every method may raise redis.RedisError."""

    def __init__(self, url: str) -> None:
        # Not tried again behind our back: what was said while the line was cut would never be heard.
        self.store = redis.Redis.from_url(
            url, socket_timeout=SECONDS_TO_SUBSCRIBE, socket_connect_timeout=SECONDS_TO_SUBSCRIBE,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self.pages: dict[str, Page] = {}
        self.news: PubSub | None = None
        self.lock = threading.Lock()
        self.turn = 0

    def find(self, key: str) -> tuple[Page | None, int]:
        """This process's copy, if nothing changed since it was put, and the turn to put another one with."""
        with self.lock:
            self.listen()
            return self.pages.get(key), self.turn

    def put(self, key: str, page: Page, turn: int) -> None:
        """Keep a copy of what Redis gave after find(): not when something changed meanwhile."""
        with self.lock:
            if turn != self.turn:
                return
            self.pages.pop(key, None)
            if len(self.pages) >= MOST_PAGES:
                self.pages.pop(next(iter(self.pages)))
            self.pages[key] = page

    def listen(self) -> None:
        """Give up all copies when a change was told, or when one may have been missed."""
        try:
            if self.news is None:
                self.news = subscribed(self.store)
                self.give_up()
            while self.news.get_message(timeout=0) is not None:
                self.give_up()
        except redis.RedisError:
            self.news = None
            self.give_up()
            raise

    def give_up(self) -> None:
        """Nothing here is good any more, and nothing that is being fetched."""
        self.pages.clear()
        self.turn += 1


def subscribed(store: redis.Redis) -> PubSub:
    """An ear on the channel that hears everything from now on. Raises redis.RedisError."""
    news: PubSub = store.pubsub()  # type: ignore[no-untyped-call]
    news.subscribe(CHANNEL)
    if news.get_message(timeout=SECONDS_TO_SUBSCRIBE) is None:
        news.close()
        raise redis.TimeoutError("Redis does not confirm the subscription")
    return news
