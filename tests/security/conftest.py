"""The shop as it stands on a server, for tests of what it says to the world."""

from __future__ import annotations

import pytest
from flask import Flask

from shop.app import create_app
from shop.config import load_settings

HOME = "https://shop.example"


@pytest.fixture
def production(database_url: str, redis_url: str) -> Flask:
    """The shop with the settings of a server, its limits included; what tests asked before is not counted."""
    settings = load_settings(
        app_env="production", database_url=database_url, redis_url=redis_url, smtp_url="smtp://127.0.0.1:1",
        mail_sink_folder="", public_url=HOME, secret_key="s" * 40, security_password_salt="p" * 20,
        log_level="WARNING",
    )  # fmt: skip
    app = create_app(settings)
    for limiter in app.extensions["limiter"]:
        limiter.reset()
    return app
