"""Places where a fault test may kill this process; nothing happens in a shop whose FAIL_POINTS are off."""

from __future__ import annotations

import os
import signal

from flask import current_app

from shop.config import Settings

WANTED = "FAIL_POINT"


def reach(name: str) -> None:
    """Die here without a word, as a machine does, when the test asked for this point."""
    settings: Settings = current_app.extensions["settings"]
    if settings.fail_points and os.environ.get(WANTED) == name:
        os.kill(os.getpid(), signal.SIGKILL)
