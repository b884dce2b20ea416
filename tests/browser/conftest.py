"""The whole shop as `make run` starts it, and a browser to walk through it: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from shop.sandbox.services import scratch_folder
from tests.sandbox.running import Run

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# Two busy cores must not fail a journey; nothing here waits longer than it takes.
PATIENCE_MS = 15_000


class Visitor:
    """A person with a browser of their own, who looks at every page they cross with axe's eyes."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.address = context, address
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the browser complains of (a refused script, a missing file)."""
        if message.type == "error":
            self.complaints.append(f"{message.text} at {self.page.url}")

    def open(self, path: str) -> None:
        """Go to a page and look at it."""
        answer = self.page.goto(f"{self.address}{path}")
        assert answer is not None
        assert answer.status == 200, f"{path} answers {answer.status}"
        self.look()

    def look(self) -> None:
        """The page must be usable by everybody, must not scroll sideways, and must have its parts."""
        violations = Axe().run(self.page).response["violations"]
        found = [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in violations]
        assert not found, f"{self.page.url}: {found}"
        size = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert size[0] <= size[1], f"{self.page.url} is {size[0]} px wide on a screen of {size[1]} px"
        assert not self.complaints, self.complaints

    def sign_in(self, email: str, password: str) -> None:
        """Through the shop's door."""
        self.open("/login")
        form = self.page.locator("main form").first
        form.locator("input[name=email]").fill(email)
        form.locator("input[name=password]").fill(password)
        form.locator("button, input[type=submit]").last.click()
        self.page.wait_for_url(lambda url: "/login" not in url)


@pytest.fixture(scope="session")
def shop() -> Iterator[Run]:
    """The shop with its seeds, workers and mail sink, in processes of its own."""
    with scratch_folder() as folder:
        run = Run(folder / "market")
        try:
            run.wait_until_ready()
            yield run
        finally:
            run.process.terminate()
            run.process.wait(60)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One chromium for all journeys; root may not use its sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE_MS)
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
    yield opened
    opened.close()


@pytest.fixture
def visitor(browser: Browser, shop: Run) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: each has cookies, a language and a screen of their own."""
    contexts: list[BrowserContext] = []

    def enter(language: str = "zh-CN", width: int = 1440, scripts: bool = True) -> Visitor:
        # axe itself is a script: a page without JavaScript is looked at by the assertions of its journey.
        context = browser.new_context(
            locale=language, viewport={"width": width, "height": 900}, java_script_enabled=scripts
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return Visitor(context, shop.address)

    yield enter
    for context in contexts:
        context.close()
