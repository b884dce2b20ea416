"""PI1: a person's copy holds every column that is known to be personal, and nothing of anybody else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from flask import Flask
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session

from orders.personal import HOLDERS
from shop.accounts.erasure import copy_of
from shop.accounts.models import User
from shop.sheets.cells import iso
from tests.accounts.known_person import ANNA, BELLA, known_person
from tests.builders import Builder
from tests.figures import Figures

REGISTRY = yaml.safe_load((Path(__file__).parent / "personal_columns.yaml").read_text())
PEOPLE: dict[str, dict[str, str]] = REGISTRY["people"]
OTHERS: dict[str, dict[str, str]] = REGISTRY["others"]
CLASSES = {"secret", "staff", "work", "goods", "repeated", "technical"}
TELLING = (sa.String, JSONB, ARRAY, sa.Float, sa.LargeBinary)
ABOUT_THE_ROWS = {"of", "none_yet"}


def classed() -> set[tuple[str, str]]:
    """Every (table, column) of the registry."""
    tables = {**PEOPLE, **OTHERS}
    return {(table, column) for table, columns in tables.items() for column in columns.keys() - ABOUT_THE_ROWS}


def columns_of(session: Session) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """All columns of the schema as it is in the database, and those among them that must have a class."""
    found = sa.inspect(session.connection())
    every, telling = set(), set()
    for table in set(found.get_table_names()) - {"alembic_version"}:
        to_people = {one["constrained_columns"][0] for one in found.get_foreign_keys(table)
                     if one["referred_table"] == "user"}  # fmt: skip
        for column in found.get_columns(table):
            every.add((table, column["name"]))
            if isinstance(column["type"], TELLING) or column["name"] in to_people:
                telling.add((table, column["name"]))
    return every, telling - {(table, PEOPLE[table]["of"]) for table in PEOPLE if PEOPLE[table]["of"] != "id"}


def test_pi1_every_column_that_can_tell_of_people_has_a_class(session: Session) -> None:
    every, telling = columns_of(session)
    missing = telling - classed()
    assert not missing, f"{sorted(missing)}: new columns: say in tests/accounts/personal_columns.yaml what they are"
    assert classed() - every == set(), "columns that are gone"
    said = {kind for columns in (*PEOPLE.values(), *OTHERS.values()) for name, kind in columns.items()
            if name not in ABOUT_THE_ROWS and not kind.startswith("copy ")}  # fmt: skip
    assert said <= CLASSES


def rows_of(session: Session, table: str, user_id: int) -> str:
    """SQL that finds the rows of a table that belong to this person, along the foreign keys."""
    column = PEOPLE[table]["of"]
    if table == "user" or column in {"user_id", "actor_id"}:
        return f'"{table}".{column} = {user_id}'
    (parent,) = (one["referred_table"] for one in sa.inspect(session.connection()).get_foreign_keys(table)
                 if one["constrained_columns"] == [column])  # fmt: skip
    return f'"{table}".{column} IN (SELECT id FROM "{parent}" WHERE {rows_of(session, parent, user_id)})'


def told_at(record: Any, path: list[str]) -> Iterator[str]:
    """Every value at a path of the copy, as text; lists on the way are walked."""
    if isinstance(record, list):
        for one in record:
            yield from told_at(one, path)
    elif path:
        if record is not None:
            yield from told_at(record[path[0]], path[1:])
    else:
        yield json.dumps(record, sort_keys=True)


def as_told(values: Any) -> list[str]:
    """Values of the database as the copy writes them."""
    return [json.dumps(value, sort_keys=True, default=iso) for value in values]


@pytest.fixture
def people(app: Flask, session: Session, build: Builder) -> tuple[User, User]:
    """Two people of whom the shop knows everything."""
    return known_person(app, session, build, ANNA), known_person(app, session, build, BELLA)


def test_pi1_the_copy_tells_every_personal_column_and_nobody_else(
    session: Session, people: tuple[User, User], figures: Callable[[str], Figures]
) -> None:
    anna, _bella = people
    text = json.dumps(copy_of(session, anna.id, HOLDERS), default=iso, ensure_ascii=False)
    record, wrong, personal = json.loads(text), [], 0
    for table, columns in PEOPLE.items():
        mine = rows_of(session, table, anna.id)
        count = session.scalar(sa.text(f'SELECT count(*) FROM "{table}" WHERE {mine}'))
        assert count or "none_yet" in columns, f"{table} holds nothing of her"
        for column, kind in columns.items():
            if not kind.startswith("copy "):
                continue
            personal += 1
            values = session.scalars(sa.text(f'SELECT "{column}" FROM "{table}" WHERE {mine}')).all()
            assert any(value not in (None, "", {}, []) for value in values), f"{table}.{column} is empty"
            # A list in one cell (scopes) is told as a list; the walk takes it apart.
            flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
            if Counter(as_told(flat)) != Counter(told_at(record, kind.removeprefix("copy ").split("."))):
                wrong.append(f"{table}.{column}")
    pi1 = figures("PI1")
    pi1.at_least("columns with something personal", personal, 50)
    pi1.exactly(f"of them not told in the copy, or not as they are {wrong or ''}".strip(), len(wrong), 0)
    pi1.exactly("words of another person in it", sum(text.count(word) for word in BELLA.all), 0)
