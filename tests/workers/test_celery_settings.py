"""B16: every setting that keeps jobs safe has the value it was chosen for (workers/celery_settings.py says why)."""

from __future__ import annotations

from typing import Any

import pytest
from kombu import Consumer, Producer
from kombu.exceptions import ContentDisallowed
from kombu.serialization import dumps, loads

from shop.sandbox.run import WORKERS
from workers.celery_settings import BULK_HARD_LIMIT, HARD_LIMIT, QUEUES, make_celery
from workers.topics import BULK_LEASE, LEASE, TOPICS

conf = make_celery("redis://127.0.0.1:1/0").conf

WANTED: dict[str, Any] = {
    "task_ignore_result": True,
    "result_backend": None,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_acks_late": True,
    "task_reject_on_worker_lost": False,
    "task_acks_on_failure_or_timeout": True,
    "worker_prefetch_multiplier": 1,
    "task_publish_retry": False,
    "task_soft_time_limit": 30,
    "task_time_limit": 45,
    "worker_pool": "prefork",
    "worker_max_tasks_per_child": 2_000,
    "worker_max_memory_per_child": 300_000,
    "worker_soft_shutdown_timeout": 20,
    "worker_enable_soft_shutdown_on_idle": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "task_create_missing_queues": False,
    "task_always_eager": False,
}


@pytest.mark.parametrize("name", WANTED)
def test_b16_setting(name: str) -> None:
    assert conf[name] == WANTED[name]


def test_b16_the_broker_is_swept_often_and_never_hangs() -> None:
    options = conf.broker_transport_options
    assert options["visibility_timeout"] == 900 > 2 * BULK_HARD_LIMIT
    assert (options["unacked_restore_interval"], options["unacked_restore_throttle"]) == (10, 1)
    assert options["queue_order_strategy"] == "priority"
    assert (options["socket_timeout"], options["health_check_interval"], options["socket_keepalive"]) == (30, 25, True)


def test_b16_only_the_default_direct_exchange_is_used() -> None:
    assert {queue.name for queue in conf.task_queues} == set(QUEUES)
    assert {(queue.exchange.name, queue.exchange.type) for queue in conf.task_queues} == {("", "direct")}


def test_b16_heavy_jobs_give_their_memory_back_soon() -> None:
    bulk = make_celery("redis://127.0.0.1:1/0", bulk=True).conf
    assert (bulk.worker_max_tasks_per_child, bulk.worker_max_memory_per_child) == (20, 600_000)


def test_a_lease_is_longer_than_the_time_limit_of_its_queue() -> None:
    import workers.tasks  # noqa: F401

    assert LEASE > HARD_LIMIT
    assert BULK_LEASE > BULK_HARD_LIMIT
    for topic in TOPICS.values():
        limit = BULK_HARD_LIMIT if topic.queue in {"bulk", "maint"} else HARD_LIMIT
        assert topic.name.startswith("test.") or topic.lease > limit


def test_every_queue_has_a_worker_where_the_shop_is_run() -> None:
    assert {queue for queues, _ in WORKERS.values() for queue in queues.split(",")} == set(QUEUES)
    assert {topic.queue for topic in TOPICS.values()} <= set(QUEUES)


def test_a_worker_of_several_queues_does_the_notices_before_the_mails_that_waited_longer(redis_url: str) -> None:
    celery, taken = make_celery(redis_url), list[str]()
    with celery.connection_for_write() as connection, connection.channel() as channel:
        waiting = [celery.amqp.queues[name](channel) for name in ("notify", "mail")]
        for queue in waiting:
            queue.declare()
            queue.purge()
        producer = Producer(channel, serializer="json")
        for name in ("mail", "mail", "notify", "notify"):
            producer.publish(name, routing_key=name)
        with Consumer(channel, waiting, callbacks=[lambda said, _message: taken.append(said)], no_ack=True):
            while len(taken) < 4:
                connection.drain_events(timeout=5)
    assert taken == ["notify", "notify", "mail", "mail"]


def test_pickle_is_refused() -> None:
    content_type, encoding, payload = dumps({"a": 1}, serializer="pickle")
    with pytest.raises(ContentDisallowed):
        loads(payload, content_type, encoding, accept=conf.accept_content)
