"""A web process in small: reads the files it is given and says what became of each, and of its own memory.

`python -m tests.sheets.look_at FILE …` answers one line of JSON; a process of its own, so that nothing else is counted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import psutil

from shop.sheets.read import SheetRefused, read_sheet


def looked_at(path: Path) -> dict[str, object]:
    """How one file was taken."""
    began = time.monotonic()
    reason = "read"
    with path.open("rb") as file:
        try:
            read_sheet(file, path.name)
        except SheetRefused as error:
            reason = error.reason
    return {"reason": reason, "seconds": time.monotonic() - began}


def main() -> None:
    """Read them all; the first is read before anything is measured."""
    first, *files = map(Path, sys.argv[1:])
    looked_at(first)
    own = psutil.Process()
    before = own.memory_info().rss
    answers = {path.parent.name: looked_at(path) for path in files}
    grown = own.memory_info().rss - before
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"answers": answers, "grown": grown, "child": child}))


if __name__ == "__main__":
    main()
