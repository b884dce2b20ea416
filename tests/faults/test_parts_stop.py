"""B4, B6, D2 and the show: PostgreSQL or Redis is away or frozen while orders come in; the shop recovers by itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import create_engine, text

from shop.sandbox.postgres import Postgres
from shop.sandbox.redis import Redis
from tests.faults.crowd import Crowd, crowd_in
from tests.faults.harness import wait_until
from tests.figures import Figures
from tests.races.conftest import Shop, answers, shop_on

pytestmark = [pytest.mark.full, pytest.mark.faults]

CLIENTS = 10
SECONDS_AWAY = 20
CLOCK = threading.Event()  # never set: it measures time that has to pass
LONG_DUE = """
    SELECT count(*) FROM job WHERE done_at IS NULL AND dead_at IS NULL AND next_at < now() - interval '9 minutes'"""
UNROUTED = """SELECT count(*) FROM "order" WHERE status = 'confirmed'"""
ROUTED = """SELECT count(*) FROM "order" WHERE status <> 'confirmed'"""
B4_SECONDS = int(os.environ.get("B4_SECONDS", "600"))


@pytest.fixture
def whole_shop(own_postgres: Postgres, own_redis: Redis) -> Iterator[Shop]:
    """Web server, relay and worker on servers of their own."""
    with shop_on(own_postgres.url, own_redis.url) as shop:
        shop.children.relay()
        shop.children.worker("maint,route,notify,mail", processes=1)
        yield shop


def look_away(shop: Shop, seconds: float) -> list[tuple[str, int, float, str, str]]:
    """What pages and the API answer for so long: path, status, seconds, Retry-After, the page."""
    seen, until = [], time.monotonic() + seconds
    with httpx.Client(base_url=shop.address, timeout=30, trust_env=False, verify=False) as client:
        while time.monotonic() < until:
            for path in ("/products", "/orders/YL-2345-6789", "/api/v1/products", "/counters"):
                started = time.monotonic()
                answer = client.get(path)
                took = time.monotonic() - started
                seen.append((path, answer.status_code, took, answer.headers.get("retry-after", ""), answer.text))
            CLOCK.wait(0.5)
    return seen


def all_routed(shop: Shop, crowd: Crowd, seconds: float) -> float:
    """How long until no order waits for a counter any more."""
    started = time.monotonic()
    wait_until(lambda: shop.count(UNROUTED) == 0, seconds, "every order is routed")
    assert len(crowd.confirmed) == shop.count('SELECT count(*) FROM "order"')
    return time.monotonic() - started


def test_show_postgresql_is_away_for_20_seconds(
    whole_shop: Shop, own_postgres: Postgres, figures: Callable[[str], Figures]
) -> None:
    shop, show = whole_shop, figures("D-20s")
    with crowd_in(shop, CLIENTS) as crowd:
        crowd.wait_for(20)
        own_postgres.stop()
        seen = look_away(shop, SECONDS_AWAY)
        own_postgres.start()
        started = time.monotonic()
        wait_until(lambda: answers(shop.address), 60, "the shop is back")
        back = time.monotonic() - started
        crowd.wait_for(20)
    away = [one for one in seen if one[1] == 503 and one[3]]
    show.at_least("answers that said 503 and when to come again", len(away), 20)
    wrong = [one[:2] for one in seen if one not in away and one[1] >= 500]
    show.exactly(f"other failures among {len(seen)} answers", len(wrong), 0)
    assert all("<h1" in one[4] for one in away if not one[0].startswith("/api/")), "people read a page"
    assert all('"code"' in one[4] for one in away if one[0].startswith("/api/")), "machines read a problem"
    show.at_most("slowest of these answers", max(one[2] for one in seen), 4.0, "s")
    show.at_most("until the shop was ready after PostgreSQL", back, 10.0, "s")
    crowd.judge(shop, show)
    show.at_most("until every order was routed", all_routed(shop, crowd, 90), 90.0, "s")


def redis_away(shop: Shop, redis: Redis, figures: Figures, seconds: float, drained: float, pause: float) -> None:
    """Stop Redis for so long under orders; start it; wait for the backlog."""
    with crowd_in(shop, CLIENTS, pause) as crowd:
        crowd.wait_for(10)
        redis.crash()
        before = len(crowd.confirmed)
        seen = look_away(shop, seconds)
        ready = httpx.get(f"{shop.address}/readyz", trust_env=False)
        meanwhile = len(crowd.confirmed) - before
        backlog = shop.count(UNROUTED)
        redis.start()
    figures.at_least(f"orders taken in {seconds:.0f} s without Redis", meanwhile, 5)
    figures.exactly("of them failed at first", sum(crowd.refused.values()), 0)
    figures.exactly(f"pages of {len(seen)} that failed", len([one for one in seen if one[1] >= 500]), 0)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    took = all_routed(shop, crowd, drained)
    figures.at_most(f"until the backlog of {backlog} orders was routed", took, drained, "s")
    wait_until(lambda: shop.count(LONG_DUE) == 0, drained, "notices and mails of the first minute are written too")
    crowd.judge(shop, figures)


def test_show_redis_is_away_for_20_seconds(
    whole_shop: Shop, own_redis: Redis, figures: Callable[[str], Figures]
) -> None:
    redis_away(whole_shop, own_redis, figures("B-20s"), SECONDS_AWAY, 90, pause=0.0)


def test_b4_redis_is_away_for_ten_minutes(
    whole_shop: Shop, own_redis: Redis, figures: Callable[[str], Figures]
) -> None:
    redis_away(whole_shop, own_redis, figures("B4"), B4_SECONDS, 300, pause=CLIENTS / 5)


def test_b6_redis_is_frozen_for_a_minute(whole_shop: Shop, own_redis: Redis, figures: Callable[[str], Figures]) -> None:
    shop, b6 = whole_shop, figures("B6")
    assert own_redis.process is not None
    with crowd_in(shop, CLIENTS, pause=1.0) as crowd:
        crowd.wait_for(10)
        os.kill(own_redis.process.pid, signal.SIGSTOP)
        try:
            look_away(shop, 60)
        finally:
            os.kill(own_redis.process.pid, signal.SIGCONT)
        thawed = time.monotonic()
        done = shop.count(ROUTED)
        wait_until(lambda: shop.count(ROUTED) > done, 90, "a worker works again")
        b6.at_most("until workers worked again", time.monotonic() - thawed, 35.0, "s")
    all_routed(shop, crowd, 120)
    b6.exactly("presses that did not come to an order at once", sum(crowd.refused.values()), 0)
    crowd.judge(shop, b6)


def test_d2_connections_are_cut_five_times_a_second(
    whole_shop: Shop, own_postgres: Postgres, figures: Callable[[str], Figures]
) -> None:
    shop, d2, cuts = whole_shop, figures("D2"), 0
    engine = create_engine(own_postgres.url.replace("postgresql://", "postgresql+psycopg://"))
    victim = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND application_name LIKE 'yarlung-%' ORDER BY random() LIMIT 1"
    )
    with crowd_in(shop, CLIENTS) as crowd, engine.connect() as admin:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            cuts += len(admin.execute(victim).all())
            admin.commit()
            CLOCK.wait(0.2)
        crowd.wait_for(20)
    engine.dispose()
    d2.at_least("connections cut in a minute", cuts, 100)
    all_routed(shop, crowd, 90)
    crowd.judge(shop, d2)
