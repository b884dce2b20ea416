"""What stands in a cart, at today's prices and with what limits each line now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.models import Product, Sku
from catalogue.stock.availability import InsufficientStock, available
from orders.cart import Limit, Owner, cut, find_cart_id, take_out
from orders.checkout import DraftLine, OrderDraft, place_order
from orders.models import CartLine, Order
from shop.audit import Actor
from shop.money import Fen


@dataclass(frozen=True)
class LineView:
    """A line of the cart as its page shows it. `most` is what an order may have of it today; prices in fen.

    With `terms`, it is sold by weight and `price_fen` is the most a pack can cost.
    """

    sku_id: int
    code: str
    slug: str
    art: str
    names: dict[str, str]
    pack_names: dict[str, str]
    storage: str
    price_fen: int
    quantity: int
    most: int
    limit: Limit | None
    terms: ByWeight | None = None

    @property
    def total_fen(self) -> Fen:
        return Fen(self.price_fen * self.quantity)

    @property
    def is_sold(self) -> bool:
        """Whether at least one pack can be ordered."""
        return self.most > 0


@dataclass(frozen=True)
class CartView:
    """The whole cart; `lines_fen` adds up what can be ordered."""

    lines: tuple[LineView, ...]

    @property
    def lines_fen(self) -> Fen:
        return Fen(sum(line.total_fen for line in self.lines if line.is_sold))

    @property
    def packs(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def by_weight(self) -> bool:
        """Whether the sum is the most it can come to."""
        return any(line.terms for line in self.lines)

    @property
    def fits(self) -> bool:
        """Whether every line can be ordered as it stands."""
        return bool(self.lines) and all(line.limit is None for line in self.lines)

    def draft_lines(self) -> tuple[DraftLine, ...]:
        """The lines as an order's draft wants them."""
        return tuple(DraftLine(line.sku_id, line.quantity) for line in self.lines)


def read_cart(session: Session, owner: Owner) -> CartView:
    """The cart with today's prices, each line with what limits it now."""
    cart_id = find_cart_id(session, owner)
    if cart_id is None:
        return CartView(())
    statement = (
        select(CartLine.quantity, Sku, Product)
        .join(Sku, Sku.id == CartLine.sku_id)
        .join(Product, Product.id == Sku.product_id)
        .where(CartLine.cart_id == cart_id)
        .order_by(CartLine.id)
    )
    rows = session.execute(statement).all()
    left = available(session, [sku.id for _, sku, _ in rows])
    return CartView(tuple(line_view(quantity, sku, product, left.get(sku.id, 0)) for quantity, sku, product in rows))


def line_view(quantity: int, sku: Sku, product: Product, left: int) -> LineView:
    """One line: a SKU that is not sold any more counts as sold out."""
    most_left = left if sku.active and product.active else 0
    _, limit = cut(quantity, most_left, sku.max_per_order)
    return LineView(
        sku_id=sku.id, code=sku.code, slug=product.slug, art=product.art, names=product.names,
        pack_names=sku.pack_names, storage=sku.storage, price_fen=sku.price_fen, quantity=quantity,
        most=min(most_left, sku.max_per_order), limit=limit, terms=sku.by_weight,
    )  # fmt: skip


def order_placed_with(session: Session, placement_key: str) -> Order | None:
    """The order this key has already placed, if any."""
    return session.execute(select(Order).where(Order.placement_key == placement_key)).scalar_one_or_none()


def order_cart(
    session: Session, owner: Owner, draft: OrderDraft, *, placement_key: str, actor: Actor, now: datetime
) -> Order:
    """Make the cart an order (the draft says everything but the lines) and empty it; safe to repeat with one key.

    The cart is read before the key is looked up: whoever finds it emptied by a twin request then finds the order.
    Raises what place_order raises; the cart then stays as it is.
    """
    cart = read_cart(session, owner)
    earlier = order_placed_with(session, placement_key)
    if earlier is not None:
        return earlier
    refuse_what_is_gone(cart)
    lines = cart.draft_lines()
    order = place_order(session, replace(draft, lines=lines), placement_key=placement_key, actor=actor, now=now)
    take_out(session, owner, [line.sku_id for line in lines])
    return order


def refuse_what_is_gone(cart: CartView) -> None:
    """Tell a crowd that comes too late before an order is written for it; the promise itself looks again.

    Raises InsufficientStock.
    """
    short = [line for line in cart.lines if line.limit in {Limit.SOLD_OUT, Limit.STOCK}]
    if short:
        raise InsufficientStock(
            errors=[{"sku": line.code, "wanted": line.quantity, "available": line.most} for line in short]
        )
