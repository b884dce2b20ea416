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


def speak(visitor: Visitor, language: str) -> None:
    """Choose a language by its button."""
    visitor.page.locator(f"form.language button[value={language}]").click()
    expect(visitor.page.locator(f"form.language button[value={language}]")).to_have_attribute("aria-current", "true")


def test_no_page_of_the_offices_rooms_is_wider_than_a_phone(visitor: Callable[..., Visitor]) -> None:
    office = visitor("zh-CN", 360)
    office.sign_in("office@demo.example", DEMO_PASSWORD)
    page, paths = office.page, []
    speak(office, "bo")
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
    speak(office, "zh")  # the account remembers its language, and other journeys meet it
    assert not too_wide
