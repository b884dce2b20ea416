"""How Alembic reaches the shop's tables: with short lock waits, so a migration never queues the shop behind it."""

from __future__ import annotations

from alembic import context
from flask import current_app

from shop.db import db

target_metadata = db.metadata
config = context.config


def include_object(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """Everything in the schema is ours, except Alembic's own table."""
    return not (kind == "table" and name == "alembic_version")


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(
        url=current_app.config["SQLALCHEMY_DATABASE_URI"],
        target_metadata=target_metadata,
        literal_binds=True,
        include_object=include_object,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run each migration in a transaction of its own."""
    connection = config.attributes.get("connection")
    if connection is not None:
        migrate_on(connection)
        return
    with db.engine.connect() as connection:
        migrate_on(connection)
        connection.commit()


def migrate_on(connection: object) -> None:
    """Configure Alembic for an open connection and run."""
    context.configure(
        connection=connection,  # type: ignore[arg-type]
        target_metadata=target_metadata,
        include_object=include_object,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
