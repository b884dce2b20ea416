"""Money is whole fen, weight is whole grams; both become text only at the door."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NewType

Fen = NewType("Fen", int)
Grams = NewType("Grams", int)

CURRENCY = "CNY"


def yuan(fen: int) -> str:
    """¥ with two decimals and thousands separated: 123456 → '¥1,234.56'."""
    sign = "-" if fen < 0 else ""
    whole, rest = divmod(abs(fen), 100)
    return f"{sign}¥{whole:,}.{rest:02d}"


def weight(grams: int) -> str:
    """Grams below a kilogram, else kilograms without idle zeros: 500 → '500 g', 2500 → '2.5 kg'."""
    if abs(grams) < 1000:
        return f"{grams} g"
    return f"{Decimal(grams) / 1000:f}".rstrip("0").rstrip(".") + " kg"


def weight_range(from_g: int, to_g: int) -> str:
    """From one weight to another in one unit: '450–550 g', '1–1.4 kg'."""
    if from_g == to_g:
        return weight(from_g)
    first, unit = weight(from_g).split()
    last = weight(to_g)
    return f"{first}–{last}" if last.endswith(f" {unit}") else f"{weight(from_g)} – {last}"


def round_half_up(value: Decimal | int) -> int:
    """The nearest whole number, halves away from zero: how every price here is rounded."""
    return int(Decimal(value).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def price_of_weight(per_kg_fen: int, grams: int) -> Fen:
    """What so many grams cost at a price per kilogram, rounded half-up to the fen.

    The one rounding rule of everything sold by weight. A pack is rounded by itself and a line is the sum of its
    packs, so lines add up to the fen; the database computes `(per_kg_fen * grams + 500) / 1000`, which is the same.
    """
    return Fen((per_kg_fen * grams + 500) // 1000)


def price_per_500_g(price_fen: int, pack_g: int) -> Fen:
    """The unit price Chinese shoppers compare (per jin, 500 g), rounded half-up to the fen."""
    return Fen(round_half_up(Decimal(price_fen) * 500 / Decimal(pack_g)))
