"""Change a row by hand: locked, compared with what the editor saw, and written into the audit; no update is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop import audit
from shop.audit import Actor, AuditEntry
from shop.errors import DomainError, NotFound

Row = TypeVar("Row")
Values = dict[str, Any]
MOST_HISTORY = 20


class ChangedMeanwhile(DomainError):
    """Somebody else saved this while the form was open; `errors` has what it says now."""

    code: ClassVar[str] = "changed_meanwhile"
    title = _l("Somebody else changed this while you were editing. Compare with what it says now, then save again.")


def values_of(row: Any, fields: Sequence[str]) -> Values:
    """The fields of a row that may be edited."""
    return {name: getattr(row, name) for name in fields}


def seen_of(values: Mapping[str, Any]) -> str:
    """A short sign of what an editor was shown; it differs as soon as any field does."""
    told = json.dumps(plain(dict(values)), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def plain(values: Values) -> Values:
    """The same values as the audit keeps them: times and dates as text."""
    loaded: Values = json.loads(json.dumps(values, ensure_ascii=False, default=str))
    return loaded


def edit(
    session: Session,
    model: type[Row],
    row_id: int,
    changes: Values,
    *,
    fields: Sequence[str],
    seen: str,
    subject: str,
    actor: Actor,
    private: bool = False,
    then: Callable[[Row, Values, Values], None] | None = None,
) -> Row:
    """Write the changes to a row; `then` follows with (row, before, after) when anything really changed.

    `private` keeps the values of a person's row out of the audit.

    Raises NotFound, and ChangedMeanwhile when the row no longer is what `seen` was made from.
    """
    row = session.get(model, row_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound()
    before = values_of(row, fields)
    if seen_of(before) != seen:
        raise ChangedMeanwhile(errors=[plain(before)])
    after = {**before, **changes}
    changed = [name for name in fields if before[name] != after[name]]
    if not changed:
        return row
    for name in changed:
        setattr(row, name, after[name])
    was, now = ({name: values[name] for name in changed} for values in (before, after))
    if private:
        # The audit is never changed, so a person's data stay out of it: only which fields were.
        was, now = {}, dict.fromkeys(changed, "…")
    audit.record(session, actor, f"{subject}.edited", subject, row_id, before=plain(was), after=plain(now))
    if then is not None:
        then(row, before, after)
    session.flush()
    return row


def history_of(session: Session, subject: str, subject_id: int | str) -> Sequence[AuditEntry]:
    """The latest audit rows of one thing, newest first."""
    statement = (
        select(AuditEntry)
        .where(AuditEntry.subject_type == subject, AuditEntry.subject_id == str(subject_id))
        .order_by(AuditEntry.id.desc())
        .limit(MOST_HISTORY)
    )
    return session.execute(statement).scalars().all()
