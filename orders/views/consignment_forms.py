"""Packs and temperatures as people type them into the pages of consignments."""

from __future__ import annotations

from collections.abc import Iterable

from flask import request
from flask_babel import gettext as _

from orders.stock_batch import MOST_PACKS
from shop.errors import Invalid


def typed_packs(prefix: str, numbers: Iterable[int]) -> dict[int, int]:
    """The fields `prefix-<number>` as whole packs; an empty one is 0. Raises Invalid naming each that is not."""
    texts = {number: request.form.get(f"{prefix}-{number}", "").strip() or "0" for number in numbers}
    wrong = [
        {"field": f"{prefix}-{number}"} for number, text in texts.items()
        if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) <= MOST_PACKS)
    ]  # fmt: skip
    if wrong:
        raise Invalid(_("Please enter a whole number of packs."), errors=wrong)
    return {number: int(text) for number, text in texts.items()}
