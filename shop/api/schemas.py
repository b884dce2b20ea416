"""The shapes requests and answers of the API are made of. What a shape does not name is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields
from marshmallow.validate import Range

MOST_PER_PAGE = 200
LAST_PAGE = 100_000


class Strict(ma.Schema):
    """A shape that refuses fields it does not know."""

    class Meta:
        unknown = ma.RAISE


class Text(fields.String):
    """Text a person may have typed: trimmed, without control characters and halves of characters."""

    default_error_messages = {"unprintable": "Holds characters that cannot be written."}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if any(unicodedata.category(letter) in {"Cc", "Cs"} and letter not in "\n\t" for letter in text):
            raise self.make_error("unprintable")
        return text.strip()


class Whole(fields.Integer):
    """A whole number: neither 2.0 nor "2" nor true."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Names(Strict):
    """A name in the languages it has been given in; Chinese is always there."""

    zh = fields.String(required=True)
    bo = fields.String()
    en = fields.String()


class ByWeightOut(Strict):
    """Sold by weight: the price of a kilogram and the grams a pack is expected to weigh, both ends included."""

    per_kg_fen = fields.Integer(required=True)
    from_g = fields.Integer(required=True)
    to_g = fields.Integer(required=True)


class Paging(Strict):
    """Which page of a list."""

    page = fields.Integer(load_default=1, validate=Range(1, LAST_PAGE), metadata={"description": "From 1."})
    per_page = fields.Integer(
        load_default=24, validate=Range(1, MOST_PER_PAGE), metadata={"description": f"At most {MOST_PER_PAGE}."}
    )


class Fault(ma.Schema):
    """One thing that was wrong; figures (`most`, `case_pack`, `total_fen` …) stand beside it where they help."""

    class Meta:
        unknown = ma.INCLUDE

    field = fields.String(metadata={"description": "The field, as a path: lines.0.quantity"})
    message = fields.String(metadata={"description": "What is wrong with it"})
    sku = fields.String()
    available = fields.Integer(metadata={"description": "Packs that may still be ordered"})
    row = fields.Integer(metadata={"description": "Of a batch: which row, from 0"})
    id = fields.String(metadata={"description": "Of a batch: the row's id"})


class Problem(Strict):
    """A refusal (RFC 9457). `code` is stable and meant for programs, `title` and `detail` for people."""

    type = fields.String(required=True, metadata={"description": "/problems/{code}"})
    code = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.List(fields.Nested(Fault), required=True)


def page_of(item: type[ma.Schema], name: str) -> type[ma.Schema]:
    """The shape of one page of a list of `item`."""
    parts: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "page": fields.Integer(required=True),
        "per_page": fields.Integer(required=True),
        "total": fields.Integer(required=True, metadata={"description": "How many there are on all pages."}),
    }
    return Strict.from_dict(parts, name=name)
