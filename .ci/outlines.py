"""Make catalogue/outlines.json, the outlines of Wuhan's districts that our maps draw, from a full GeoJSON file.

    .venv/bin/python .ci/outlines.py wuhan_districts.geojson

The source is a public GeoJSON of the thirteen districts (WGS-84, on a grid of 1/1024 of a degree); boundaries are
facts, and the file we keep holds only what is left of them here. Borders that districts share are cut into pieces
first and each piece is simplified once (Douglas and Peucker), so that neighbours still fit together.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from pathlib import Path

TOLERANCE_M = 200.0  # three or four dots of our largest map
METRES = 111_200.0  # a degree of latitude
DIGITS = 4
KEPT = Path("catalogue/outlines.json")
SOURCE = "public GeoJSON of Wuhan's thirteen districts, WGS-84, simplified by .ci/outlines.py"

Point = tuple[float, float]  # longitude, latitude


def rings_of(geometry: dict) -> list[list[Point]]:
    """The outer rings of a polygon or of several, open, without repeated points."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    rings = []
    for polygon in polygons:
        points = [(float(lng), float(lat)) for lng, lat in polygon[0]]
        ring = [point for point, before in zip(points, points[-1:] + points, strict=False) if point != before]
        if len(ring) > 2:
            rings.append(ring)
    return rings


def junctions(rings: list[list[Point]]) -> set[Point]:
    """Where borders part: points from which they lead on in more than two directions."""
    beside: dict[Point, set[Point]] = defaultdict(set)
    for ring in rings:
        for index, point in enumerate(ring):
            beside[point] |= {ring[index - 1], ring[(index + 1) % len(ring)]}
    return {point for point, others in beside.items() if len(others) > 2}


def pieces(ring: list[Point], parting: set[Point]) -> list[list[Point]]:
    """A ring cut at its junctions; one without any is cut in two at its westernmost and easternmost point."""
    cuts = [index for index, point in enumerate(ring) if point in parting]
    if len(cuts) < 2:
        cuts = sorted({*cuts, ring.index(min(ring)), ring.index(max(ring))})[:2]
    turned = ring[cuts[0] :] + ring[: cuts[0] + 1]
    ends = [index - cuts[0] for index in cuts[1:]] + [len(ring)]
    return [turned[start : end + 1] for start, end in zip([0, *ends], ends, strict=False)]


def simplified(line: list[Point]) -> list[Point]:
    """As few of its points as stay within the tolerance of it; the same for both directions."""
    if line[::-1] < line:
        return simplified(line[::-1])[::-1]
    keep, open_parts = {0, len(line) - 1}, [(0, len(line) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        far, index = max(
            ((off(line[between], line[first], line[last]), between) for between in range(first + 1, last)),
            default=(0.0, 0),
        )
        if far > TOLERANCE_M:
            keep.add(index)
            open_parts += [(first, index), (index, last)]
    return [line[index] for index in sorted(keep)]


def off(point: Point, start: Point, end: Point) -> float:
    """How many metres a point lies off a straight line between two others."""
    east = METRES * math.cos(math.radians(point[1]))
    x, y = (point[0] - start[0]) * east, (point[1] - start[1]) * METRES
    dx, dy = (end[0] - start[0]) * east, (end[1] - start[1]) * METRES
    length = math.hypot(dx, dy)
    along = 0.0 if not length else min(1.0, max(0.0, (x * dx + y * dy) / length**2))
    return math.hypot(x - along * dx, y - along * dy)


def outline(rings: list[list[Point]], parting: set[Point]) -> list[list[Point]]:
    """The rings that are left of a district; islands smaller than the tolerance vanish."""
    left = []
    for ring in rings:
        kept = [point for piece in pieces(ring, parting) for point in simplified(piece)[:-1]]
        if len(kept) > 2:
            left.append([(round(lng, DIGITS), round(lat, DIGITS)) for lng, lat in kept])
    return left


def main() -> None:
    """Read the source, write what we keep."""
    features = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["features"]
    rings = {one["properties"]["name"]: rings_of(one["geometry"]) for one in features}
    parting = junctions([ring for some in rings.values() for ring in some])
    districts = [{"name": name, "rings": outline(some, parting)} for name, some in sorted(rings.items())]
    text = json.dumps({"source": SOURCE, "districts": districts}, ensure_ascii=False, separators=(",", ":"))
    KEPT.write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")
    points = sum(len(ring) for one in districts for ring in one["rings"])
    print(f"{KEPT}: {len(districts)} districts, {points} points, {KEPT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
