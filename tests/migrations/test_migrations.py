"""The models and the migrations say the same, and every migration can be taken back and run again."""

from __future__ import annotations

import logging

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from shop.db import db
from shop.outbox import Job


def differences() -> list[object]:
    """What autogenerate would still change."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, db.metadata))


def test_models_and_migrations_agree(app: Flask) -> None:
    with app.app_context():
        assert differences() == []


def test_every_migration_goes_down_and_up_again(app: Flask) -> None:
    logging.getLogger("alembic").setLevel("WARNING")
    with app.app_context():
        db.session.add(Job(topic="order.route", dedupe_key="1", payload={}))
        db.session.commit()
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        with db.engine.connect() as connection:
            functions = text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
            assert connection.scalar(functions) == 0
        upgrade()
        assert differences() == []
