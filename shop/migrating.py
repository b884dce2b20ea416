"""Bring the tables up to date, back, or compare them with the models: Alembic, loaded only by who needs it.

Web servers, workers and the relay do not: they start sooner and hold less without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_migrate
from flask import current_app

from shop.db import db

SCRIPTS = Path(__file__).resolve().parent / "migrations"


def join_alembic() -> None:
    """Let Alembic know the application and its models."""
    flask_migrate.Migrate(current_app, db, directory=str(SCRIPTS))


def upgrade(**options: Any) -> None:
    """Run the migrations that have not been run."""
    join_alembic()
    flask_migrate.upgrade(**options)


def downgrade(**options: Any) -> None:
    """Go back to a revision."""
    join_alembic()
    flask_migrate.downgrade(**options)


def check() -> None:
    """Compare the tables with the models. Ends the process with a word on each difference."""
    join_alembic()
    flask_migrate.check()
