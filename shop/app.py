"""create_app(): the one place that knows every room and joins them to a Flask application."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate
from flask_wtf.csrf import CSRFProtect

# Importing a model module puts its tables into the metadata that migrations are compared with.
import catalogue.models
import catalogue.stock.models
import orders.fulfilment.models
import orders.models
import orders.notifications.models
import orders.payments.models
import shop.accounts.models
import shop.audit
import shop.heartbeat
import shop.outbox  # noqa: F401
from shop import i18n
from shop.config import Settings, load_settings
from shop.db import db, engine_options
from shop.observability import configure_logging

PROJECT = Path(__file__).resolve().parent.parent

csrf = CSRFProtect()
migrate = Migrate()


def create_app(settings: Settings | None = None) -> Flask:
    """Build the shop for these settings (the environment's if none are given).

    Raises shop.config.SettingsError when the settings do not describe a shop that may start.
    """
    settings = settings or load_settings()
    configure_logging(settings.log_level)
    app = Flask("shop", root_path=str(PROJECT / "shop"), template_folder=str(PROJECT / "templates"))
    app.extensions["settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        MAX_CONTENT_LENGTH=10 * 1024 * 1024,
        MAX_FORM_PARTS=2_000,
    )
    db.init_app(app)
    migrate.init_app(app, db, directory=str(PROJECT / "shop" / "migrations"))
    csrf.init_app(app)
    i18n.init_app(app)
    return app
