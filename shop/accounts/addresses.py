"""A person's addresses: at most one of them is used first."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.accounts.models import Address, User
from shop.errors import Invalid, NotFound

MOST = 20


@dataclass(frozen=True)
class Place:
    """What somebody entered as an address."""

    name: str
    phone: str
    district: str
    street: str
    is_default: bool = False


def addresses_of(session: Session, user_id: int) -> list[Address]:
    """A person's addresses, the one used first on top."""
    mine = sa.select(Address).where(Address.user_id == user_id)
    return list(session.scalars(mine.order_by(Address.is_default.desc(), Address.id)))


def find_address(session: Session, user_id: int, address_id: int) -> Address:
    """One of this person's addresses; raises NotFound for another's, which nobody may know exists."""
    mine = sa.select(Address).where(Address.id == address_id, Address.user_id == user_id)
    address = session.scalar(mine)
    if address is None:
        raise NotFound
    return address


def save_address(session: Session, user_id: int, place: Place, address: Address | None = None) -> Address:
    """Add an address or change one. The first is used first."""
    session.execute(sa.select(User.id).where(User.id == user_id).with_for_update())
    present = addresses_of(session, user_id)
    if address is None and len(present) >= MOST:
        raise Invalid(errors=[{"field": "addresses", "most": MOST}])
    target = address or Address(user_id=user_id)
    target.name, target.phone = place.name, place.phone
    if (target.district, target.street) != (place.district, place.street):
        target.lat = target.lng = None
    target.district, target.street = place.district, place.street
    target.is_default = place.is_default or not any(other.is_default for other in present if other is not address)
    if target.is_default:
        for other in present:
            if other is not target:
                other.is_default = False
    session.add(target)
    session.flush()
    return target


def remove_address(session: Session, user_id: int, address_id: int) -> None:
    """Forget an address; the oldest of the others is used first then."""
    address = find_address(session, user_id, address_id)
    session.delete(address)
    session.flush()
    left = addresses_of(session, user_id)
    if left and not any(other.is_default for other in left):
        left[0].is_default = True
    session.flush()
