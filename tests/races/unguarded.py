"""The shop without its two guards against overselling, for negative controls: what A1 must be able to see.

The row lock is struck out of the statements on their way to PostgreSQL, and before the commit there is a moment for
a rival to look at what is left; the test itself drops the CHECK.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import event

from shop.app import create_app
from shop.db import db

A_MOMENT = 0.2

app = create_app()


def strike_out_lock(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """The same statement without its lock on availability."""
    if "FROM availability" in statement:
        return statement.replace("FOR UPDATE", ""), parameters
    return statement, parameters


def leave_a_moment(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    """Between what was seen and the commit of what was made of it."""
    if "UPDATE availability" in statement:
        time.sleep(A_MOMENT)


with app.app_context():
    event.listen(db.engine, "before_cursor_execute", strike_out_lock, retval=True)
    event.listen(db.engine, "after_cursor_execute", leave_a_moment)
