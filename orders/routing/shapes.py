"""Read values out of a JSON file strictly; what is wrong is said with the path where it stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn


class BrokenFile(ValueError):
    """The file cannot be used: the path of the fault, and what should stand there."""

    def __init__(self, path: str, words: str) -> None:
        super().__init__(f"{path}: {words}" if path else words)
        self.path, self.words = path, words


def load(file: Path) -> Any:
    """The JSON in a file."""
    try:
        return json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except OSError as error:
        raise BrokenFile("", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BrokenFile("", "is not text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise BrokenFile("", f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise BrokenFile("", "is nested too deeply") from None


def refuse_constant(name: str) -> NoReturn:
    """JSON knows no NaN and no Infinity."""
    raise BrokenFile("", f"holds {name}, which is no number")


def fields(value: Any, path: str, *names: str) -> dict[str, Any]:
    """An object with exactly these fields."""
    if not isinstance(value, dict):
        raise BrokenFile(path, "must be an object {…}")
    for name in names:
        if name not in value:
            raise BrokenFile(join(path, name), "is missing")
    for name in value:
        if name not in names:
            raise BrokenFile(join(path, name), f"is unknown; known here: {', '.join(names)}")
    return value


def items(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The path and value of each item of a list."""
    if not isinstance(value, list):
        raise BrokenFile(path, "must be a list […]")
    return ((f"{path}[{index}]", item) for index, item in enumerate(value))


def join(path: str, name: str) -> str:
    """The path of a field."""
    return f"{path}.{name}" if path else name


def whole(value: Any, path: str, least: int) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BrokenFile(path, f"must be a whole number ≥ {least}")
    return value


def number(value: Any, path: str, least: float, most: float) -> float:
    """A number within limits."""
    good = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    if not good or not least <= value <= most:
        raise BrokenFile(path, f"must be a number from {least:g} to {most:g}")
    return float(value)


def text(value: Any, path: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise BrokenFile(path, "must be a text")
    return value


def flag(value: Any, path: str) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise BrokenFile(path, "must be true or false")
    return value


def choice(value: Any, path: str, *known: str) -> str:
    """One of these words."""
    if value not in known:
        raise BrokenFile(path, f"must be one of {', '.join(known)}")
    return str(value)


def day(value: Any, path: str) -> date:
    """A date as 2026-11-24."""
    try:
        return date.fromisoformat(text(value, path))
    except ValueError:
        raise BrokenFile(path, "must be a date like 2026-11-24") from None


def moment(value: Any, path: str) -> datetime:
    """A moment with its offset, as 2026-11-24T01:00:00Z."""
    try:
        read = datetime.fromisoformat(text(value, path))
    except ValueError:
        raise BrokenFile(path, "must be a moment like 2026-11-24T01:00:00Z") from None
    if read.tzinfo is None:
        raise BrokenFile(path, "must say its offset, like 2026-11-24T01:00:00Z")
    return read


class Once:
    """Refuses a name that was used before."""

    def __init__(self) -> None:
        self.seen: set[Any] = set()

    def note(self, name: Any, path: str, words: str) -> None:
        """Remember it, or refuse it."""
        if name in self.seen:
            raise BrokenFile(path, words)
        self.seen.add(name)


def known(name: Any, path: str, names: Any, kind: str) -> str:
    """A name that was declared elsewhere in the file."""
    if text(name, path) not in names:
        raise BrokenFile(path, f"names no {kind} of this file: {name}")
    return str(name)
