"""H8: a page of somebody else's, open in the browser of a person signed in here, changes nothing in the shop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest
from playwright.sync_api import Page, Response

from catalogue.seed.demo import DEMO_PASSWORD
from shop.app import create_app
from tests.browser.conftest import Market, Visitor
from tests.conftest import settings_for
from tests.figures import Figures
from tests.security.rules import path_of, rules

pytestmark = pytest.mark.browser

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# What such a page would love to change. Workers of the same shop write elsewhere meanwhile.
TABLES = ("cart_line", "login_session", "address", '"user"', "membership", "api_token", "user_role")
SEND_ALL = """async (targets) => {
  for (const [url, type, body] of targets) {
    try { await fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', body,
                            headers: {'Content-Type': type}}); } catch (e) { /* refused by the browser */ }
  }
}"""
SUBMIT = """(url) => {
  const form = document.createElement('form');
  form.method = 'post'; form.action = url;
  for (const [name, value] of [['csrf_token', 'forged'], ['sku', 'POTATO-R-2500'], ['quantity', '3'], ['name', 'x']]) {
    const field = document.createElement('input');
    field.name = name; field.value = value; form.append(field);
  }
  document.body.append(form); form.submit();
}"""


class Lure(BaseHTTPRequestHandler):
    """An empty page under another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Free yaks</title><body>")

    def log_message(self, *_: object) -> None:
        """Nothing to tell."""


@pytest.fixture
def lure() -> Iterator[int]:
    """The port of the other origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lure)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def unsafe_paths(shop: Market) -> list[str]:
    """Every address that changes something when it is sent a form."""
    app = create_app(settings_for(shop.environment["DATABASE_URL"], shop.environment["REDIS_URL"]))
    return sorted({path_of(rule) for rule in rules(app) if UNSAFE & set(rule.methods or ())})


def counted(shop: Market) -> dict[str, int]:
    """How many rows each of those tables has."""
    with psycopg.connect(shop.environment["DATABASE_URL"]) as connection:
        rows = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in TABLES}
    return {table: int(row[0]) for table, row in rows.items() if row}


def listen(page: Page) -> list[Response]:
    """What the shop answers to that page."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if answer.request.method == "POST" else None)
    return answers


def refused(status: int, url: str) -> bool:
    """The form's token was missed; machines' doors take no cookie for a name, so any refusal of a nobody will do."""
    return status >= 400 if "/api/" in url else status in {400, 403}


# Under the other name even the cookies stay away (SameSite); under the same name with another port they come along,
# and the token must hold.
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_h8_a_page_of_another_origin_changes_nothing(
    visitor: Callable[..., Visitor], shop: Market, lure: int, host: str, figures: Callable[[str], Figures]
) -> None:
    office = visitor()
    office.sign_in("office@demo.example", DEMO_PASSWORD)
    paths = unsafe_paths(shop)
    before = counted(shop)
    page = office.context.new_page()
    answers = listen(page)
    page.goto(f"http://{host}:{lure}/")
    forms = [
        (shop.address + path, "application/x-www-form-urlencoded", "csrf_token=forged&quantity=3") for path in paths
    ]
    texts = [(shop.address + path, "text/plain", '{"quantity": 3}') for path in paths]
    page.evaluate(SEND_ALL, forms + texts)
    for path in ("/cart/lines", "/logout", "/account/settings"):
        page.goto(f"http://{host}:{lure}/")
        with page.expect_navigation():
            page.evaluate(SUBMIT, shop.address + path)
    statuses = [(answer.status, answer.url) for answer in answers]
    h8 = figures("H8")
    h8.at_least(f"forged requests from {host}", len(statuses), 2 * len(paths) + 3)
    h8.exactly("of them not refused", len([one for one in statuses if not refused(*one)]), 0)
    assert counted(shop) == before
    office.open("/account")
