"""Who is visiting: whose cart and which orders this browser may see without signing in."""

from __future__ import annotations

from flask import session

from orders.cart import Owner, new_guest_key
from shop.accounts.policy import current_person

# A cookie holds 4 kB: the newest orders of a guest's browser are remembered, older ones need their link again.
REMEMBERED = 30


def owner() -> Owner:
    """Whose cart this request means; a guest who never put anything in has no key."""
    person = current_person()
    return Owner(user_id=person.id) if person is not None else Owner(guest_key=session.get("cart"))


def owner_who_buys() -> Owner:
    """The same, with a key for a guest who now begins a cart."""
    if current_person() is None and not session.get("cart"):
        session["cart"] = new_guest_key()
        session.permanent = True
    return owner()


def remember(number: str) -> None:
    """Let this browser open the order without its key."""
    known = [one for one in session.get("orders", []) if one != number]
    session["orders"] = [*known, number][-REMEMBERED:]
    session.permanent = True


def remembers(number: str) -> bool:
    """Whether this browser placed the order or opened it with its key."""
    return number in session.get("orders", [])
