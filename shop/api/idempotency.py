"""Sending the same request twice does it once: the key is written in the transaction that does the work.

A rival with the same key in flight makes the insert wait, so there is no gap between look and leap. A request that
is refused leaves no key behind and may be sent again (docs/decisions/0005-the-api.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Response, jsonify, request
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.accounts.models import ApiIdempotency
from shop.accounts.policy import current_person
from shop.db import db, in_transaction
from shop.errors import DomainError, Invalid

SHORTEST, LONGEST = 8, 255
HEADER = "Idempotency-Key"


class KeyUsedOtherwise(DomainError):
    """The key came before with another request."""

    code: ClassVar[str] = "idempotency_key_used"
    title = _l("This Idempotency-Key was used for another request; a new request needs a new key")


@dataclass(frozen=True)
class Asked:
    """What is compared: who asked, under which key, for what."""

    principal: str
    key: str
    route: str
    digest: bytes


def asked() -> Asked | None:
    """This request's key and content; None when it bears no key. Raises Invalid for a key of a wrong length."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (SHORTEST <= len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise Invalid(
            _l("An Idempotency-Key has %(shortest)d to %(longest)d letters", shortest=SHORTEST, longest=LONGEST),
            errors=[{"field": HEADER}],
        )
    person = current_person()
    content = json.dumps(request.get_json(silent=True), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{request.query_string.decode('latin-1')}\n{content}".encode()).digest()
    return Asked(f"user:{person.id}" if person else "guest", key, f"{request.method} {request.path}", digest)


def answer_once(
    work: Callable[[], dict[str, Any]], status: int, after: Callable[[dict[str, Any]], None] | None = None
) -> Response:
    """Do `work` and commit it; the same request under the same key gets the first one's answer again.

    `after` may complete the answer with what is not ours to keep, when the transaction is over.

    Raises KeyUsedOtherwise, and whatever `work` raises.
    """
    wanted = asked()
    session = db.session()
    if wanted is None:
        body, kept_status, replayed = in_transaction(session, work), status, False
    else:
        body, kept_status, replayed = in_transaction(session, lambda: first_or_again(session, wanted, work, status))
    if after is not None:
        after(body)
    response = answer(body, kept_status)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def answer(body: dict[str, Any], status: int) -> Response:
    """A JSON answer."""
    response = jsonify(body)
    response.status_code = status
    return response


def first_or_again(
    session: Session, wanted: Asked, work: Callable[[], dict[str, Any]], status: int
) -> tuple[dict[str, Any], int, bool]:
    """The body, its status and whether it is a repetition."""
    claim = (
        insert(ApiIdempotency)
        .values(principal=wanted.principal, key=wanted.key, route=wanted.route, request_sha256=wanted.digest)
        .on_conflict_do_nothing()
        .returning(ApiIdempotency.key)
    )
    mine = (ApiIdempotency.principal == wanted.principal) & (ApiIdempotency.key == wanted.key)
    if session.execute(claim).first() is None:
        kept = session.execute(select(ApiIdempotency).where(mine)).scalar_one()
        if (kept.route, kept.request_sha256) != (wanted.route, wanted.digest):
            raise KeyUsedOtherwise()
        return kept.body or {}, kept.status or status, True
    body = work()
    session.execute(update(ApiIdempotency).where(mine).values(status=status, body=body))
    return body, status, False
