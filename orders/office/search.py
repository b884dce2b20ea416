"""One box over everything the office keeps: the first few of each kind, and the way to all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from shop.lists import Cell, ListSpec, Wish, read_list

FIRST = 5


@dataclass(frozen=True)
class Found:
    """What of one kind fits: its name, where all of them are, the first few as (label, cells)."""

    title: Any
    href: str
    total: int
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Shelf:
    """One kind of thing that is searched."""

    title: Any
    href: Callable[[str], str]
    spec: ListSpec


def search_all(session: Session, text: str, shelves: tuple[Shelf, ...]) -> tuple[Found, ...]:
    """The kinds in which something fits, in their order; two queries each."""
    found = []
    for shelf in shelves:
        page = read_list(session, shelf.spec, Wish(q=text), per_page=FIRST)
        if page.total:
            found.append(Found(shelf.title, shelf.href(text), page.total, page.rows))
    return tuple(found)
