"""A supermarket is billed for what it received, pays by transfer in part and over, and sees where it stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from catalogue.models import Counter, Sku
from catalogue.seed.demo import DEMO_PASSWORD
from orders.invoices.models import Invoice
from shop.accounts.models import Organisation, User
from shop.sandbox.processes import wait_until
from tests.browser.conftest import Market, Visitor
from tests.builders import today
from tests.orders.billing import Mart

pytestmark = pytest.mark.browser


def demo_mart(session: Session) -> Mart:
    """The demonstration's supermarket and its buyer."""
    one = lambda model, where: session.execute(sa.select(model).where(where)).scalar_one()  # noqa: E731
    return Mart(
        session, one(Organisation, Organisation.code == "DEMO"), one(User, User.email == "buyer@demo.example"),
        one(Sku, Sku.code == "ZE-30"), one(Counter, Counter.code == "WH-JH-01"),
    )  # fmt: skip


def test_a_supermarket_is_billed_pays_by_transfer_and_is_stopped_when_it_is_late(
    visitor: Callable[..., Visitor], shop: Market
) -> None:
    engine = sa.create_engine(shop.environment["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine, expire_on_commit=False) as session:
        mart = demo_mart(session)
        mart.received(1), mart.received(2)
        office, buyer = visitor(), visitor("zh-CN", 360)
        office.sign_in("office@demo.example", DEMO_PASSWORD)
        buyer.sign_in("buyer@demo.example", DEMO_PASSWORD)
        office.open("/office/invoices")
        office.page.get_by_role("button", name="立即为Demo supermarket开账单").click()
        expect(office.page.locator(".alert.good")).to_be_visible()

        # A worker has the provider agree with the total; then it is an invoice.
        issued = sa.select(Invoice).where(Invoice.state == "open")
        assert wait_until(lambda: session.scalar(issued) is not None or bool(session.rollback()), 30, every=0.3)
        invoice = session.scalars(issued).one()
        buyer.open("/buyer/invoices")
        buyer.page.get_by_role("link", name=invoice.number).click()
        expect(buyer.page.locator("#invoice-state")).to_contain_text("待付")
        buyer.look()

        office.open("/office/bank")
        for name, text in (("bank_ref", "T-2026-1"), ("payer", "Demo supermarket"), ("amount", "100")):
            office.page.locator(f"[name={name}]").fill(text)
        office.page.get_by_role("button", name="录入").click()
        office.look()
        office.page.get_by_role("button", name="核销", exact=True).click()
        expect(office.page.locator("#left")).to_contain_text("¥0.00")
        office.open(f"/office/invoices/{invoice.number}")

        session.refresh(invoice)
        assert invoice.settled_fen == 10_000
        invoice.due_on = today() - timedelta(days=1)
        session.commit()
        for path in ("/buyer/", "/buyer/statement", f"/buyer/invoices/{invoice.number}"):
            buyer.open(path)
        expect(buyer.page.locator("#invoice-state")).to_contain_text("已逾期")
        office.open(f"/office/invoices/organisations/{mart.organisation.id}")
        expect(office.page.locator("#stopped")).to_be_visible()
        # The next journey's supermarket may order again.
        office.page.locator("#until").fill(str(today()))
        office.page.locator("#reason").fill("已汇出")
        office.page.get_by_role("button", name="解除停单").click()
        expect(office.page.locator("#stopped")).to_have_count(0)
        office.look()
    engine.dispose()
    shop.check()
