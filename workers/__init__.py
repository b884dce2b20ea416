"""The Celery app, its schedule, the outbox relay, thin tasks, and the channels notices leave by."""
