"""Goods sold by weight: what a kilogram costs, what a pack is expected to weigh, what a pack can cost. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.money import Fen, price_of_weight

HEAVIEST_G = 100_000


@dataclass(frozen=True)
class ByWeight:
    """The terms of a pack sold by weight: fen per kilogram, and the grams it is expected to weigh (both included).

    A customer pays for the upper bound first; what the scale shows less comes back, what it shows more is a present.
    """

    per_kg_fen: int
    from_g: int
    to_g: int

    @property
    def most_fen(self) -> Fen:
        """The most a pack can cost: what is charged before it is weighed."""
        return price_of_weight(self.per_kg_fen, self.to_g)

    @property
    def middle_g(self) -> int:
        """What a pack weighs by and large."""
        return (self.from_g + self.to_g) // 2

    @property
    def per_500_g_fen(self) -> Fen:
        """The unit price Chinese shoppers compare."""
        return price_of_weight(self.per_kg_fen, 500)

    def charged_g(self, grams: int) -> int:
        """The grams of a pack that are charged: never more than the upper bound."""
        return min(grams, self.to_g)

    def price_of(self, grams: int) -> Fen:
        """What a pack of that weight costs (fen)."""
        return price_of_weight(self.per_kg_fen, self.charged_g(grams))


def terms_of(per_kg_fen: int | None, from_g: int | None, to_g: int | None) -> ByWeight | None:
    """The terms of a row; None for a pack with a price of its own."""
    if per_kg_fen is None or from_g is None or to_g is None:
        return None
    return ByWeight(per_kg_fen, from_g, to_g)


class PricedByWeight:
    """Columns of a row that is, or may be, priced by weight: all three or none."""

    per_kg_fen: Mapped[int | None]
    weight_from_g: Mapped[int | None] = mapped_column(sa.Integer)
    weight_to_g: Mapped[int | None] = mapped_column(sa.Integer)

    @property
    def by_weight(self) -> ByWeight | None:
        """The terms, or None for a pack with a price of its own."""
        return terms_of(self.per_kg_fen, self.weight_from_g, self.weight_to_g)


# A pack's price is the price of its upper bound, by the rule of shop.money.price_of_weight.
WHOLE_TERMS = "num_nonnulls(per_kg_fen, weight_from_g, weight_to_g) IN (0, 3)"
TERMS = (
    f"per_kg_fen > 0 AND weight_from_g > 0 AND weight_from_g <= weight_to_g AND weight_to_g <= {HEAVIEST_G}"
    " AND price_fen = (per_kg_fen * weight_to_g + 500) / 1000"
)


def terms_hold() -> tuple[CheckConstraint, CheckConstraint]:
    """The constraints of a table with these columns and a price per pack (`price_fen`)."""
    return CheckConstraint(WHOLE_TERMS, name="whole_terms"), CheckConstraint(TERMS, name="terms")
