"""Folders and processes for the tests of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shop.sandbox.services import scratch_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that PostgreSQL's account may enter."""
    with scratch_folder() as path:
        yield path


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """The same, for all tests of a file."""
    with scratch_folder() as path:
        yield path
