"""A11: whatever a form is made to say about numbers, money or goods, nothing is ordered at a wrong total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalogue.models import Counter as Counter_
from catalogue.models import Sku
from orders.check import faults
from orders.models import CartLine, Order
from tests.builders import Builder
from tests.figures import FULL_SIZE, Figures
from tests.orders.test_pages import checkout_page, filled_in, goods, post

__all__ = ["goods"]  # a fixture, found here by pytest

RIGHT_FEN = 2 * 1980 + 3 * 990
NUMBERS = ["", "0", "-1", "0.1", "0.30000000000000004", "1e3", "0x10", "NaN", "inf", "１２", "٣", "²", "1,000", " 7 ",
           "9223372036854775807", "9223372036854775808", "9" * 400, "9" * 5_000, "1\u0000", "六", "--1"]  # fmt: skip


def totals(session: Session) -> list[int]:
    session.rollback()
    return list(session.execute(select(Order.total_fen)).scalars())


def test_a11_no_quantity_breaks_the_cart(
    client: FlaskClient, goods: Builder, session: Session, figures: Callable[[str], Figures]
) -> None:
    statuses: Counter[int] = Counter()
    for number in NUMBERS:
        statuses[post(client, "/cart/lines", sku="EGGS", quantity=number).status_code] += 1
        statuses[post(client, "/cart/lines/EGGS", quantity=number).status_code] += 1
        session.rollback()
        most = session.scalar(select(func.max(CartLine.quantity))) or 0
        assert 0 <= most <= 5, f"{number!r} became {most} of the 5 packs there are"
    a11 = figures("A11")
    a11.exactly(f"server errors of {2 * len(NUMBERS)} odd quantities", sum(statuses[s] for s in range(500, 600)), 0)
    assert set(statuses) <= {303, 400, 409, 422}


TEXTS = ["", "\x00", "\ud7ff", "'; DROP TABLE sku; --", "{{7*7}}", "%s%n", "<script>alert(1)</script>", "nan", "９",
         "../../etc/passwd", "a" * 9_000, "\u202e\U0001f95a"]  # fmt: skip


def buy(client: FlaskClient, **tampered: object) -> int:
    """Two eggs and three potatoes at the prices shown, the form tampered with; the answer's status."""
    client.get("/cart")
    for code in ("EGGS", "POTATOES"):
        post(client, f"/cart/lines/{code}", remove="1")
    return client.post("/checkout", data={**filled_in(checkout_page(client), "WH-01"), **tampered}).status_code


def wrong_totals(session: Session) -> int:
    """Orders that cost anything but what the shop asks for their goods."""
    return len([total for total in totals(session) if total != RIGHT_FEN])


def test_a11_no_tampered_form_is_ordered_at_a_wrong_total(
    client: FlaskClient, goods: Builder, session: Session, figures: Callable[[str], Figures]
) -> None:
    plenty(goods, session)
    said = ["1", "0", str(RIGHT_FEN - 1), str(RIGHT_FEN + 1), *(NUMBERS if FULL_SIZE else NUMBERS[::3]), "9" * 5_000]
    extra = {"currency": "USD", "total_fen": "1", "price_fen": "1", "discount_fen": "6929", "lines_fen": "1",
             "user_id": "1", "kind": "bulk", "status": "completed", "lat": "nan", "lng": "inf"}  # fmt: skip
    statuses = [buy(client, expected_pickup_fen=fen, expected_delivery_fen=fen, **extra) for fen in said]
    for name in ("token", "counter", "payment", "method", "lat", "district", "csrf_token"):
        statuses += [buy(client, **{name: value}) for value in (TEXTS if FULL_SIZE else TEXTS[:: len(TEXTS) // 3])]
    a11 = figures("A11")
    a11.exactly(f"orders at a wrong total of {len(statuses)} tampered forms", wrong_totals(session), 0)
    a11.exactly("server errors among their answers", len([status for status in statuses if status >= 500]), 0)
    kinds = session.execute(select(Order.kind, Order.status, Order.user_id).distinct()).all()
    assert [tuple(row) for row in kinds] == [("retail", "confirmed", None)]
    assert faults(session) == []


def plenty(goods: Builder, session: Session) -> None:
    """More eggs than the other tests need."""
    at = session.execute(select(Counter_)).scalar_one()
    for sku in session.execute(select(Sku)).scalars():
        goods.lot(sku, at=at, quantity=10_000)
    goods.commit()


def test_a11_a_price_that_rose_or_fell_meanwhile_is_shown_first(
    client: FlaskClient, goods: Builder, session: Session
) -> None:
    page = checkout_page(client)
    for fen in (1, 1979, 1981, 99_999):
        session.execute(text("UPDATE sku SET price_fen = :fen WHERE code = 'EGGS'"), {"fen": fen})
        session.commit()
        assert client.post("/checkout", data=filled_in(page, "WH-01")).status_code == 409
        assert totals(session) == []


def test_a11_a_limit_that_sank_meanwhile_is_kept(client: FlaskClient, goods: Builder, session: Session) -> None:
    page = checkout_page(client)
    session.execute(text("UPDATE sku SET max_per_order = 1 WHERE code = 'EGGS'"))
    session.commit()
    answer = client.post("/checkout", data=filled_in(page, "WH-01"))
    assert answer.status_code in {303, 409, 422}
    assert totals(session) == []
