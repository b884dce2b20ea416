"""From the guest's cart to the counter's desk: accepted, ready, handed over against the code, completed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from catalogue.seed.demo import DEMO_PASSWORD
from shop.sandbox.processes import wait_until
from tests.browser.conftest import Market, Visitor
from tests.browser.shopping import check_out, counter_with_everything, pickup_code, put_in_cart

pytestmark = pytest.mark.browser


def test_a_guest_buys_and_the_counter_hands_over(visitor: Callable[..., Visitor], shop: Market):
    guest, staff = visitor("zh-CN", 360), visitor("zh-CN", 1440)
    put_in_cart(guest, "red-potato", 2)
    put_in_cart(guest, "zang-eggs", 1)
    counter = counter_with_everything(guest)
    number = check_out(guest, counter)
    status = guest.page.locator("#order-status")
    expect(status).to_contain_text("专柜已定", timeout=30_000)

    staff.sign_in(f"counter-{counter.lower()}@demo.example", DEMO_PASSWORD)
    staff.open("/counter/")
    staff.page.locator(".ticket", has_text=number).click()
    staff.look()
    staff.page.locator('form[action$="/accept"] button').click()
    expect(status).to_contain_text("备货中")
    staff.page.locator('form[action$="/ready"] button').click()
    expect(status).to_contain_text("可以取货了")
    guest.look()
    assert wait_until(lambda: shop.get("/sandbox/mail").count(number) >= 2, 20, every=0.2), "no mail said it is ready"

    staff.open("/counter/")
    staff.page.locator("input[name=code]").fill(pickup_code(guest))
    staff.page.locator('form[action$="/desk"] button').click()
    staff.look()
    staff.page.locator('form[action$="/hand-over"] button').click()
    expect(staff.page.locator('form[action$="/hand-over"]')).to_have_count(0)
    expect(status).to_contain_text("已取货")
    expect(guest.page.locator("[data-live-done]")).to_have_count(1)
    guest.look()
    shop.check()
