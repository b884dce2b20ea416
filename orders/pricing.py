"""What an order costs: pure arithmetic in fen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalogue.by_weight import ByWeight
from shop.money import Fen


@dataclass(frozen=True)
class PricedLine:
    """So many packs of a SKU at today's price (fen per pack; of goods sold by weight, the most a pack can cost)."""

    sku_id: int
    code: str
    quantity: int
    price_fen: int
    cold: bool
    by_weight: ByWeight | None = None

    @property
    def total_fen(self) -> Fen:
        return Fen(self.price_fen * self.quantity)


@dataclass(frozen=True)
class Tariff:
    """Delivery in Wuhan: a fee, more with cold goods, nothing from `free_from_fen` of goods."""

    fee_fen: int
    cold_fee_fen: int
    free_from_fen: int


@dataclass(frozen=True)
class Quote:
    """Everything the customer is asked to pay; total = lines + delivery − discount."""

    lines: tuple[PricedLine, ...]
    lines_fen: Fen
    delivery_fen: Fen
    discount_fen: Fen
    total_fen: Fen


def price(lines: Sequence[PricedLine], tariff: Tariff | None) -> Quote:
    """Add up the lines and the delivery (`tariff` None: collected at a counter, which costs nothing)."""
    goods = sum(line.total_fen for line in lines)
    delivery = 0
    if tariff is not None and goods < tariff.free_from_fen:
        delivery = tariff.fee_fen + (tariff.cold_fee_fen if any(line.cold for line in lines) else 0)
    return Quote(tuple(lines), Fen(goods), Fen(delivery), Fen(0), Fen(goods + delivery))
