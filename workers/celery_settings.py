"""Every Celery setting of the shop with its reason; tests/workers/test_celery_settings.py holds them in place.

A message carries a job's id and nothing else: the truth about pending work is the job row
(docs/decisions/0001-jobs-are-rows.md). So these settings protect the workers, not the work.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue

# Queues, not priorities: Redis' priorities are four emulated lists and approximate. One worker each, so that a slow
# mail server holds up neither routing nor what counters and cooperatives read in their rooms.
QUEUES = ("route", "notify", "mail", "webhook", "bulk", "maint")
SOFT_LIMIT, HARD_LIMIT = 30, 45
BULK_SOFT_LIMIT, BULK_HARD_LIMIT = 300, 330

SETTINGS: dict[str, Any] = {
    # Nobody reads results; a backend only adds keys to Redis and one more thing to lose.
    "task_ignore_result": True,
    "result_backend": None,
    # No pickle: nobody who can write to Redis may run code here.
    "task_serializer": "json",
    "accept_content": ["json"],
    # The message survives a stop while its job runs, and prefetch 1 means one.
    "task_acks_late": True,
    # True would put the message back within 0.3 s, so a job that kills its worker would loop at that speed; the
    # lease brings it back with a count and a pause.
    "task_reject_on_worker_lost": False,
    # A hard limit loses the message: fine, the job row is still open.
    "task_acks_on_failure_or_timeout": True,
    # Fair, and at most as many messages at risk as there are processes.
    "worker_prefetch_multiplier": 1,
    "broker_transport_options": {
        # More than twice the longest hard limit, else running tasks are delivered again. Recovery is the lease's.
        "visibility_timeout": 900,
        # The default sweep for lost messages comes some 100 s late.
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # A half-dead connection is noticed.
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        # A worker of several queues empties them in the order it was given: the urgent ones first.
        "queue_order_strategy": "priority",
    },
    # Redis may be away when a worker starts and at any time afterwards; keep trying.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "task_default_queue": "maint",
    "task_default_exchange_type": "direct",
    # Unknown queue names are a mistake, not a new queue.
    "task_create_missing_queues": False,
    # The lease is the retry; a publish that waits would stall the relay.
    "task_publish_retry": False,
    # Soft: a clean failure with a pause. Hard: the last resort. Only prefork processes can be limited.
    "worker_pool": "prefork",
    "task_soft_time_limit": SOFT_LIMIT,
    "task_time_limit": HARD_LIMIT,
    # Leaks end here; too small a memory cap would make each child do one task and die.
    "worker_max_tasks_per_child": 2_000,
    "worker_max_memory_per_child": 300_000,
    # SIGTERM lets running tasks finish for so long; the supervisor waits longer than that.
    "worker_soft_shutdown_timeout": 20.0,
    "worker_enable_soft_shutdown_on_idle": True,
    # After Redis blinks, the message comes back while its task still runs; the row lock stops the second copy, and
    # killing a task in the middle of a mail would leave an unclear send. Celery 6 changes the default, so pin it.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Our own JSON logs, set up with the application.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_send_task_events": False,
    "task_send_sent_event": False,
    "timezone": "Asia/Shanghai",
    "enable_utc": True,
}
# The rare heavy jobs: pages of memory for spreadsheets, given back soon.
BULK_SETTINGS: dict[str, Any] = {"worker_max_tasks_per_child": 20, "worker_max_memory_per_child": 600_000}


def queues() -> list[Queue]:
    """The queues of one application, which keeps and changes them: each gets its own.

    Bindings of topic and fanout exchanges vanish with Redis' data and publishing then drops silently; the default
    direct exchange needs none.
    """
    return [
        Queue(name, Exchange("", type="direct"), routing_key=name)  # type: ignore[no-untyped-call]
        for name in QUEUES
    ]


def make_celery(redis_url: str, *, bulk: bool = False) -> Celery:
    """A Celery application on this Redis with the shop's settings."""
    broker = "redis+socket://" + redis_url.removeprefix("unix://") if redis_url.startswith("unix://") else redis_url
    celery = Celery("workers", broker=broker, set_as_current=False)
    celery.conf.update(SETTINGS, task_queues=queues())
    if bulk:
        celery.conf.update(BULK_SETTINGS)
    return celery
