"""One list for every room: searched, filtered, sorted and paged in the database, by what its page allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, func, select
from sqlalchemy.orm import Session

PER_PAGE = 50
# Beyond this an offset costs more than anybody reads; a search finds what is further down.
MOST_PAGES = 200


@dataclass(frozen=True)
class Cell:
    """One field of a row. `kind` is text, yuan, number, grams, when, day or badge; `tone` colours a badge."""

    value: Any
    href: str = ""
    kind: str = "text"
    tone: str = "plain"


@dataclass(frozen=True)
class Column:
    """A column; with `sort` it may be sorted by. `numbers` are set flush right."""

    key: str
    label: Any
    sort: Any = None
    numbers: bool = False


@dataclass(frozen=True)
class Filter:
    """A choice that narrows the list; `where` turns the chosen value into a condition."""

    key: str
    label: Any
    choices: tuple[tuple[str, Any], ...]
    where: Callable[[str], ColumnElement[bool]]


@dataclass(frozen=True)
class ListSpec:
    """What a list shows and allows. `key` is unique and settles ties; `sort` names its first order ('-': downwards)."""

    statement: Any  # a Select; its row type is the list's own affair
    key: Any
    columns: tuple[Column, ...]
    row: Callable[[Any], tuple[Cell, ...]]
    sort: str
    filters: tuple[Filter, ...] = ()
    search: Callable[[str], ColumnElement[bool]] | None = None
    hint: Any = ""


@dataclass(frozen=True)
class Wish:
    """What a reader asked of a list."""

    q: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    page: int = 1


@dataclass(frozen=True)
class ListPage:
    """One page of a list, and what was asked; `sort` is the order it really has."""

    spec: ListSpec
    wish: Wish
    rows: tuple[tuple[Cell, ...], ...]
    sort: str
    page: int
    pages: int
    total: int


def read_list(session: Session, spec: ListSpec, wish: Wish, per_page: int = PER_PAGE) -> ListPage:
    """The page asked for, in two queries; a page beyond the last is the last."""
    statement = narrowed(spec, wish)
    counted = select(func.count()).select_from(statement.order_by(None).with_only_columns(spec.key).subquery())
    total = session.scalar(counted) or 0
    pages = min(max(1, ceil(total / per_page)), MOST_PAGES)
    page = min(max(wish.page, 1), pages)
    sort = wish.sort if by_name(spec, wish.sort) is not None else spec.sort
    ordered = statement.order_by(*ordering(spec, sort)).limit(per_page).offset((page - 1) * per_page)
    rows = tuple(spec.row(row) for row in session.execute(ordered))
    return ListPage(spec, wish, rows, sort, page, pages, total)


def narrowed(spec: ListSpec, wish: Wish) -> Any:
    """The list's statement with what was searched and chosen; a choice that is not offered chooses nothing."""
    statement = spec.statement
    if wish.q and spec.search is not None:
        statement = statement.where(spec.search(wish.q))
    for one in spec.filters:
        value = wish.chosen.get(one.key, "")
        if value in {offered for offered, _label in one.choices}:
            statement = statement.where(one.where(value))
    return statement


def by_name(spec: ListSpec, sort: str) -> Any:
    """The sort expression of a column that may be sorted by, else None."""
    wanted = sort.removeprefix("-")
    return next((column.sort for column in spec.columns if column.key == wanted and column.sort is not None), None)


def ordering(spec: ListSpec, sort: str) -> tuple[UnaryExpression[Any], ...]:
    """ORDER BY that column, then the key in the same direction, so that one index serves both."""
    first = by_name(spec, sort)
    if sort.startswith("-"):
        return (first.desc(), spec.key.desc())
    return (first.asc(), spec.key.asc())


def like(text: str) -> str:
    """A LIKE pattern for what begins with the text, its own signs taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
