"""Who shares the machine with whom while `make test` runs in two processes.

Tests that start web servers, workers and browsers of their own stay together in one of the processes, one after the
other: two whole shops at once on two cores would only wait for each other. All others go file by file.
"""

from __future__ import annotations

import pytest

STARTS_WHOLE_SHOPS = {"browser", "drill", "faults", "races", "sandbox"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say with whom a test runs."""
    room = item.path.parent.name
    together = "whole shops" if room in STARTS_WHOLE_SHOPS else str(item.path)
    item.add_marker(pytest.mark.xdist_group(together))
