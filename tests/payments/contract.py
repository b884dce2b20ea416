"""Hold every request we send and every answer the stand-in gives against Stripe's published OpenAPI description.

The description is a data file in a wheel that requirements-spec.lock pins; nothing of that package is imported.
"""

from __future__ import annotations

import json
from functools import cache
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


def operation(method: str, path: str) -> Schema:
    """What the description says of a call. Raises OffContract for a call that does not exist."""
    wanted = path.strip("/").split("/")
    fits = [
        (template.count("{"), calls[method.lower()])
        for template, calls in description()["paths"].items()
        if method.lower() in calls and matches(template.strip("/").split("/"), wanted)
    ]
    if not fits:
        raise OffContract(f"Stripe has no {method} {path}")
    return dict(min(fits, key=lambda fit: fit[0])[1])


def matches(template: list[str], path: list[str]) -> bool:
    """Whether a path is of that form."""
    return len(template) == len(path) and all(
        part.startswith("{") or part == given for part, given in zip(template, path, strict=True)
    )


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
        known = {one["name"] for one in call.get("parameters", []) if one["in"] == "query"}
        unknown = set(nested(parse_qsl(parts.query))) - known
        if unknown:
            raise OffContract(f"GET {parts.path} does not take {sorted(unknown)}")
        return
    content = call.get("requestBody", {}).get("content", {})
    schema = closed(next(iter(content.values()))["schema"]) if content else {"type": "object", "properties": {}}
    sent = typed(nested(parse_qsl(form or "", keep_blank_values=True)), schema)
    complain(Draft4Validator(schema), sent, f"{method} {parts.path}")


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
