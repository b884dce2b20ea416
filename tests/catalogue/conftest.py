"""One seeded shop for every test that only looks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from catalogue.seed.demo import seed_shop
from shop.app import create_app
from shop.db import db
from tests.conftest import Servers, settings_for


@pytest.fixture(scope="session")
def seeded_url(servers: Servers, template_database: str) -> Iterator[str]:
    """A database with the demonstration's goods and counters, without accounts; nobody may write to it."""
    name = f"{template_database}_seeded"
    servers.run(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    engine = create_engine(servers.url_of(name).replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as session:
        seed_shop(session, with_accounts=False)
    engine.dispose()
    yield servers.url_of(name)
    servers.drop(name)


@pytest.fixture
def seeded(seeded_url: str) -> Iterator[Session]:
    """A session on the seeded shop."""
    engine = create_engine(seeded_url.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="session")
def seeded_app(seeded_url: str, servers: Servers) -> Iterator[Flask]:
    """The shop on the seeded database."""
    application = create_app(settings_for(seeded_url, servers.redis_url))
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def visitor(seeded_app: Flask) -> FlaskClient:
    """A browser before the seeded shop, reading English."""
    browser = seeded_app.test_client()
    browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return browser
