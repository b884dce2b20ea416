"""A consignment from the office's question to the counter's shelf: asked for, confirmed, sent, received with a loss."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from catalogue.seed.demo import DEMO_PASSWORD
from tests.browser.conftest import Market, Visitor

pytestmark = pytest.mark.browser

COOPERATIVE, COUNTER = "索珠乡藏香猪合作社", "WH-JH-01"
GOODS, PACK = "zang-pork", "肋排"
ASKED, SENT, DAMAGED = 20, 16, 1


def on_the_shelf(visitor: Visitor) -> int:
    """Packs that the shop says are at the counter, to somebody who is signed in: no page kept for strangers."""
    visitor.page.goto(f"{visitor.address}/p/{GOODS}")
    shelf = visitor.page.locator("tr", has=visitor.page.locator(f'a[href$="/counters/{COUNTER}"]'))
    return int(shelf.locator(f'td[data-label*="{PACK}"]').inner_text())


def follow(visitor: Visitor, number: str) -> Page:
    """From the list of this room's consignments to one of them."""
    visitor.page.locator("main a", has_text=number).first.click()
    expect(visitor.page.locator("h1")).to_have_text(number)
    return visitor.page


def test_a_consignment_travels_from_the_question_to_the_shelf(visitor: Callable[..., Visitor], shop: Market) -> None:
    office, herder, clerk = visitor("zh-CN", 1440), visitor("zh-CN", 360), visitor("zh-CN", 360)
    clerk.sign_in(f"counter-{COUNTER.lower()}@demo.example", DEMO_PASSWORD)
    before = on_the_shelf(clerk)

    office.sign_in("office@demo.example", DEMO_PASSWORD)
    office.page.goto(f"{office.address}/office/consignments/ask")
    office.page.locator("#cooperative").select_option(label=COOPERATIVE)
    office.page.locator("main form[method=get] button").click()
    office.page.locator("#counter").select_option(label="江汉区北湖专柜")
    office.page.locator(".field", has_text=PACK).locator("input").fill(str(ASKED))
    office.look()
    office.page.locator("main form[method=post] button").click()
    number = office.page.locator("h1").inner_text()

    herder.sign_in("coop-suozhu@demo.example", DEMO_PASSWORD)
    herder.page.goto(f"{herder.address}/coop/consignments")
    store = follow(herder, number)
    asked = store.locator("form[action$='/confirm']")
    expect(asked.locator("input[name^=packs]")).to_have_value(str(ASKED))
    asked.locator("input[name^=packs]").fill(str(SENT))
    asked.locator("button").click()
    lot = store.locator("tbody .mono").inner_text()
    store.locator("#vehicle").fill("藏C·L1190")
    store.locator("#temperature").fill("-19.5")
    store.locator("form[action$='/dispatch'] button").click()
    herder.look()

    clerk.page.goto(f"{clerk.address}/counter/consignments")
    ramp = follow(clerk, number)
    expect(ramp.locator("fieldset")).to_contain_text(lot)
    expect(ramp.locator("main")).to_contain_text("-19.5")
    ramp.locator("input[name^=received]").fill(str(SENT - DAMAGED))
    ramp.locator("input[name^=damaged]").fill(str(DAMAGED))
    ramp.locator("form[action$='/receive'] button").click()
    clerk.look()
    clerk.page.goto(f"{clerk.address}/counter/day")
    shelf = ramp.locator("tbody tr", has_text=lot).locator("td.numbers strong")
    expect(shelf).to_have_text(str(SENT - DAMAGED))
    assert on_the_shelf(clerk) == before + SENT - DAMAGED

    office.page.goto(f"{office.address}/office/consignments")
    row = office.page.locator("tbody tr", has_text=number)
    expect(row).to_contain_text("已到货")
    expect(row.locator("td[data-label=损耗]")).to_have_text(str(DAMAGED))
    shop.check()
