"""Two people at one counter see the queue move; the customer reads where a line went that could not be given."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from catalogue.seed.demo import DEMO_PASSWORD
from tests.browser.conftest import Market, Visitor
from tests.browser.shopping import check_out, counter_with_everything, put_in_cart
from tests.figures import Figures

pytestmark = pytest.mark.browser
SECONDS_TO_MOVE = 2.0


def test_the_queue_moves_for_both_and_the_customer_reads_where_a_refused_line_went(
    visitor: Callable[..., Visitor], shop: Market, figures: Callable[[str], Figures]
) -> None:
    guest, anna, ben = visitor("zh-CN", 360), visitor("zh-CN", 1440), visitor("zh-CN", 360)
    put_in_cart(guest, "zang-eggs", 1)
    counter = counter_with_everything(guest)
    for staff in (anna, ben):
        staff.sign_in(f"counter-{counter.lower()}@demo.example", DEMO_PASSWORD)
        staff.open("/counter/")
    number = check_out(guest, counter)
    for staff in (anna, ben):
        expect(staff.page.locator(".ticket", has_text=number)).to_have_count(1)
    anna.page.locator(".ticket", has_text=number).click()
    anna.look()
    anna.page.locator("#scan").fill("WRONG-1")
    anna.page.locator("#scan").press("Enter")
    expect(anna.page.locator("#wrong")).to_be_visible()
    anna.complaints.clear()  # the browser notes the refusal's status
    anna.look()
    anna.page.locator("#scan").fill(anna.page.locator(".pick .mono").first.inner_text())
    anna.page.locator("#scan").press("Enter")
    expect(anna.page.locator(".pick.done")).to_have_count(1)
    expect(ben.page.locator(".lane").nth(1).locator(".ticket", has_text=number)).to_have_count(1)
    ben.look()

    expect(guest.page.locator("#order-status")).to_contain_text("备货中")
    anna.page.locator(".pick-do button[name=packs]").click()
    anna.page.locator(".pick-do summary").click()
    anna.page.locator(".pick-do input[name=reason]").fill("打碎了")
    anna.page.locator(".pick-do form[action$='/reject'] button").click()
    refused = time.monotonic()
    moved = guest.page.locator(".card", has_text="把商品调往您的取货专柜")
    expect(moved.first).to_be_visible()
    seconds = time.monotonic() - refused
    figures("room").takes_at_most("a refused line has moved and its customer reads it", seconds, SECONDS_TO_MOVE)
    guest.look()
    expect(guest.page.locator(".timeline")).to_contain_text("另找专柜")
    shop.check()
