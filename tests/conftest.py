"""A real database for every test: one migrated template per run, one clone of it per test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Undefined, UndefinedError
from jinja2.utils import missing
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from shop.app import create_app
from shop.config import Settings, load_settings
from shop.db import db
from shop.sandbox.postgres import Postgres
from tests.builders import Builder
from tests.counting import queries
from tests.figures import (
    figures,
    pytest_collection_modifyitems,
    pytest_runtest_logreport,
    pytest_terminal_summary,
)
from tests.sharing import pytest_xdist_make_scheduler

# Two fixtures and four hooks, found here by pytest.
__all__ = [
    "figures",
    "pytest_collection_modifyitems",
    "pytest_runtest_logreport",
    "pytest_terminal_summary",
    "pytest_xdist_make_scheduler",
    "queries",
]


class Servers:
    """The PostgreSQL and Redis of this run: the environment's if named there, else private ones."""

    def __init__(self, stack: ExitStack) -> None:
        database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        if not (database_url and redis_url):
            from shop.sandbox.services import fastest_place, scratch_folder, start_postgres, start_redis

            # Every test makes some hundred small files and deletes them: on a disk that is most of its time.
            folder = stack.enter_context(scratch_folder(place=fastest_place()))
            if not database_url:
                postgres = start_postgres(folder / "postgres", durable=False)
                stack.callback(postgres.stop)
                database_url = postgres.url
            if not redis_url:
                redis = start_redis(folder / "redis")
                stack.callback(redis.stop)
                redis_url = redis.url
        self.url = make_url(database_url).set(drivername="postgresql")
        self.redis_url = redis_url

    def run(self, statement: str) -> None:
        """Run one statement outside a transaction on the maintenance database."""
        with psycopg.connect(self.url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def drop(self, database: str) -> None:
        """Drop a database, with whatever a test left connected to it.

        Not `WITH (FORCE)`: an ordinary owner may not end the autovacuum worker that happens to be
        inside, so that refuses; the plain DROP sends such workers away by itself.
        """
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{database}' AND usename = current_user AND pid <> pg_backend_pid()"
        )
        self.run(f"DROP DATABASE IF EXISTS {database}")

    def url_of(self, database: str) -> str:
        """The address of another database on the same server."""
        return self.url.set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Redis for the whole run."""
    with ExitStack() as stack:
        yield Servers(stack)


def settings_for(database_url: str, redis_url: str) -> Settings:
    """The settings tests run with: no limits on how often, mails to nobody."""
    return load_settings(
        app_env="test",
        database_url=database_url,
        redis_url=redis_url,
        smtp_url="smtp://127.0.0.1:1",
        rate_limits=False,
        page_cache_seconds=0,
        log_level="WARNING",
    )


@pytest.fixture(scope="session")
def template_database(servers: Servers) -> Iterator[str]:
    """A database with every migration run, to clone from."""
    from shop.migrating import upgrade

    name = f"yarlung_test_{uuid.uuid4().hex[:12]}"
    servers.run(f"CREATE DATABASE {name}")
    app = create_app(settings_for(servers.url_of(name), servers.redis_url))
    with app.app_context():
        upgrade()
        db.engine.dispose()
    yield name
    servers.drop(name)


@pytest.fixture
def database_url(servers: Servers, template_database: str) -> Iterator[str]:
    """A fresh migrated database, dropped after the test; each test of a process finds it under the same name."""
    name = name_of_the_tests(template_database)
    servers.run(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    yield servers.url_of(name)
    servers.drop(name)


@pytest.fixture
def database_for_each_game(servers: Servers, template_database: str) -> Iterator[Callable[[], str]]:
    """Makes a migrated database for each game of a test that plays many; the one before is dropped, so that what went
    wrong in one game does not spoil the next."""
    name = f"{template_database}_game"

    def make() -> str:
        servers.drop(name)
        servers.run(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
        return servers.url_of(name)

    yield make
    servers.drop(name)


def name_of_the_tests(template: str) -> str:
    """The name of the database that tests get."""
    return f"{template}_copy"


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """The run's Redis."""
    return servers.redis_url


class NotThere(Undefined):
    """What a page asks of a thing that has no such name: to customers an empty place, in tests an error.

    Templates may ask whether they were given a name, and whether something stands in a dictionary.
    """

    def _refuse(self) -> None:
        if self._undefined_obj is not missing and not isinstance(self._undefined_obj, Mapping):
            raise UndefinedError(f"a page asks for {self._undefined_name!r} of {self._undefined_obj!r}")

    def __bool__(self) -> bool:
        self._refuse()
        return False

    def __str__(self) -> str:
        self._refuse()
        return ""

    def __html__(self) -> str:
        return str(self)

    def __iter__(self) -> Iterator[object]:
        self._refuse()
        return iter(())

    def __len__(self) -> int:
        self._refuse()
        return 0

    def __eq__(self, other: object) -> bool:
        self._refuse()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        self._refuse()
        return super().__ne__(other)

    def __hash__(self) -> int:
        self._refuse()
        return super().__hash__()


@pytest.fixture(scope="session")
def assembled(servers: Servers, template_database: str) -> Flask:
    """The shop, put together once: its routes and templates are compiled for all tests of this process."""
    app = create_app(settings_for(servers.url_of(name_of_the_tests(template_database)), servers.redis_url))
    app.jinja_env.undefined = NotThere
    # To hash a password takes a sixth of a second on purpose; here nobody guesses.
    app.extensions["security"].pwd_context.update(argon2__memory_cost=64, argon2__time_cost=1)
    return app


@pytest.fixture
def app(assembled: Flask, database_url: str) -> Iterator[Flask]:
    """The shop on a fresh database, with the settings it was put together with."""
    config, extensions = dict(assembled.config), dict(assembled.extensions)
    yield assembled
    assembled.config.clear()
    assembled.config.update(config)
    assembled.extensions.clear()
    assembled.extensions.update(extensions)
    with assembled.app_context():
        db.engine.dispose()


@pytest.fixture
def fresh_app(database_url: str, redis_url: str) -> Iterator[Flask]:
    """The shop put together for one test alone, which adds to it or counts what it holds."""
    application = create_app(settings_for(database_url, redis_url))
    application.jinja_env.undefined = NotThere
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without a screen."""
    return app.test_client()


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """A session on the test's database; what it commits is really committed."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine, expire_on_commit=False) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def build(session: Session) -> Builder:
    """Makes cooperatives, goods, counters and lots in few words."""
    return Builder(session)


@pytest.fixture
def own_postgres(redis_url: str) -> Iterator[Postgres]:
    """A durable server of a test's own, with the shop's tables: it may be stopped and crashed."""
    from shop.migrating import upgrade
    from shop.sandbox.services import scratch_folder, start_postgres

    with scratch_folder() as folder:
        server = start_postgres(folder / "postgres")
        application = create_app(settings_for(server.url, redis_url))
        with application.app_context():
            upgrade()
            db.engine.dispose()
        yield server
        server.stop()
