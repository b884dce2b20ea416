"""Where things stand on a drawn map: a window around places, points in it, outlines and roads as SVG paths. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians

WIDTH = 720  # units of the drawing, however large it is shown
KM_PER_DEGREE = 111.2
LEAST_KM, MARGIN_KM = 8.0, 2.2
TALLEST = 1.3  # height of a window for each unit of its width
Point = tuple[float, float]
Spot = tuple[int, int]  # a point of the drawing, in whole units


@dataclass(frozen=True)
class Window:
    """A piece of land drawn `WIDTH` units wide: its north-western corner, and units per degree."""

    west: float
    north: float
    across: float
    down: float
    height: int

    def point(self, lng: float, lat: float) -> Spot:
        """Where a place stands in it."""
        return round((lng - self.west) * self.across), round((self.north - lat) * self.down)

    def place(self, spot: Spot) -> Point:
        """The longitude and latitude of a spot of the drawing."""
        return self.west + spot[0] / self.across, self.north - spot[1] / self.down


def window_around(places: Sequence[Point]) -> Window:
    """The window that holds all these places (longitude, latitude), with some land around them."""
    west, east = min(lng for lng, _ in places), max(lng for lng, _ in places)
    south, north = min(lat for _, lat in places), max(lat for _, lat in places)
    middle_lng, middle_lat = (west + east) / 2, (south + north) / 2
    km_per_lng = KM_PER_DEGREE * cos(radians(middle_lat))
    tall = max((north - south) * KM_PER_DEGREE, LEAST_KM) + 2 * MARGIN_KM
    wide = max((east - west) * km_per_lng + 2 * MARGIN_KM, tall / TALLEST)
    tall = max(tall, wide / TALLEST)
    units = WIDTH / wide
    return Window(
        middle_lng - wide / 2 / km_per_lng, middle_lat + tall / 2 / KM_PER_DEGREE,
        units * km_per_lng, units * KM_PER_DEGREE, round(tall * units),
    )  # fmt: skip


def path_of(rings: Sequence[Sequence[Point]], window: Window) -> str:
    """Rings as the data of an SVG path; '' for what lies wholly outside of the window."""
    drawn = []
    for ring in rings:
        points = [window.point(lng, lat) for lng, lat in ring]
        columns, rows = [x for x, _ in points], [y for _, y in points]
        if max(columns) >= 0 and min(columns) <= WIDTH and max(rows) >= 0 and min(rows) <= window.height:
            drawn.append("M" + "L".join(f"{x} {y}" for x, y in points) + "Z")
    return "".join(drawn)


def holds(ring: Sequence[Point], place: Point) -> bool:
    """Whether a place lies within a ring: a line from it to the east crosses the ring an odd number of times."""
    x, y = place
    crossings = 0
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (x2 - x1) * (y - y1) / (y2 - y1):
            crossings += 1
    return crossings % 2 == 1


@dataclass(frozen=True)
class Curve:
    """A road from one point down to another, bent so that roads side by side stay apart."""

    start: Point
    end: Point

    @property
    def bend(self) -> Point:
        """Straight down at first, then over to its end."""
        return self.start[0], self.start[1] + 0.55 * (self.end[1] - self.start[1])

    @property
    def path(self) -> str:
        """The data of an SVG path."""
        points = (self.start, self.bend, self.end)
        (sx, sy), (bx, by), (ex, ey) = [(round(x), round(y)) for x, y in points]
        return f"M{sx} {sy}Q{bx} {by} {ex} {ey}"

    def at(self, share: float) -> Spot:
        """The point where this share of the road (0 to 1) is done."""
        rest = 1 - share
        x, y = (
            rest**2 * self.start[axis] + 2 * rest * share * self.bend[axis] + share**2 * self.end[axis]
            for axis in (0, 1)
        )
        return round(x), round(y)
