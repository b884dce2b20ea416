"""What the business refuses, and the one place that turns a refusal into a page or problem+json."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l


class DomainError(Exception):
    """A refusal with a stable code, an HTTP status and words for the person who asked."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "refused"
    title: ClassVar[Any] = _l("This cannot be done")

    def __init__(self, detail: Any = "", *, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(str(self.code))
        self.detail = detail or self.title
        self.errors = errors or []


class NotFound(DomainError):
    """The thing is not there, or not there for this person."""

    status = 404
    code = "not_found"
    title = _l("Not found")


class NotSignedIn(DomainError):
    """Nobody is signed in and the page is not for guests."""

    status = 401
    code = "not_signed_in"
    title = _l("Please sign in")


class TooMany(DomainError):
    """Asked too often; `retry_after` (seconds) says when it may be tried again."""

    status = 429
    code = "too_many_requests"
    title = _l("Too many attempts, please wait a little")

    def __init__(self, retry_after: int, detail: Any = "") -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Forbidden(DomainError):
    """The person is known and may not do this."""

    status = 403
    code = "forbidden"
    title = _l("You may not do this")


class Invalid(DomainError):
    """The input has faults; `errors` names each field."""

    status = 422
    code = "invalid"
    title = _l("Please check what was entered")


class WrongState(DomainError):
    """The thing has moved on and this step is no longer possible."""

    code = "wrong_state"
    title = _l("This step is no longer possible")


class Busy(DomainError):
    """Somebody holds the rows for longer than we wait; the same request may be sent again."""

    status = 409
    code = "busy"
    title = _l("The shop is very busy, please try again")
