"""A Redis that may be flushed, and a shop of processes without any process yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_client
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.sandbox.redis import Redis
from shop.sandbox.services import scratch_folder, start_redis
from tests.faults.harness import Processes, processes


@pytest.fixture(scope="package")
def own_redis() -> Iterator[Redis]:
    """A Redis of these tests' own: flushed, crashed, frozen, and running again afterwards."""
    with scratch_folder() as folder:
        server = start_redis(folder / "redis")
        yield server
        server.stop()


@pytest.fixture
def shop(session: Session, database_url: str, own_redis: Redis) -> Iterator[Processes]:
    """No process yet; a table in which effects leave their marks."""
    redis_client.Redis.from_url(own_redis.url).flushall()
    session.execute(text("CREATE TABLE test_effect (id bigserial PRIMARY KEY, job bigint)"))
    session.commit()
    with processes(database_url, own_redis.url) as together:
        yield together
