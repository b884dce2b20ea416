"""What a lorry's thermometer may say: the shop's own limits, and temperatures as people type and read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal, InvalidOperation

from flask_babel import format_decimal
from flask_babel import gettext as _

from orders.consignments.models import TemperatureReading
from shop.errors import Invalid

# Tenths of a degree Celsius, by storage class. The shop chose these limits; they stand nowhere else.
WARMEST = {"chilled": 80, "frozen": -150}


def limit_of(storages: Iterable[str]) -> int | None:
    """The warmest (tenths of °C) that goods of these storage classes may travel together; None without a limit."""
    return min((WARMEST[storage] for storage in storages if storage in WARMEST), default=None)


def too_warm(readings: Collection[TemperatureReading], limit: int | None) -> list[TemperatureReading]:
    """The readings above the limit."""
    return [] if limit is None else [one for one in readings if one.tenths > limit]


def degrees(tenths: int) -> str:
    """-183 becomes '-18.3 °C', in the reader's way of writing numbers."""
    return f"{format_decimal(Decimal(tenths) / 10, '0.0')} °C"


def tenths_of(text: str) -> int:
    """A temperature as typed ('-18.3', '−18,3 °C') in tenths of a degree. Raises Invalid."""
    plain = text.replace("°C", "").replace("℃", "").replace("−", "-").replace("，", ".").replace(",", ".").strip()
    try:
        tenths = Decimal(plain) * 10
    except InvalidOperation:
        tenths = Decimal("NaN")
    if not tenths.is_finite() or tenths != round(tenths) or abs(tenths) > 600:
        raise Invalid(
            _("Please enter a temperature between −60 and 60 °C, as in −18.3"), errors=[{"field": "temperature"}]
        )
    return int(tenths)
