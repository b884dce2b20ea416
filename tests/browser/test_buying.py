"""A guest buys potatoes and eggs, watches a counter being found, changes their mind: with and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from shop.sandbox.processes import wait_until
from tests.browser.conftest import Market, Visitor
from tests.browser.shopping import check_out, pickup_code, put_in_cart

pytestmark = pytest.mark.browser

COUNTER = "WH-JH-01"
Enter = Callable[..., Visitor]


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 360), ("zh-CN", 1440), ("en-US", 360)])
def test_every_page_on_the_way_to_an_order_is_for_everybody(visitor: Enter, language: str, width: int):
    guest = visitor(language, width)
    for path in ("/", "/products", "/p/red-potato", "/search?q=zxj", "/counters", "/cart"):
        guest.open(path)
    put_in_cart(guest, "zang-eggs", 1)
    guest.look()
    guest.open("/checkout")
    guest.page.locator("aside button").click()
    expect(guest.page.locator("#phone-error")).to_be_visible()
    # The browser logs the 422 of the page just looked at as an error; it is the answer we want.
    guest.complaints.clear()
    guest.look()


def test_a_guest_buys_and_watches_the_counter_being_found(visitor: Enter, shop: Market):
    guest = visitor("zh-CN", 360)
    put_in_cart(guest, "red-potato", 2)
    put_in_cart(guest, "zang-eggs", 1)
    number = check_out(guest, COUNTER)
    expect(guest.page.locator("h1")).to_contain_text(number)
    assert len(pickup_code(guest)) == 8
    expect(guest.page.locator("#order-status")).to_contain_text("专柜已定", timeout=30_000)
    guest.look()
    assert wait_until(lambda: number in shop.get("/sandbox/mail"), 20, every=0.2), "no mail told of the order"
    expect(guest.page.locator(".qr")).to_have_js_property("complete", True)


def test_everything_works_without_javascript(visitor: Enter):
    guest = visitor("zh-CN", 360, scripts=False)
    page = guest.page
    put_in_cart(guest, "red-potato", 3)
    page.locator("input[name=quantity]").fill("2")
    page.locator(".change button:not([name])").click()
    expect(page.locator("input[name=quantity]")).to_have_value("2")
    number = check_out(guest, COUNTER)

    def found() -> bool:
        page.reload()
        return "专柜已定" in page.locator("#order-status").inner_text()

    assert wait_until(found, 15, every=0.2)
    page.locator(f'a[href="/orders/{number}/cancel"]').click()
    page.locator("main form button").click()
    expect(page.locator("#order-status")).to_contain_text("已取消")
    page.locator('form[action$="/reorder"] button').click()
    expect(page.locator("input[name=quantity]")).to_have_value("2")


def test_a_stranger_sees_nothing_of_the_order(visitor: Enter):
    guest, stranger = visitor(), visitor()
    put_in_cart(guest, "red-potato", 1)
    number = check_out(guest, COUNTER)
    answer = stranger.page.goto(f"{stranger.address}/orders/{number}")
    assert answer is not None
    assert answer.status == 404
    expect(stranger.page.locator("body")).not_to_contain_text("王芳")
