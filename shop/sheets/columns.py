"""Which column is which: heads in any of the shop's languages, or by their plain names."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import force_locale

from shop.i18n import LOCALES
from shop.sheets.read import SheetRow


def spoken(text: str) -> str:
    """A word as it is compared: without case, width, spaces, remark in brackets, or Tibetan's full stop."""
    plain = unicodedata.normalize("NFKC", text).partition("(")[0]
    return "".join(plain.split()).rstrip("།་").casefold()


def in_every_language(words: Mapping[str, Any]) -> dict[str, str]:
    """Name by each of the words it goes by: in every language of the shop, and the name itself."""
    found = {spoken(name): name for name in words}
    for locale in LOCALES:
        with force_locale(locale):
            found |= {spoken(str(word)): name for name, word in words.items()}
    return found


def columns_of(head: SheetRow, words: Mapping[str, Any]) -> dict[str, int]:
    """The place of each known column; heads nobody knows are passed over, of two alike the first counts."""
    known = in_every_language(words)
    places: dict[str, int] = {}
    for place, title in enumerate(head.cells):
        name = known.get(spoken(title))
        if name is not None:
            places.setdefault(name, place)
    return places


def cell(cells: Sequence[str], place: int | None) -> str:
    """The cell at a place; '' where the row ends before it or there is no such column."""
    return cells[place] if place is not None and place < len(cells) else ""
