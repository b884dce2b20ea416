"""The pages of the rooms where nobody's journey leads fit a phone, in the language that runs widest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from catalogue.seed.demo import DEMO_PASSWORD
from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser

ROOMS = ("/office/", "/coop/", "/account")
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"


def test_no_page_of_the_offices_rooms_is_wider_than_a_phone(visitor: Callable[..., Visitor]) -> None:
    office = visitor("zh-CN", 360)
    office.sign_in("office@demo.example", DEMO_PASSWORD)
    page, paths = office.page, []
    page.locator("form.language button[value=bo]").click()
    expect(page.locator("html")).to_have_attribute("lang", "bo")
    for room in ROOMS:
        page.goto(f"{office.address}{room}", wait_until="domcontentloaded")
        links = page.locator(".room-nav a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
        assert links, f"{room} leads nowhere"
        paths += links
    too_wide = {}
    for path in paths:
        answer = page.goto(f"{office.address}{path}", wait_until="domcontentloaded")
        assert answer is not None
        assert answer.status == 200, f"{path} answers {answer.status}"
        pixels = page.evaluate(TOO_WIDE)
        if pixels > 0:
            too_wide[path] = pixels
    assert not too_wide
