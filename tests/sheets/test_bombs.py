"""H16: files made to hurt are refused, quickly, each in a sentence, and nothing but a child process suffers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shop.sheets.child import MEMORY, SECONDS
from tests.figures import Figures
from tests.sheets.bombs import BOMBS, content, good

MB = 1024 * 1024


def read_apart(folder: Path) -> dict[str, Any]:
    """Every bomb read by a process of its own."""
    paths = [folder / "first" / "good.xlsx"]
    paths[0].parent.mkdir()
    paths[0].write_bytes(good())
    for number, bomb in enumerate(BOMBS):
        path = folder / str(number) / bomb.file
        path.parent.mkdir()
        path.write_bytes(content(bomb.name))
        paths.append(path)
    command = [sys.executable, "-m", "tests.sheets.look_at", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_h16_files_made_to_hurt_are_refused_and_hurt_nobody(tmp_path: Path, figures: Callable[[str], Figures]) -> None:
    told = read_apart(tmp_path)
    wrong = {
        bomb.name: told["answers"][str(number)]["reason"]
        for number, bomb in enumerate(BOMBS)
        if told["answers"][str(number)]["reason"] not in (*bomb.reasons, "slow")
    }
    assert wrong == {}
    h16 = figures("H16")
    h16.exactly(f"files of {len(BOMBS)} that were not refused for what they are", len(wrong), 0)
    h16.takes_at_most("slowest refusal", max(one["seconds"] for one in told["answers"].values()), SECONDS)
    h16.at_most("peak of a reading process", told["child"] / MB, MEMORY / MB, "MB")
    h16.at_most("growth of the process that asked", told["grown"] / MB, 20, "MB")
