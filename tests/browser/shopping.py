"""What a customer does in the shop, step by step, for the journeys to tell in few words."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visitor


def put_in_cart(visitor: Visitor, product: str, packs: int) -> None:
    """Take the first pack size of a product's page."""
    visitor.page.goto(f"{visitor.address}/p/{product}")
    form = visitor.page.locator('form[action="/cart/lines"]').first
    form.locator("input[name=quantity]").fill(str(packs))
    form.locator("button:not([type=button])").click()
    visitor.page.wait_for_url("**/cart")


def counter_with_everything(visitor: Visitor) -> str:
    """The nearest counter of 江汉区 that needs nothing from another one."""
    page = visitor.page
    page.goto(f"{visitor.address}/checkout")
    page.locator("#district").select_option("江汉区")
    page.locator("button[name=nearby]").click()
    complete = page.locator(".choice:has(.badge:not(.warn)) input[name=counter]").first
    return str(complete.get_attribute("value"))


def check_out(visitor: Visitor, counter: str, payment: str = "at_counter") -> str:
    """From the cart to the order's page, or to where it is paid; the order's number."""
    page = visitor.page
    page.goto(f"{visitor.address}/checkout")
    page.locator("#district").select_option("江汉区")
    page.locator("button[name=nearby]").click()
    page.locator(f"#counter-{counter}").check()
    page.locator("#name").fill("王芳")
    page.locator("#phone").fill("138 0000 1234")
    page.locator("#email").fill("wangfang@mail.example")
    page.locator(f"input[name=payment][value={payment}]").check()
    page.locator("aside button").click()
    page.wait_for_url("**/orders/YL-**")
    return page.url.split("/orders/")[1].split("/")[0]


def pickup_code(visitor: Visitor) -> str:
    """The code on the order's page."""
    shown = visitor.page.locator("#pickup-code")
    expect(shown).to_be_visible()
    return str(shown.get_attribute("data-code"))
