"""Every address of the shop, with something put where an address has a hole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.routing.converters import NumberConverter

PIVOT = Path(__file__).with_name("routes.yaml")
NUMBER_OF_NOTHING = "987654321"


def rules(app: Flask) -> list[Rule]:
    """Every rule of the shop, in a steady order."""
    return sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))


def path_of(rule: Rule) -> str:
    """A path this rule serves, naming a thing that does not exist."""
    return "".join(
        (NUMBER_OF_NOTHING if kind_of(rule, value) else "nothing-of-the-kind") if is_hole else value
        for is_hole, value in rule._trace
        if value != "|"
    )


def kind_of(rule: Rule, argument: str) -> bool:
    """Whether the hole takes a number."""
    return isinstance(rule._converters[argument], NumberConverter)


def pivot() -> dict[str, Any]:
    """Endpoint -> who may enter, or method -> who may, as a person wrote it down."""
    loaded: dict[str, Any] = yaml.safe_load(PIVOT.read_text())
    return loaded


def who_may(named: dict[str, Any], endpoint: str, method: str) -> list[str]:
    """Who may use this route by this method."""
    who = named[endpoint]
    return list(who[method] if isinstance(who, dict) else who)
