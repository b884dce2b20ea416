"""A cooperative receives a lot, corrects its count, and hears what of its goods was sold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from catalogue.seed.demo import DEMO_PASSWORD
from shop.sandbox.processes import wait_until
from tests.browser.conftest import Visitor
from tests.browser.shopping import check_out, counter_with_everything, put_in_cart

pytestmark = pytest.mark.browser

Enter = Callable[..., Visitor]
# The cooperative of the red-skinned potatoes.
EMAIL = "coop-changzhu@demo.example"


@pytest.mark.parametrize("width", [360, 1440])
def test_a_cooperative_receives_a_lot_and_counts_it(visitor: Enter, width: int):
    member = visitor("zh-CN", width)
    member.sign_in(EMAIL, DEMO_PASSWORD)
    member.open("/coop/")
    member.open("/coop/receive")
    page, lot = member.page, f"JOURNEY-{width}"
    page.locator("#lot").fill(lot)
    page.locator("#quantity").fill("120")
    page.locator('main form[data-once] button:not([type="button"])').click()
    page.wait_for_url("**/coop/")
    row = page.locator("tbody tr", has_text=lot)
    expect(row.locator("strong")).to_have_text("120")
    member.look()
    row.locator("input[name=counted]").fill("118")
    row.locator("button").click()
    expect(page.locator("tbody tr", has_text=lot).locator("strong")).to_have_text("118")
    member.look()


def test_a_cooperative_hears_what_was_sold_and_says_it_has_seen_it(visitor: Enter):
    guest, member = visitor(), visitor("zh-CN", 360)
    put_in_cart(guest, "red-potato", 1)
    number = check_out(guest, counter_with_everything(guest))
    member.sign_in(EMAIL, DEMO_PASSWORD)
    page = member.page
    notice = page.locator(".inbox > li", has_text=number)

    def arrived() -> bool:
        page.goto(f"{member.address}/coop/notices")
        return notice.count() > 0

    assert wait_until(arrived, 20, every=0.3), "no notice of the sale"
    member.look()
    seen = page.locator(".inbox .badge.good").count()
    notice.first.locator("button").click()
    expect(page.locator(".inbox .badge.good")).to_have_count(seen + 1)
    member.look()
