"""What moved stock, as people call it: whoever moves it for a thing of its own says by which number that thing goes."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, case, cast

from catalogue.stock.models import StockMovement

Number = Callable[[ColumnElement[int]], ScalarSelect[str]]
NUMBERS: dict[str, Number] = {}


def goes_by(source_type: str, number: Number) -> None:
    """The things behind this kind of source are called by the number that `number` finds for their id."""
    NUMBERS[source_type] = number


def cause_number() -> ColumnElement[str | None]:
    """The number of what caused a movement, inside a query over StockMovement; NULL where it has none."""
    # A source is a text: only where the kind says so it is an id.
    numbers = [
        case((StockMovement.source_type == kind, number(cast(StockMovement.source_id, BigInteger))))
        for kind, number in NUMBERS.items()
    ]
    return sa.func.coalesce(*numbers, sa.null())
