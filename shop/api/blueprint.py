"""A room's part of the API: its routes say who may use them, what they take and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, cast

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from shop.accounts.policy import ANYONE, allow
from shop.api.idempotency import HEADER, answer_once

View = TypeVar("View", bound=Callable[..., Any])

PREFIX = "/api/v1"
KEY_PARAMETER = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 8, "maxLength": 255},
    "description": "A random key of yours. The same request under the same key is done once; "
    "its answer is kept for 24 hours and given again with `Idempotent-Replayed: true`.",
}
ACCESS_PARAMETER = {
    "in": "header",
    "name": "X-Access-Key",
    "required": False,
    "schema": {"type": "string"},
    "description": "For guests: the `access_key` that came with the order. `?access_key=` does the same.",
}
PROBLEM = {"$ref": "#/components/responses/Problem"}
# What any call may answer besides its own refusals.
ALWAYS = (400, 429, 503)


class ApiBlueprint(Blueprint):
    """Adds to the library's blueprint what all of ours share: problems, keys for repeating, who may enter."""

    def __init__(self, name: str, import_name: str, *, description: str) -> None:
        super().__init__(name, import_name, url_prefix=PREFIX, description=description)
        self._prepare_doc_cbks.append(complete)

    def arguments(self, schema: type[ma.Schema], **more: Any) -> Callable[[View], View]:
        """What the call takes. The schema is made once, not at each call: it copies all its fields when it is made."""
        return cast(Callable[[View], View], super().arguments(schema(), **more))

    def creates(
        self,
        schema: type[ma.Schema],
        status: int = 201,
        *,
        before: Callable[..., None] | None = None,
        after: Callable[[dict[str, Any]], None] | None = None,
    ) -> Callable[[View], View]:
        """Answer with `schema`; the view is run in one transaction, and once per Idempotency-Key.

        What must talk to the outside does so `before` the transaction (with the view's arguments), or `after` it,
        where it may complete the answer; an answer given again is completed again.
        """

        shape = schema()  # made once, as above

        def decorate(view: View) -> View:
            @wraps(view)
            def once(*args: Any, **kwargs: Any) -> Response:
                if before is not None:
                    before(*args, **kwargs)
                work = partial(dumped, shape, view, *args, **kwargs)
                return answer_once(work, status, after)

            # A key of a wrong length, and one that came before with another request, are refused everywhere.
            documented = self.doc(parameters=[KEY_PARAMETER], responses={"409": PROBLEM, "422": PROBLEM})
            return cast(View, documented(self.response(status, schema)(once)))

        return decorate


def dumped(shape: ma.Schema, view: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What the view answers, in that shape."""
    return cast("dict[str, Any]", shape.dump(view(*args, **kwargs)))


def door(*who: str, scope: str | None = None, refuses: tuple[int, ...] = ()) -> Callable[[View], View]:
    """Who may use a route (shop.accounts.policy.allow), and with which other statuses it may refuse."""

    def decorate(view: View) -> View:
        security: list[dict[str, list[str]]] = [{"token": [scope] if scope else []}]
        if ANYONE in who:
            security.insert(0, {})
        statuses = {*refuses, *ALWAYS, *(() if ANYONE in who else (401, 403))}
        documented = Blueprint.doc(security=security, responses={str(one): PROBLEM for one in sorted(statuses)})
        return cast(View, documented(allow(*who, scope=scope)(view)))

    return decorate


def complete(doc: dict[str, Any], _info: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Every refusal of a call is a problem, the library's own included."""
    doc["responses"] = {
        code: PROBLEM if isinstance(answer, str) else answer for code, answer in doc.get("responses", {}).items()
    }
    doc["responses"].pop("default", None)
    return doc
