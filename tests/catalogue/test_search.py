"""Goods are found by whatever people type, and nothing they type breaks the search."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalogue.listing import Wish, shelf
from catalogue.models import Product
from catalogue.search import index_words, reindex, tsquery_of, words_of
from tests.builders import Builder


def found(session: Session, typed: str) -> list[str]:
    """The slugs that a search shows, best first."""
    return [card.slug for card in shelf(session, Wish(text=typed)).cards]


@pytest.mark.parametrize("typed", ["藏香鸡", "香鸡", "zangxiangji", "zxj", "Tibetan chicken", "ZANG XIANG JI", "བོད་བྱ།"])
def test_tibetan_chicken_comes_first_however_it_is_typed(seeded: Session, typed: str) -> None:
    assert found(seeded, typed)[0] == "zang-chicken"


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("土豆", "red-potato"), ("洋芋", "red-potato"), ("tudou", "red-potato"), ("potato", "red-potato"),
        ("藏鸡蛋", "zang-eggs"), ("zjd", "zang-eggs"), ("zangjidan", "zang-eggs"),
        ("zanghe", "zanghe-oil"), ("egg", "zang-eggs"), ("糌粑", "tsampa"), ("zanba", "tsampa"),
        ("菜籽油", "zanghe-oil"), ("藏香猪", "zang-pork"), ("བོད་བྱའི་སྒོ་ང་", "zang-eggs"), ("氆氇", "pulu-wool-blanket"),
    ],
)  # fmt: skip
def test_goods_are_found_by_their_names_and_nicknames(seeded: Session, typed: str, slug: str) -> None:
    assert found(seeded, typed)[0] == slug


def test_all_the_words_must_fit(seeded: Session) -> None:
    assert "zang-eggs" in found(seeded, "Tibetan")
    assert found(seeded, "Tibetan chicken wool") == []


@pytest.mark.parametrize("typed", ["!!!", "   ", "&|:*'\\", "…", "\x00"])
def test_what_holds_no_word_finds_nothing_rather_than_everything(seeded: Session, typed: str) -> None:
    assert tsquery_of(typed) == ""
    assert not typed.strip() or found(seeded, typed) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=120))
def test_any_text_makes_a_query_the_database_understands(seeded: Session, typed: str) -> None:
    query = tsquery_of(typed)
    if query:
        assert seeded.scalar(select(func.numnode(func.to_tsquery("simple", query)))) >= 1  # type: ignore[operator]


def test_chinese_is_cut_into_characters_and_pairs() -> None:
    assert words_of("藏香鸡 Whole") == ["藏", "香", "鸡", "藏香", "香鸡", "whole"]


def test_pinyin_is_indexed_whole_from_each_syllable_and_by_initials() -> None:
    words = set(index_words(["藏香鸡"], []).split())
    assert {"zangxiangji", "xiangji", "ji", "zang", "zxj", "xj"} <= words


def test_a_renamed_product_is_found_by_its_new_name_after_reindexing(session: Session, build: Builder) -> None:
    sku = build.sku("BARLEY")
    product = session.get_one(Product, sku.product_id)
    product.names = {"zh": "黑青稞", "en": "Black barley"}
    reindex(session, [product.id])
    session.commit()
    assert found(session, "heiqingke") == ["barley"] == found(session, "black barley")


def test_the_search_reads_its_index(seeded: Session) -> None:
    seeded.execute(text("SET LOCAL enable_seqscan = off"))
    plan = seeded.execute(
        text("EXPLAIN SELECT id FROM product WHERE search @@ to_tsquery('simple', :query)"),
        {"query": tsquery_of("香鸡")},
    ).scalars()
    assert any("ix_product_search" in line for line in plan)
