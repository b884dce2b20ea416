"""Tell pages that stand open that something they show has changed: a word in Redis after the commit, no more.

The word is only a wake-up (docs/decisions/0013-a-live-queue.md): a page that hears it asks for what it shows as any
page does, one that does not hear it asks by the clock. A stream of such words holds a thread of the web server, so
there are few of them in a process, each ends by itself, and none holds a database connection.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis
from flask import Flask, Response, current_app
from sqlalchemy import event
from sqlalchemy.orm import Session

from shop.config import Settings
from shop.page_cache import connect

log = logging.getLogger("shop.changes")

CHANNEL = "yarlung:changes"
SECONDS_OF_A_STREAM = 25.0
SECONDS_BETWEEN_SIGNS = 5.0
CHANGED, SIGN_OF_LIFE = b"data: changed\n\n", b": still here\n\n"


def say_changed(session: Session, topics: Iterable[str]) -> None:
    """Once this transaction is committed, wake the pages that show these topics; one wake-up too many does no harm."""
    session.info.setdefault("changed_topics", set()).update(topics)


def publish(session: Session) -> None:
    """The transaction is committed: say what it changed."""
    topics = session.info.pop("changed_topics", None)
    if not topics or not current_app:
        return
    settings: Settings = current_app.extensions["settings"]
    try:
        connect(settings.redis_url).publish(CHANNEL, " ".join(sorted(topics)))
    except redis.RedisError:
        log.warning("open pages learn of a change by the clock: Redis does not answer")


event.listen(Session, "after_commit", publish)


class Waiter:
    """One open stream: what it waits for (None: everything), and whether it was woken."""

    def __init__(self, topics: frozenset[str] | None) -> None:
        self.topics = topics
        self.woken = threading.Event()
        self.over = False


class Listener:
    """One thread of a process hears Redis for all its streams; it lives as long as there are any."""

    def __init__(self, redis_url: str, most: int) -> None:
        self.redis_url, self.most = redis_url, most
        self.waiters: set[Waiter] = set()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def enter(self, topics: frozenset[str] | None) -> Waiter | None:
        """A place among this process's streams; None when all are taken."""
        with self.lock:
            if len(self.waiters) >= self.most:
                return None
            waiter = Waiter(topics)
            self.waiters.add(waiter)
            if self.thread is None:
                self.thread = threading.Thread(target=self.listen, name="changes", daemon=True)
                self.thread.start()
            return waiter

    def leave(self, waiter: Waiter) -> None:
        """Give the place back; twice does no harm."""
        with self.lock:
            self.waiters.discard(waiter)

    def listen(self) -> None:
        """Hear Redis until the last stream has left. Without it every stream ends, and its page asks by the clock."""
        try:
            with redis.Redis.from_url(self.redis_url, socket_connect_timeout=1) as store, store.pubsub() as words:
                words.subscribe(CHANNEL)
                while self.is_needed():
                    message = words.get_message(timeout=1.0)
                    if message is not None:
                        self.wake(topics_of(message))
        except redis.RedisError:
            log.warning("streams end: Redis does not answer")
            self.end_all()

    def is_needed(self) -> bool:
        """Whether anybody waits; if not, the thread is no longer this listener's."""
        with self.lock:
            if not self.waiters:
                self.thread = None
            return self.thread is not None

    def wake(self, topics: frozenset[str] | None) -> None:
        """Wake the streams that wait for one of these (None: all streams)."""
        with self.lock:
            for waiter in self.waiters:
                if topics is None or waiter.topics is None or waiter.topics & topics:
                    waiter.woken.set()

    def end_all(self) -> None:
        """Nothing will be heard any more."""
        with self.lock:
            self.thread = None
            for waiter in self.waiters:
                waiter.over = True
                waiter.woken.set()


def topics_of(message: Mapping[str, Any]) -> frozenset[str] | None:
    """What a message of Redis is about; None where it says that we are heard from now on: look, you may have missed
    something."""
    return frozenset(message["data"].decode().split()) if message["type"] == "message" else None


def words_for(waiter: Waiter) -> Iterator[bytes]:
    """What a stream says: at once that the page should look (it may have missed something), then at each change."""
    end = time.monotonic() + SECONDS_OF_A_STREAM
    yield b"retry: 1000\n" + CHANGED
    while (left := end - time.monotonic()) > 0 and not waiter.over:
        if waiter.woken.wait(min(SECONDS_BETWEEN_SIGNS, left)):
            waiter.woken.clear()
            yield CHANGED
        else:
            yield SIGN_OF_LIFE


def stream(topics: frozenset[str] | None) -> Response:
    """Server-sent events for a page that shows these topics; 204, which ends a browser's asking, when all are taken."""
    listener: Listener = current_app.extensions["changes"]
    waiter = listener.enter(topics)
    if waiter is None:
        return Response(status=204)
    answer = Response(words_for(waiter), mimetype="text/event-stream")
    # nginx would gather the words; some browsers would keep them.
    answer.headers["X-Accel-Buffering"] = "no"
    answer.headers["Cache-Control"] = "no-store"
    answer.call_on_close(lambda: listener.leave(waiter))
    return answer


def init_app(app: Flask, settings: Settings) -> None:
    """Give the process its listener."""
    app.extensions["changes"] = Listener(settings.redis_url, settings.live_streams)
