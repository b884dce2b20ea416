"""Who shares the machine with whom while `make test` runs in a few processes.

Tests that start web servers, workers and browsers of their own stay together, one after the other, those that people
meet in one process and those that break things in another: more whole shops at once on two cores would only wait for
each other. All others go file by file.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

PEOPLE, FAULTS = "shops that people meet", "shops that break"
STARTS_WHOLE_SHOPS = {"browser": PEOPLE, "sandbox": PEOPLE, "drill": FAULTS, "faults": FAULTS, "races": FAULTS}


class ByRoom(LoadScopeScheduling):
    """Hands out files of tests, and the rooms that start whole shops as two. Groups named by marks are lost between
    xdist 3.8 and pytest 9.2 (pytest-xdist issue 1386)."""

    def _split_scope(self, nodeid: str) -> str:
        """What a test must stay together with."""
        path = nodeid.split("::", 1)[0]
        room = path.rsplit("/", 2)[-2] if "/" in path else ""
        return STARTS_WHOLE_SHOPS.get(room, path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByRoom:
    """Said once, by the process that hands out."""
    return ByRoom(config, log)
