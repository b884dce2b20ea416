"""The cart: what somebody means to buy, as a guest or signed in. Nothing is held for it until checkout."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalogue.models import Product, Sku
from catalogue.stock.availability import available
from orders.checkout import MOST_LINES
from orders.models import Cart, CartLine
from shop.errors import DomainError, NotFound


class CartFull(DomainError):
    """An order has at most so many different goods, so a cart has too."""

    code: ClassVar[str] = "cart_full"
    title = _l("Your cart is full: an order has at most 100 different goods")


class NotSold(NotFound):
    """The SKU is unknown or no longer sold."""

    code: ClassVar[str] = "not_sold"
    title = _l("This is no longer sold")


class Limit(StrEnum):
    """Why a cart holds fewer packs than were wanted."""

    SOLD_OUT = "sold_out"
    STOCK = "stock"
    PER_ORDER = "per_order"


@dataclass(frozen=True)
class Owner:
    """Whose cart: exactly one of the two is set. `guest_key` is the secret of the visitor's signed cookie."""

    user_id: int | None = None
    guest_key: str | None = None


@dataclass(frozen=True)
class Change:
    """What became of a wish: `kept` packs are now in the cart, `limit` says why it is not all of them."""

    name: dict[str, str]
    wanted: int
    kept: int
    limit: Limit | None


def new_guest_key() -> str:
    """A secret for a visitor's cookie; only its hash is stored."""
    return secrets.token_urlsafe(24)


def key_hash(guest_key: str) -> bytes:
    """What the database knows of a guest's key."""
    return hashlib.sha256(guest_key.encode()).digest()


def cut(wanted: int, left: int, max_per_order: int) -> tuple[int, Limit | None]:
    """How many of the wanted packs an order may have, and what limits it. Pure."""
    most = min(left, max_per_order)
    if wanted <= most:
        return wanted, None
    if most <= 0:
        return 0, Limit.SOLD_OUT
    return most, Limit.STOCK if left < max_per_order else Limit.PER_ORDER


def find_cart_id(session: Session, owner: Owner) -> int | None:
    """The owner's cart, if one was ever begun."""
    if owner.user_id is not None:
        return session.scalar(select(Cart.id).where(Cart.user_id == owner.user_id))
    if owner.guest_key:
        return session.scalar(select(Cart.id).where(Cart.key_hash == key_hash(owner.guest_key)))
    return None


def lock_cart(session: Session, owner: Owner) -> int:
    """The owner's cart, begun now if need be and locked, so that two taps on "add" count twice."""
    if owner.user_id is not None:
        values: dict[str, object] = {"user_id": owner.user_id}
    else:
        assert owner.guest_key, "a cart belongs to somebody"  # noqa: S101
        values = {"key_hash": key_hash(owner.guest_key)}
    statement = (
        insert(Cart)
        .values(**values)
        .on_conflict_do_update(index_elements=list(values), set_={"updated_at": func.now()})
        .returning(Cart.id)
    )
    return int(session.execute(statement).scalar_one())


def quantities(session: Session, cart_id: int) -> dict[int, int]:
    """Packs in a cart by SKU id."""
    statement = select(CartLine.sku_id, CartLine.quantity).where(CartLine.cart_id == cart_id)
    return {row.sku_id: row.quantity for row in session.execute(statement)}


def write_line(session: Session, cart_id: int, sku_id: int, quantity: int) -> None:
    """Make the cart hold exactly so many packs; none takes the line away."""
    if quantity <= 0:
        session.execute(delete(CartLine).where(CartLine.cart_id == cart_id, CartLine.sku_id == sku_id))
        return
    session.execute(
        insert(CartLine)
        .values(cart_id=cart_id, sku_id=sku_id, quantity=quantity)
        .on_conflict_do_update(index_elements=["cart_id", "sku_id"], set_={"quantity": quantity})
    )


def sold_sku(session: Session, code: str) -> tuple[int, int, dict[str, str]]:
    """Id, most per order and the product's names of a SKU that is sold. Raises NotSold."""
    row = session.execute(
        select(Sku.id, Sku.max_per_order, Product.names)
        .join(Product)
        .where(Sku.code == code, Sku.active, Product.active)
    ).one_or_none()
    if row is None:
        raise NotSold()
    return row.id, row.max_per_order, row.names


