"""The workers of tests.faults.topics under a clock that is wrong by CLOCK_OFFSET seconds, as Python reads it."""

from __future__ import annotations

import os
import time

OFFSET = float(os.environ["CLOCK_OFFSET"])
_right = time.time


def wrong_time() -> float:
    """The seconds since 1970, as this machine believes."""
    return _right() + OFFSET


# Before Celery's transport takes its own name for it: it writes this time beside each message it holds.
time.time = wrong_time

from tests.faults.topics import app  # noqa: E402, F401
