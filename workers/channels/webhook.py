"""Send one message as Standard Webhooks 1.0 has it: signed, under the same id each time; 2xx alone is success."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException

from standardwebhooks import Webhook as Signer

from orders.webhooks.models import WebhookDelivery
from shop.outgoing import Answer, UnsafeAddress, post

LONGEST_WAIT = 24 * 3600.0


class NotDelivered(Exception):
    """The receiver did not take it. `status` is 0 without an answer, `after` its wish to be left alone (seconds)."""

    def __init__(self, words: str, status: int = 0, after: float | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.after = after


def body_of(delivery: WebhookDelivery) -> bytes:
    """What is sent, to the byte the same on every try."""
    content = {"type": delivery.event, "timestamp": delivery.created_at.isoformat(), "data": delivery.data}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def headers_of(delivery: WebhookDelivery, body: bytes, secrets: list[str], now: datetime) -> dict[str, str]:
    """Id, moment and one signature per secret."""
    message_id = f"msg_{delivery.message_id.hex}"
    signatures = [Signer(secret).sign(message_id, now, body.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "yarlung-market",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def deliver(url: str, body: bytes, headers: dict[str, str], *, to_loopback: bool) -> int:
    """Send it; the status of success. Raises NotDelivered."""
    try:
        answer = post(url, body, headers, to_loopback=to_loopback)
    except UnsafeAddress as error:
        raise NotDelivered(str(error)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise NotDelivered(f"{type(error).__name__}: {error}"[:300]) from None
    if 200 <= answer.status < 300:
        return answer.status
    raise NotDelivered(f"answered {answer.status}", answer.status, wish_of(answer, datetime.now(UTC)))


def wish_of(answer: Answer, now: datetime) -> float | None:
    """Seconds the receiver asks us to wait (a number or a date), a day at most; None when it does not."""
    asked = answer.retry_after.strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked[:9]), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(asked)
    except (TypeError, ValueError):
        return None
    seconds = (until.astimezone(UTC) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)
