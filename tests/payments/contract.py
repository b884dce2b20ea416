"""Hold every request we send and every answer the stand-in gives against Stripe's published OpenAPI description.

The description is a data file in a wheel that requirements-spec.lock pins; nothing of that package is imported.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe
from jsonschema import Draft4Validator

from shop.sandbox.stripe.server import nested

Schema = dict[str, Any]


class OffContract(AssertionError):
    """Stripe would not understand this, or would not say it."""


@cache
def description() -> Schema:
    """The whole description, with what OpenAPI calls nullable said as JSON Schema says it."""
    package = find_spec("seahaven_stripe_world")
    assert package is not None, "requirements-spec.lock is not installed: make setup-dev"
    assert package.submodule_search_locations
    text = (Path(package.submodule_search_locations[0]) / "spec" / "spec3.json").read_text()
    whole: Schema = json.loads(text, object_hook=plain_schema)
    return whole


def plain_schema(part: Schema) -> Schema:
    """One schema without OpenAPI's own words; objects with named fields take no others."""
    if part.pop("x-stripeBypassValidation", False):
        part.pop("enum", None)
    if part.pop("nullable", False):
        return {"anyOf": [{"type": "null"}, part]}
    return part


def closed(schema: Any) -> Any:
    """The schema of a request: Stripe refuses names it does not know, also inside."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(one) for name, one in schema.items()}
    if found.get("type") == "object" and "properties" in found:
        found.setdefault("additionalProperties", False)
    return found


@dataclass(eq=False)
class Operation:
    """A call as the description has it: the parts of its path, and what is said of it."""

    path: list[str]
    said: Schema

    @cached_property
    def query(self) -> set[str]:
        """What may be asked for in its address."""
        return {one["name"] for one in self.said.get("parameters", []) if one["in"] == "query"}

    @cached_property
    def body(self) -> Schema:
        """What may be sent."""
        content = self.said.get("requestBody", {}).get("content", {})
        return dict(closed(next(iter(content.values()))["schema"])) if content else {"type": "object", "properties": {}}


@cache
def operations() -> Mapping[tuple[str, int], list[Operation]]:
    """Every call by its method and the length of its path; those with the fewest variables first."""
    found: dict[tuple[str, int], list[Operation]] = defaultdict(list)
    for template, calls in sorted(description()["paths"].items(), key=lambda one: one[0].count("{")):
        path = template.strip("/").split("/")
        for method, said in calls.items():
            found[method, len(path)].append(Operation(path, said))
    return found


def operation(method: str, path: str) -> Operation:
    """What the description says of a call. Raises OffContract for a call that does not exist."""
    wanted = path.strip("/").split("/")
    fits = (one for one in operations().get((method.lower(), len(wanted)), []) if matches(one.path, wanted))
    found = next(fits, None)
    if found is None:
        raise OffContract(f"Stripe has no {method} {path}")
    return found


def matches(template: list[str], path: list[str]) -> bool:
    """Whether a path is of that form."""
    return all(part.startswith("{") or part == given for part, given in zip(template, path, strict=True))


def typed(value: Any, schema: Schema) -> Any:
    """Form values are text: the number, truth value or object the schema wants, where the text is one."""
    for choice in schema.get("anyOf", []):
        candidate = typed(value, choice)
        if Draft4Validator(choice).is_valid(candidate):
            return candidate
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        fields, other = schema.get("properties", {}), schema.get("additionalProperties")
        rest = other if isinstance(other, dict) else {}
        return {name: typed(one, fields.get(name, rest)) for name, one in value.items()}
    if kind == "array" and isinstance(value, list):
        return [typed(one, schema.get("items", {})) for one in value]
    if kind == "integer" and isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    return {"true": True, "false": False}[value] if kind == "boolean" and value in {"true", "false"} else value


def check_request(method: str, url: str, form: str | None) -> None:
    """A call must exist and its parameters must be known and of the right kind."""
    parts = urlsplit(url)
    call = operation(method, parts.path)
    if method.upper() == "GET":
        unknown = set(nested(parse_qsl(parts.query))) - call.query
        if unknown:
            raise OffContract(f"GET {parts.path} does not take {sorted(unknown)}")
        return
    sent = typed(nested(parse_qsl(form or "", keep_blank_values=True)), call.body)
    complain(Draft4Validator(call.body), sent, f"{method} {parts.path}")


@cache
def validator_of(kind: str) -> Draft4Validator:
    """Checks an object of that kind."""
    root = {"$ref": f"#/components/schemas/{kind}", "components": description()["components"]}
    return Draft4Validator(root)


def check_answer(body: str) -> None:
    """An answer is an object, a list of them, or an error, as the description has it."""
    found = json.loads(body)
    things = found["data"] if found.get("object") == "list" else [found]
    for thing in things:
        if "object" in thing:
            complain(validator_of(thing["object"]), thing, thing["object"])
        else:
            complain(validator_of("error"), found, "error")


def complain(validator: Draft4Validator, found: Any, where: str) -> None:
    """Raise OffContract with the first faults."""
    faults = sorted(validator.iter_errors(found), key=lambda fault: [str(part) for part in fault.path])
    if faults:
        words = [f"{'/'.join(str(part) for part in one.path)}: {one.message[:200]}" for one in faults[:5]]
        raise OffContract(f"{where}: {words}")


class CheckedClient(stripe.RequestsClient):
    """Stripe's own client that looks at everything on its way out and in."""

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        check_request(method, url, post_data)
        answer = super().request(method, url, headers, post_data)
        body = answer[0]
        check_answer(body.decode() if isinstance(body, bytes) else body)
        return answer
