"""Paying online in a browser: by card and by both wallets, declined first, then paid; and the money back."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import expect

from shop.sandbox.processes import wait_until
from tests.browser.conftest import Market, Visitor
from tests.browser.shopping import check_out, put_in_cart

pytestmark = pytest.mark.browser

COUNTER = "WH-JH-01"
Enter = Callable[..., Visitor]


def refuse(visitor: Visitor, means: str) -> None:
    """The bank says no, or the customer does in the wallet."""
    if means == "card":
        visitor.page.locator("button[value='card:decline']").click()
    else:
        visitor.page.locator(f"button[value='{means}:pay']").click()
        visitor.page.locator("button[value=fail]").click()
    visitor.page.wait_for_url("**/pay")
    expect(visitor.page.locator("[role=alert]").first).to_be_visible()


def agree(visitor: Visitor, means: str) -> None:
    """The money is there."""
    visitor.page.locator(f"button[value='{means}:pay']").click()
    if means != "card":
        visitor.page.locator("button[value=authorize]").click()
    visitor.page.wait_for_url("**/orders/YL-*")


@pytest.mark.parametrize("means", ["card", "alipay", "wechat_pay"])
def test_a_guest_is_declined_pays_and_gets_the_money_back(visitor: Enter, shop: Market, means: str) -> None:
    guest = visitor("zh-CN", 360)
    put_in_cart(guest, "red-potato", 1)
    check_out(guest, COUNTER, payment=means)
    guest.page.wait_for_url("**/pay")
    guest.look()
    refuse(guest, means)
    guest.look()
    agree(guest, means)
    expect(guest.page.locator("#order-status")).to_contain_text("专柜已定")
    expect(guest.page.locator("#order-paid")).to_be_visible()
    guest.look()
    guest.page.locator("a[href$='/cancel']").click()
    guest.page.locator("main form button").first.click()
    expect(guest.page.locator("#order-refunded")).to_be_visible()
    guest.look()
    number = guest.page.url.rstrip("/").rpartition("/")[2].partition("?")[0]
    told = f"订单 {number} 的退款已到账"
    assert wait_until(lambda: told in shop.get("/sandbox/mail"), 20, every=0.2), "no mail told of the refund"
    assert sorted(ledger_of(shop, number)) == ["charge", "refund"]
    assert sum(ledger_of(shop, number).values()) == 0
    shop.check()


def ledger_of(shop: Market, number: str) -> dict[str, int]:
    """What the money ledger holds for an order, in fen by kind, the provider's fees aside."""
    statement = (
        'SELECT m.kind, sum(m.amount_fen)::bigint FROM money_entry m JOIN "order" o ON o.id = m.order_id'
        " WHERE o.number = %s AND m.kind <> 'fee' GROUP BY m.kind"
    )
    with psycopg.connect(shop.environment["DATABASE_URL"].replace("+psycopg", "")) as connection:
        return dict(connection.execute(statement, [number]).fetchall())
