"""The API's OpenAPI 3.1 document at /api/v1/openapi.json, and the same as pages for people at /api/v1/docs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask, current_app, render_template
from flask_smorest import Api

from shop.accounts.policy import SCOPES, allow
from shop.api.blueprint import PREFIX, ApiBlueprint
from shop.api.schemas import Names, Problem
from shop.requests import RowNumberConverter

VERSION = "1.0.0"
ABOUT = """\
Goods of Nedong for Wuhan: read the catalogue, place orders, keep stock.

Money is a whole number of fen (`*_fen`), weight of grams (`*_g`), times are UTC, days are those of Wuhan,
coordinates WGS-84. Fields a call does not know are refused. Every refusal is `application/problem+json`.
Guests may read the catalogue and place retail orders; everything else wants `Authorization: Bearer …`
(`shop token create EMAIL --scope …`).
"""

pages = Blueprint("api_pages", __name__, url_prefix=PREFIX)


def init_app(app: Flask, rooms: Iterable[ApiBlueprint]) -> None:
    """Open the API's rooms and write their document."""
    app.config.update(
        API_TITLE="Yarlung Market",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = Api(app, spec_kwargs={"info": {"description": ABOUT}, "servers": [{"url": "/"}]})
    api.register_converter(RowNumberConverter, row_number_shape)
    components = api.spec.components
    components.security_scheme(
        "token", {"type": "http", "scheme": "bearer", "description": "Scopes: " + ", ".join(f"`{s}`" for s in SCOPES)}
    )
    components.response(
        "Problem",
        {
            "description": "Refused, with the reason",
            "content": {"application/problem+json": {"schema": Problem}},
        },
    )
    for room in rooms:
        api.register_blueprint(room)
    app.register_blueprint(pages)
    app.extensions["api_document"] = api.spec


def row_number_shape(_converter: RowNumberConverter) -> dict[str, Any]:
    """A row's number in an address, as the document says it."""
    return {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}


@dataclass(frozen=True)
class Field:
    """One field of a shape: its name with the path to it, what it holds, and whether it must be there."""

    name: str
    kind: str
    required: bool
    about: str


@dataclass(frozen=True)
class Call:
    """One call as its page shows it."""

    method: str
    path: str
    title: str
    about: str
    scopes: tuple[str, ...]
    guests: bool
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answer: tuple[Field, ...]
    statuses: tuple[str, ...]


@dataclass
class Room:
    """The calls of one room."""

    name: str
    about: str
    calls: list[Call] = field(default_factory=list)


@pages.get("/docs")
@allow("anyone")
def docs() -> str:
    """The whole API on one page, drawn from the document itself."""
    return render_template("api/docs.html", rooms=rooms_of(current_app.extensions["api_document"].to_dict()))


def rooms_of(document: dict[str, Any]) -> list[Room]:
    """The document as rooms and calls, in its own order."""
    rooms = {tag["name"]: Room(tag["name"], tag.get("description", "")) for tag in document.get("tags", [])}
    for path, calls in document["paths"].items():
        shared = calls.get("parameters", [])
        for method, call in calls.items():
            if method != "parameters":
                rooms[call["tags"][0]].calls.append(call_of(document, method, path, shared, call))
    return list(rooms.values())


def call_of(document: dict[str, Any], method: str, path: str, shared: list[Any], call: dict[str, Any]) -> Call:
    """One call."""
    security = call.get("security", [{}])
    answers = {code: one for code, one in call["responses"].items() if code.startswith("2")}
    first: dict[str, Any] = next(iter(answers.values()), {})
    return Call(
        method=method.upper(),
        path=path,
        title=call.get("summary", ""),
        about=call.get("description", ""),
        scopes=tuple(scope for one in security for scope in one.get("token", ())),
        guests={} in security,
        parameters=tuple(parameter_of(document, one) for one in [*shared, *call.get("parameters", [])]),
        body=tuple(fields_of(document, schema_in(call.get("requestBody", {})))),
        answer=tuple(fields_of(document, schema_in(first))),
        statuses=tuple(call["responses"]),
    )


def schema_in(message: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body or an answer; an empty one where there is none."""
    content: dict[str, dict[str, dict[str, Any]]] = message.get("content", {})
    return next((one.get("schema", {}) for one in content.values()), {})


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference points to."""
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def parameter_of(document: dict[str, Any], parameter: dict[str, Any]) -> Field:
    """A query, header or path parameter."""
    one = resolved(document, parameter)
    about = one.get("description") or one["schema"].get("description", "")
    return Field(f"{one['name']} ({one['in']})", kind_of(document, one["schema"]), one.get("required", False), about)


def fields_of(document: dict[str, Any], schema: dict[str, Any], path: str = "") -> list[Field]:
    """Every field of a shape and of the shapes inside it, each with its path."""
    shape = resolved(document, schema)
    if shape.get("type") == "array":
        return fields_of(document, shape["items"], f"{path}[]")
    found = []
    for name, part in shape.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        inner = resolved(document, part)
        about = part.get("description") or inner.get("description", "")
        found.append(Field(here, kind_of(document, part), name in shape.get("required", ()), about))
        if not is_name(inner):
            found += fields_of(document, part, here)
    return found


def is_name(shape: dict[str, Any]) -> bool:
    """Whether it is a name in several languages, which is told in one line."""
    return set(shape.get("properties", ())) == set(Names().fields)


def kind_of(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a field holds, in a few words."""
    shape = resolved(document, schema)
    if "enum" in shape:
        return " | ".join(str(value) for value in shape["enum"] if value is not None)
    if is_name(shape):
        return ", ".join(shape["properties"])
    if shape.get("type") == "array":
        return f"list of {kind_of(document, shape['items'])}"
    kind = shape.get("type", "object")
    kinds = [one for one in ([kind] if isinstance(kind, str) else kind) if one != "null"]
    return " ".join(filter(None, ["/".join(kinds), shape.get("format", "")]))