def add_packs(session: Session, owner: Owner, code: str, packs: int) -> Change:
    """Put packs into the cart, as many as an order may have. Raises NotSold, CartFull."""
    sku_id, max_per_order, names = sold_sku(session, code)
    cart_id = lock_cart(session, owner)
    present = quantities(session, cart_id)
    if sku_id not in present and len(present) >= MOST_LINES:
        raise CartFull()
    wanted = present.get(sku_id, 0) + packs
    kept, limit = cut(wanted, available(session, [sku_id]).get(sku_id, 0), max_per_order)
    if kept:
        write_line(session, cart_id, sku_id, kept)
    return Change(names, wanted, kept, limit)


def set_packs(session: Session, owner: Owner, code: str, packs: int) -> Change:
    """Make the cart hold so many packs of a SKU, as many as an order may have; 0 takes it away. Raises NotSold.

    A line that is sold out stays as it is, so that the cart's page can say so.
    """
    if packs <= 0:
        return remove(session, owner, code)
    sku_id, max_per_order, names = sold_sku(session, code)
    kept, limit = cut(packs, available(session, [sku_id]).get(sku_id, 0), max_per_order)
    cart_id = lock_cart(session, owner)
    if kept:
        write_line(session, cart_id, sku_id, kept)
    return Change(names, packs, kept, limit)


def remove(session: Session, owner: Owner, code: str) -> Change:
    """Take a SKU out of the cart, also one that is no longer sold. Raises NotSold when there never was one."""
    row = session.execute(select(Sku.id, Product.names).join(Product).where(Sku.code == code)).one_or_none()
    if row is None:
        raise NotSold()
    write_line(session, lock_cart(session, owner), row.id, 0)
    return Change(row.names, 0, 0, None)


def take_out(session: Session, owner: Owner, sku_ids: Iterable[int]) -> None:
    """Remove what has become an order."""
    cart_id = find_cart_id(session, owner)
    if cart_id is not None:
        statement = delete(CartLine).where(CartLine.cart_id == cart_id, CartLine.sku_id.in_(list(sku_ids)))
        session.execute(statement)


def fill(session: Session, owner: Owner, wanted: Mapping[int, int]) -> list[Change]:
    """Add packs by SKU id, leaving out what is no longer sold; one Change for each SKU, in the order given."""
    rows = session.execute(
        select(Sku.id, Sku.max_per_order, Sku.active & Product.active, Product.names)
        .join(Product)
        .where(Sku.id.in_(wanted))
    ).all()
    found = {sku_id: (most if sold else 0, names) for sku_id, most, sold, names in rows}
    cart_id = lock_cart(session, owner)
    present = quantities(session, cart_id)
    left = available(session, wanted)
    changes = []
    for sku_id, packs in wanted.items():
        most, names = found[sku_id]
        if sku_id not in present and len(present) >= MOST_LINES:
            raise CartFull()
        total = present.get(sku_id, 0) + packs
        kept, limit = cut(total, left.get(sku_id, 0), most)
        if kept:
            present[sku_id] = kept
            write_line(session, cart_id, sku_id, kept)
        changes.append(Change(names, total, kept, limit))
    return changes


def merge(session: Session, guest_key: str, user_id: int) -> list[Change]:
    """At sign-in: pour the guest's cart into the person's own. What does not fit any more is told by the changes."""
    statement = select(Cart.id).where(Cart.key_hash == key_hash(guest_key)).with_for_update()
    guest_cart = session.scalar(statement)
    if guest_cart is None:
        return []
    own = quantities(session, lock_cart(session, Owner(user_id=user_id)))
    room = MOST_LINES - len(own)
    poured: dict[int, int] = {}
    for sku_id, packs in quantities(session, guest_cart).items():
        if sku_id not in own:
            room -= 1
        if sku_id in own or room >= 0:
            poured[sku_id] = packs
    session.execute(delete(Cart).where(Cart.id == guest_cart))
    return fill(session, Owner(user_id=user_id), poured) if poured else []


def cart_count(session: Session, owner: Owner) -> int:
    """Packs in the cart: the small number beside its sign on every page, so one indexed read."""
    if owner.user_id is None and not owner.guest_key:
        return 0
    if owner.user_id is not None:
        mine = Cart.user_id == owner.user_id
    else:
        mine = Cart.key_hash == key_hash(owner.guest_key or "")
    statement = select(func.coalesce(func.sum(CartLine.quantity), 0)).join(Cart).where(mine)
    return int(session.execute(statement).scalar_one())
