"""Which counters' boards a transaction changes, so that their open pages look again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from orders.fulfilment.models import Allocation, Fulfilment
from orders.models import Order
from shop.changes import say_changed


def board_of(counter_id: int) -> str:
    """The topic of a counter's board."""
    return f"board:{counter_id}"


def boards_of(counter_ids: Iterable[int] | None) -> frozenset[str] | None:
    """The topics of several boards; None stands for all of them."""
    return None if counter_ids is None else frozenset(board_of(one) for one in counter_ids)


def note_boards(session: Session, *_: Any) -> None:
    """Every part that is written, and every part whose packs are, stands on a board."""
    for one in (*session.new, *session.dirty):
        if isinstance(one, Fulfilment):
            say_changed(session, boards_with(session, one))
        elif isinstance(one, Allocation):
            part = session.identity_map.get(session.identity_key(Fulfilment, one.fulfilment_id))
            if part is not None:
                say_changed(session, boards_with(session, part))


def boards_with(session: Session, part: Fulfilment) -> set[str]:
    """Its own counter's, and that of the counter where the order is collected; nothing is asked of the database."""
    order = session.identity_map.get(session.identity_key(Order, part.order_id))
    places = {part.counter_id, None if order is None else order.__dict__.get("pickup_counter_id")}
    return {board_of(place) for place in places if place is not None}


event.listen(Session, "after_flush", note_boards)
