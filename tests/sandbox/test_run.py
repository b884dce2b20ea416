"""`make run` as a person meets it: it starts from nothing, keeps its data, and leaves nobody behind."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shop.sandbox.folder import DataFolder
from shop.sandbox.processes import free_port
from shop.sandbox.services import start_postgres
from tests.sandbox.running import Run, users_of


@pytest.fixture(scope="module")
def place(shared_folder: Path) -> Path:
    return shared_folder / "market"


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """Ends every run a test leaves standing, so that a failure does not disturb the next test."""
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(60)


def test_it_starts_from_nothing_keeps_what_it_had_and_survives_being_killed(place: Path, runs: list[Run]) -> None:
    runs.append(first := Run(place))
    first.wait_until_ready()
    assert "@" in first.words(), "the demo accounts are named"
    assert "<html" in first.get("/")
    assert "<html" in first.get("/sandbox/mail")
    with psycopg.connect(DataFolder(place).published()["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept_by_the_test AS SELECT 42 AS n")
        products = connection.execute("SELECT count(*) FROM product").fetchone()
    assert products is not None
    assert products[0] > 0

    another = Run(place)
    assert another.process.wait(30) == 1
    assert f"already running at {first.address}" in another.words()
    first.end(signal.SIGTERM)

    runs.append(second := Run(place))
    second.wait_until_ready()
    with psycopg.connect(DataFolder(place).published()["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT n FROM kept_by_the_test").fetchone() == (42,)
        assert connection.execute("SELECT count(*) FROM product").fetchone() == products
    assert not re.search(r"^seed ", second.words().partition("stopping")[2], re.MULTILINE), "seeds come once"
    second.end(signal.SIGKILL)  # nobody of it is left, or this fails

    runs.append(third := Run(place))
    third.wait_until_ready()
    assert "<html" in third.get("/")
    third.end(signal.SIGINT)
    assert "Traceback" not in third.words()


def test_a_busy_port_is_named_and_nothing_is_started(place: Path) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        run = Run(place, PORT=str(port))
        assert run.process.wait(30) == 1
        assert f"Port {port} cannot be used" in run.words()
        assert f"PORT={port + 1} make run" in run.words()
        assert not users_of(place)


def test_a_port_that_is_no_number_is_refused_with_a_sentence(place: Path) -> None:
    run = Run(place, PORT="eighty")
    assert run.process.wait(30) == 1
    assert "PORT must be a number from 1 to 65535, not 'eighty'" in run.words()


def test_a_database_of_ones_own_replaces_the_sandboxs(folder: Path, runs: list[Run]) -> None:
    server = start_postgres(folder / "elsewhere", durable=False)
    try:
        runs.append(run := Run(folder / "market", DATABASE_URL=server.url))
        run.wait_until_ready()
        assert "<html" in run.get("/")
        assert not (folder / "market" / "postgres").exists()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) > 0 FROM product").fetchone() == (True,)
        run.end(signal.SIGTERM)
    finally:
        server.stop()


def test_a_database_that_does_not_answer_is_named(folder: Path) -> None:
    run = Run(folder / "market", DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    assert run.process.wait(60) == 1
    assert "DATABASE_URL is set, but no database answers there" in run.words()
