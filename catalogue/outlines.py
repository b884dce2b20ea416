"""The outlines of Wuhan's thirteen districts, for maps. catalogue/outlines.json is made by .ci/outlines.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Outline:
    """A district by its Chinese name, and its rings of (longitude, latitude) in WGS-84, open."""

    name: str
    rings: tuple[tuple[tuple[float, float], ...], ...]


@cache
def outlines() -> tuple[Outline, ...]:
    """Every district, read once a process."""
    districts = json.loads(FILE.read_text(encoding="utf-8"))["districts"]
    return tuple(
        Outline(one["name"], tuple(tuple((lng, lat) for lng, lat in ring) for ring in one["rings"]))
        for one in districts
    )
