"""Find goods by what people type: Chinese, pinyin, initials, English, Tibetan; one GIN index, no extension needed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from catalogue.models import Product

WORD = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]+|[\u0f40-\u0fbc]+")
MOST_WORDS = 12
LONGEST_QUERY = 100


def words_of(text: str) -> list[str]:
    """The words of a text: Latin words, single Chinese characters and their pairs, Tibetan syllables."""
    found: list[str] = []
    for run in WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if "\u4e00" <= run[0] <= "\u9fff":
            found += list(run) + [run[at : at + 2] for at in range(len(run) - 1)]
        else:
            found.append(run)
    return found


@cache
def reader() -> Callable[[str], list[str]]:
    """What reads Chinese aloud. Its 55 MB are loaded where goods are written, not where they are sought."""
    from pypinyin import lazy_pinyin, load_single_dict

    # Alone the character is more often read cáng (to hide); what stands on our shelves is zàng, of Tibet.
    load_single_dict({ord("藏"): "zàng,cáng"})
    return lazy_pinyin


def index_words(names: Iterable[str], aliases: Iterable[str]) -> str:
    """Everything a product is found by: its words, its pinyin joined and by syllable, its initials, from each start."""
    found: dict[str, None] = {}
    for text in [*names, *aliases]:
        found.update(dict.fromkeys(words_of(text)))
        chinese = "".join(run for run in WORD.findall(text) if "\u4e00" <= run[0] <= "\u9fff")
        syllables = [one.lower() for one in reader()(chinese)]
        for start in range(len(syllables)):
            rest = syllables[start:]
            found.update(dict.fromkeys(("".join(rest), rest[0], "".join(one[0] for one in rest))))
    return " ".join(found)


def tsquery_of(text: str) -> str:
    """A tsquery of what was typed, safe for any input ('' when nothing in it can be searched).

    Latin words match as beginnings, Chinese by its characters and pairs; all must match.
    """
    words = words_of(text[:LONGEST_QUERY])[:MOST_WORDS]
    return " & ".join(f"'{word}':*" if word[0].isascii() else f"'{word}'" for word in words)


def matching(typed: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a product fits what was typed (a tsquery_of())."""
    return Product.search.op("@@")(tsquery(typed))


def rank(typed: ColumnElement[str]) -> ColumnElement[float]:
    """How well a product fits what was typed; long texts count less."""
    return func.ts_rank(Product.search, tsquery(typed), 2)


def tsquery(typed: ColumnElement[str]) -> ColumnElement[Any]:
    """What was typed as PostgreSQL compares it."""
    return func.to_tsquery(literal_column("'simple'::regconfig"), typed)


def reindex(session: Session, product_ids: Iterable[int]) -> None:
    """Fill the search words of products from their names and aliases."""
    for product in session.execute(select(Product).where(Product.id.in_(list(product_ids)))).scalars():
        product.search_words = index_words(product.names.values(), product.aliases)
    session.flush()
