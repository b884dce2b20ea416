"""The pages of the rooms where nobody's journey leads fit a phone, in the language that runs widest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from catalogue.seed.demo import DEMO_PASSWORD
from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser

ROOMS = ("/office/", "/coop/", "/account")
# Each page is laid out in place of the one before, which is much cheaper than going there.
TOO_WIDE = """async (paths) => {
  const found = {};
  for (const path of paths) {
    const answer = await fetch(path);
    const text = await answer.text();
    document.body.replaceWith(new DOMParser().parseFromString(text, "text/html").body);
    const pixels = document.documentElement.scrollWidth - window.innerWidth;
    if (answer.status !== 200 || pixels > 0) found[path] = [answer.status, pixels];
  }
  return found;
}"""


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
    too_wide = page.evaluate(TOO_WIDE, paths)
    speak(office, "zh")  # the account remembers its language, and other journeys meet it
    assert not too_wide
