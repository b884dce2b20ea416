"""A supermarket orders by the case on account, up to the fen; the office finds the order, and steers without SQL."""

from __future__ import annotations

import re
from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import expect
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from catalogue.seed.demo import DEMO_PASSWORD
from orders.bulk.credit import used_fen
from shop.accounts.models import Organisation
from shop.sandbox.processes import wait_until
from tests.browser.conftest import Market, Visitor

pytestmark = pytest.mark.browser

Enter = Callable[..., Visitor]
ROWS = "ZE-30 12"


def look_up(buyer: Visitor) -> int:
    """Paste the rows, let the prices be shown; what they come to in fen."""
    page = buyer.page
    page.goto(f"{buyer.address}/buyer/")
    page.locator("summary").first.click()
    page.locator("#pasted").fill(ROWS)
    page.locator("section.card button[name=do]").click()
    expect(page.locator("#place")).to_be_visible()
    return fen_in(page.locator("#order-total").inner_text())


def fen_in(text: str) -> int:
    """'¥6,700.80' in fen."""
    return int(re.sub(r"[^0-9]", "", text))


def fill_in(buyer: Visitor, po_number: str) -> None:
    """The rest of the order, and the press on its button."""
    buyer.page.locator("#counter").select_option("WH-JH-01")
    buyer.page.locator("#po_number").fill(po_number)
    buyer.page.locator("#place").click()


def credit_used(shop: Market) -> int:
    """What the demonstration's supermarket owes for all it ordered so far, in fen."""
    engine = create_engine(shop.environment["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as session:
        owed = used_fen(
            session, session.execute(select(Organisation.id).where(Organisation.code == "DEMO")).scalar_one()
        )
    engine.dispose()
    return owed


def set_limit(office: Visitor, yuan: str) -> None:
    """The office changes the credit limit of the demonstration's supermarket."""
    page = office.page
    office.open("/office/organisations")
    page.locator("tbody th a", has_text="DEMO").click()
    page.locator("#credit_limit_fen").fill(yuan)
    office.look()
    page.locator("main form.card button").first.click()
    expect(page.locator(".alert.good")).to_be_visible()


LISTS = ("orders", "products", "skus", "stock", "cooperatives", "counters", "users", "organisations", "notices",
         "audit", "jobs", "invoices", "bank", "search?q=z")  # fmt: skip
PAGES = ("products/new", "products/5/skus/new", "skus/3", "products/5", "counters/2", "cooperatives/1", "users/1")


@pytest.mark.parametrize(("width", "paths"), [(360, ("", *LISTS, *PAGES)), (1440, ("", "orders", "counters/2"))])
def test_every_page_of_the_office_and_the_buyer_is_for_everybody(visitor: Enter, width: int, paths: tuple[str, ...]):
    office = visitor("zh-CN", width)
    office.sign_in("office@demo.example", DEMO_PASSWORD)
    for path in paths:
        office.open(f"/office/{path}")
    buyer = visitor("zh-CN", width)
    buyer.sign_in("buyer@demo.example", DEMO_PASSWORD)
    look_up(buyer)
    buyer.look()
    for path in ("/buyer/orders", "/buyer/invoices", "/buyer/statement", "/account/data", "/account/settings"):
        buyer.open(path)


def test_a_buyer_orders_twelve_cases_and_is_refused_one_fen_over_the_limit(visitor: Enter, shop: Market):
    buyer, office = visitor(), visitor()
    buyer.sign_in("buyer@demo.example", DEMO_PASSWORD)
    office.sign_in("office@demo.example", DEMO_PASSWORD)
    total = look_up(buyer)
    fill_in(buyer, "PO-2026-12")
    buyer.page.wait_for_url("**/buyer/orders/YL-*")
    number = buyer.page.url.rsplit("/", 1)[1]
    buyer.look()

    # The office finds it by its number and reads that the cooperative was told.
    page = office.page
    told = page.locator("#timeline tr", has_text="已通知合作社")

    def is_told() -> bool:
        page.goto(f"{office.address}/office/search?q={number}")
        return told.count() > 0

    assert wait_until(is_told, 20, every=0.3), "the timeline does not say that the cooperative was told"
    expect(page.locator("h1")).to_contain_text(number)
    office.look()

    # A limit that the same order again would pass by one fen.
    used = credit_used(shop)
    set_limit(office, f"{(used + total - 1) / 100:.2f}")
    assert look_up(buyer) == total
    fill_in(buyer, "PO-2026-13")
    problem = buyer.page.locator("#problem")
    expect(problem).to_contain_text("超出 ¥0.01")
    expect(buyer.page.locator("#po_number")).to_have_value("PO-2026-13")
    expect(buyer.page.locator("#cases-1")).to_have_value("12")
    buyer.complaints.clear()  # the browser logs the 409 of the page just looked at; it is the answer we want
    buyer.look()

    # One fen more, and the same press is taken.
    set_limit(office, f"{(used + total) / 100:.2f}")
    buyer.page.locator("#place").click()
    buyer.page.wait_for_url("**/buyer/orders/YL-*")
    shop.check()


def test_the_office_retries_a_parked_job(visitor: Enter, shop: Market):
    with psycopg.connect(shop.environment["DATABASE_URL"], autocommit=True) as database:
        parked = database.execute(
            "INSERT INTO job (topic, dedupe_key, payload, attempts, dead_at, last_error) VALUES"
            " ('stock.low', 'parked', jsonb_build_object('sku_id', (SELECT min(id) FROM sku), 'cooperative_id',"
            " (SELECT min(id) FROM cooperative), 'left', 3), 8, now(), 'TimeoutError: the mail server was away')"
            " RETURNING id"
        ).fetchone()
        assert parked is not None
        office = visitor("zh-CN", 360)
        office.sign_in("office@demo.example", DEMO_PASSWORD)
        office.open("/office/jobs")
        office.page.locator(f'form[action="/office/jobs/{parked[0]}/retry"] button').click()
        expect(office.page.locator(".alert.good").first).to_be_visible()

        def is_done() -> bool:
            row = database.execute("SELECT done_at IS NOT NULL FROM job WHERE id = %s", parked).fetchone()
            return row is not None and bool(row[0])

        assert wait_until(is_done, 20, every=0.2), "the job was not done after the retry"
    office.open("/office/audit?what=job.retried")
    expect(office.page.locator("tbody tr").first).to_contain_text("office@demo.example")


def test_a_price_the_office_changes_is_on_the_storefront_at_once(visitor: Enter):
    guest, office = visitor("zh-CN", 360), visitor()
    guest.open("/p/zang-apron")
    office.sign_in("office@demo.example", DEMO_PASSWORD)
    office.open("/office/skus?q=BD-ONE")
    page = office.page
    page.locator("tbody th a").click()
    page.locator("#price_fen").fill("271.30")
    page.locator("main form.card button").first.click()
    expect(page.locator(".alert.good")).to_be_visible()
    expect(page.locator("table", has_text="¥268.00")).to_have_count(1)
    office.look()
    guest.page.reload()
    expect(guest.page.locator("main")).to_contain_text("¥271.30")
