"""Flask-Security for the shop: password hashing, signed links, the current person. The doors are our own."""

from __future__ import annotations

from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore

from shop.accounts import passwords, sessions
from shop.accounts.models import Role, User
from shop.config import Settings
from shop.db import db


def init_app(app: Flask) -> None:
    """Attach Flask-Security (after CSRF protection, which it asks about) without its own routes.

    Its views know neither our sign-in rows nor the counting of tries; its tokens in headers, query strings and
    bodies would be a second way in, so only our loader answers who somebody is.
    """
    settings: Settings = app.extensions["settings"]
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106  the name of a method
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],
        SECURITY_PASSWORD_SALT=settings.security_password_salt,
        SECURITY_PASSWORD_LENGTH_MIN=passwords.SHORTEST,
        SECURITY_PASSWORD_NORMALIZE_FORM="NFKC",  # noqa: S106  the name of a form
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_CLI_USERS_NAME=None,
        SECURITY_CLI_ROLES_NAME=None,
        SECURITY_RESET_SALT="yarlung-reset",
        SECURITY_CONFIRM_SALT="yarlung-confirm",
    )
    security = Security()
    security.init_app(app, SQLAlchemyUserDatastore(db, User, Role), register_blueprint=False)
    manager = app.login_manager  # type: ignore[attr-defined]
    manager.user_loader(sessions.load_person)
    manager.request_loader(None)
    # Our rows say what a session may do; an address that changes on a phone is no reason to end one.
    manager.session_protection = None
    sessions.init_app(app)
