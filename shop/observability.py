"""What a person on call sees: JSON logs that follow a request into the workers, and numbers for Prometheus."""

from __future__ import annotations

import json
import logging
import sys
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_order_number: ContextVar[str] = ContextVar("order_number", default="")

# Attributes every LogRecord has; whatever else a call passes in `extra` becomes a field of its own.
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def current_request_id() -> str:
    """The id of the request (or of the request whose job this is), '' outside of one."""
    return _request_id.get()


def follow_request(request_id: str | None = None, *, order: str = "") -> str:
    """Put everything this thread does from now on under that request id (a new one if none is given)."""
    identity = request_id or uuid.uuid4().hex
    _request_id.set(identity)
    _order_number.set(order)
    return identity


def follow_order(number: str) -> None:
    """Name the order that this thread works on, so that its log lines can be found."""
    _order_number.set(number)


class JsonFormatter(logging.Formatter):
    """One log line is one JSON object: time in UTC, level, logger, message, request id, order, extras."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if _request_id.get():
            line["request_id"] = _request_id.get()
        if _order_number.get():
            line["order"] = _order_number.get()
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(level: str) -> None:
    """Send every logger to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("urllib3", "kombu", "amqp", "werkzeug", "stripe", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel("WARNING")
