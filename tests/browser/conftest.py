"""The whole shop in processes of its own, and a browser to walk through it: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from catalogue.seed.demo import seed_shop
from shop.app import create_app
from shop.db import db
from shop.sandbox.folder import PROJECT
from shop.sandbox.mail import MailSink
from shop.sandbox.processes import free_port, wait_until
from shop.sandbox.services import scratch_folder, start_mail_sink
from shop.sandbox.stripe.part import StripeStandIn
from tests.conftest import Servers, settings_for
from tests.faults.harness import processes

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# Two busy cores must not fail a journey; nothing here waits longer than it takes.
PATIENCE_MS = 60_000
SECONDS_TO_START = 120


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


@dataclass(frozen=True)
class Market:
    """The running shop: its address, and what its clerks can ask of it."""

    address: str
    environment: dict[str, str]

    def get(self, path: str) -> str:
        """The text of a page."""
        with urllib.request.urlopen(f"{self.address}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def is_ready(self) -> bool:
        """Whether /readyz says that database, migrations and workers are there."""
        try:
            return bool(self.get("/readyz"))
        except OSError:
            return False

    def check(self) -> None:
        """`shop check` proves every invariant on the shop's database."""
        result = subprocess.run(
            [str(Path(sys.executable).parent / "shop"), "check"],
            env={**os.environ, **self.environment}, cwd=PROJECT, capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr


@contextlib.contextmanager
def ended(mail: MailSink) -> Iterator[MailSink]:
    """The running mail sink, stopped afterwards."""
    try:
        yield mail
    finally:
        mail.stop()


@pytest.fixture(scope="session")
def shop(servers: Servers, template_database: str) -> Iterator[Market]:
    """The seeded shop in processes of its own: web server, worker, relay and mail sink, without limits on how often."""
    name, port = f"{template_database}_browser", free_port()
    servers.run(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    database_url = servers.url_of(name)
    app = create_app(settings_for(database_url, servers.redis_url))
    with app.app_context():
        seed_shop(db.session(), with_accounts=True)
        db.session.remove()
        db.engine.dispose()
    with contextlib.ExitStack() as stack, scratch_folder() as folder, ended(start_mail_sink(folder)) as mail:
        stripe = StripeStandIn(folder / "stripe", to=f"http://127.0.0.1:{port}/webhooks/stripe").start()
        stack.callback(stripe.stop)
        extra = {"PORT": str(port), "MAIL_SINK_FOLDER": str(mail.mails), "FAIL_POINTS": "false", **stripe.environment}
        with processes(database_url, servers.redis_url, smtp_url=mail.url, extra=extra) as children:
            children.worker(processes=1)
            children.relay()
            _web, address = children.web(port)
            environment = {"APP_ENV": "test", "DATABASE_URL": database_url, "REDIS_URL": servers.redis_url,
                           "SMTP_URL": mail.url}  # fmt: skip
            market = Market(address, environment)
            assert wait_until(market.is_ready, SECONDS_TO_START, every=0.2), children.words()
            yield market
    servers.drop(name)


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
def visitor(browser: Browser, shop: Market) -> Iterator[Callable[..., Visitor]]:
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
