"""Cooperatives hear of their own goods only, in numbered changes; customers get their mails; links acknowledge."""

from __future__ import annotations

import itertools
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.fulfilment.assign import route_order
from orders.lifecycle import cancel_order
from orders.models import Order
from orders.notifications.compose import changes, notify_counter, notify_low_stock, notify_suppliers
from orders.notifications.digest import write_digests
from orders.notifications.inbox import acknowledge, find_notice, inbox, unseen
from orders.notifications.models import Notification
from orders.notifications.words import words_of
from shop.audit import Actor
from shop.clock import utcnow
from shop.errors import NotFound
from shop.outbox import Job
from shop.signing import sign
from tests.builders import Builder, order
from workers.mails.notice import compose_notice
from workers.mails.order import KINDS, compose_order_mail


@pytest.fixture
def sold(session: Session, build: Builder) -> tuple[Order, int, int]:
    """A routed order of two cooperatives' goods, and the cooperatives."""
    ours, theirs, counter = build.cooperative("OURS"), build.cooperative("THEIRS"), build.counter()
    eggs, oil = build.sku("EGGS", cooperative=ours), build.sku("OIL", cooperative=theirs)
    build.lot(eggs, at=counter, quantity=50, code="E-1")
    build.lot(oil, at=counter, quantity=50, code="O-1")
    build.commit()
    placed = order(session, {eggs: 3, oil: 1}, at=counter)
    route_order(session, placed.id, utcnow())
    session.commit()
    return placed, ours.id, theirs.id


def test_each_cooperative_hears_of_its_own_goods_and_of_nobody(session: Session, sold: tuple[Order, int, int]) -> None:
    placed, ours, theirs = sold
    notices = {notice.cooperative_id: notice for notice in notify_suppliers(session, placed.id)}
    assert [(line["lot"], line["now"]) for line in notices[ours].data["lines"]] == [("E-1", 3)]
    assert [(line["lot"], line["now"]) for line in notices[theirs].data["lines"]] == [("O-1", 1)]
    words = str([notice.data for notice in notices.values()])
    assert "顾客" not in words
    assert "13800001234" not in words


def test_a_later_change_says_what_changed_and_nothing_changed_says_nothing(
    app: Flask, session: Session, sold: tuple[Order, int, int]
) -> None:
    placed, ours, _ = sold
    notify_suppliers(session, placed.id)
    assert notify_suppliers(session, placed.id) == []
    cancel_order(session, placed.id, Actor("guest"), utcnow())
    second = next(one for one in notify_suppliers(session, placed.id) if one.cooperative_id == ours)
    assert second.data["version"] == 2
    assert [(line["change"], line["now"]) for line in second.data["lines"]] == [(-3, 0)]
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert "−3" in words_of(session, second).lines[0].figure


def test_changes_are_counted_by_goods_and_lot() -> None:
    before, after = {(1, "A"): 5, (1, "B"): 2}, {(1, "A"): 5, (1, "C"): 2}
    assert [(line["lot"], line["change"], line["now"]) for line in changes(before, after)] == [
        ("B", -2, 0),
        ("C", 2, 2),
    ]


def test_low_stock_is_told_once_a_day(session: Session, sold: tuple[Order, int, int]) -> None:
    placed, ours, _ = sold
    sku_id = placed.lines[0].sku_id
    assert notify_low_stock(session, sku_id, ours, 2, "2026-05-01") is not None
    assert notify_low_stock(session, sku_id, ours, 1, "2026-05-01") is None
    assert notify_low_stock(session, sku_id, ours, 1, "2026-05-02") is not None


def test_the_day_is_told_once(session: Session, sold: tuple[Order, int, int]) -> None:
    assert write_digests(session, utcnow()) == 2
    assert write_digests(session, utcnow()) == 0


def test_nobody_reads_anothers_notices(session: Session, sold: tuple[Order, int, int]) -> None:
    placed, ours, theirs = sold
    notify_suppliers(session, placed.id)
    mine, total = inbox(session, cooperative_ids={ours})
    assert (total, {notice.cooperative_id for notice in mine}) == (1, {ours})
    with pytest.raises(NotFound):
        find_notice(session, mine[0].id, cooperative_ids={theirs})
    assert inbox(session, cooperative_ids=None)[1] == 2
    assert inbox(session)[1] == 0


def test_the_first_to_acknowledge_stays_written_down(session: Session, sold: tuple[Order, int, int]) -> None:
    notice = notify_suppliers(session, sold[0].id)[0]
    assert unseen(session, cooperative_ids=None) == 2
    acknowledge(session, notice.id, Actor("Tashi"))
    acknowledge(session, notice.id, Actor("Pema"))
    assert notice.acknowledged_by == "Tashi"
    assert unseen(session, cooperative_ids=None) == 1


def test_opening_the_signed_link_changes_nothing_and_its_button_acknowledges(
    app: Flask, client: FlaskClient, session: Session, sold: tuple[Order, int, int]
) -> None:
    notice = notify_suppliers(session, sold[0].id)[0]
    session.commit()
    with app.app_context():
        link, other = "/n/" + sign("notice", str(notice.id)), "/n/" + sign("something else", str(notice.id))
    page = client.get(link)
    session.refresh(notice)
    assert page.status_code == 200
    assert sold[0].number in page.text
    assert notice.acknowledged_at is None
    assert client.post(link).status_code == 400
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    assert client.post(link, data={"csrf_token": token[1]}).status_code == 303
    session.commit()
    session.refresh(notice)
    assert notice.acknowledged_at is not None
    assert client.get(other).status_code == 404


def test_every_notice_has_a_mail_with_its_link(app: Flask, session: Session, sold: tuple[Order, int, int]) -> None:
    placed, ours, _ = sold
    part = session.execute(select(Job.payload).where(Job.topic == "counter.notice")).scalars().first()
    assert part is not None
    notify_suppliers(session, placed.id)
    notify_counter(session, part["fulfilment_id"], "assigned")
    notify_counter(session, part["fulfilment_id"], "cancelled")
    notify_low_stock(session, placed.lines[0].sku_id, ours, 2, "2026-05-01")
    write_digests(session, utcnow())
    session.commit()
    with app.app_context():
        for notice in session.execute(select(Notification)).scalars():
            mail = compose_notice(session, notice)
            assert mail is not None
            assert "/n/" in mail.text
            assert "/n/" in mail.html
    jobs = session.execute(select(Job.payload).where(Job.topic == "notification.mail")).scalars().all()
    assert len(jobs) == len(session.execute(select(Notification)).scalars().all()) == 7


def test_customers_read_of_their_order_in_their_language(
    app: Flask, session: Session, sold: tuple[Order, int, int]
) -> None:
    placed = sold[0]
    for locale, kind in itertools.product(["zh", "en", "bo"], KINDS):
        placed.locale = locale
        session.commit()
        with app.app_context():
            mail, pictures = compose_order_mail(session, placed.id, kind)
        assert mail is not None
        assert mail.to == "customer@mail.example"
        assert placed.number in mail.subject
        assert f"/orders/{placed.number}?key=" in mail.html
        assert ("cid:pickup-code" in mail.html) == bool(pictures) == KINDS[kind].shows_code
        assert str(placed.pickup_code) in mail.text or not KINDS[kind].shows_code


def test_the_signed_link_is_not_in_the_log(
    app: Flask, client: FlaskClient, session: Session, sold: tuple[Order, int, int], caplog: pytest.LogCaptureFixture
) -> None:
    notice = notify_suppliers(session, sold[0].id)[0]
    session.commit()
    with app.app_context():
        token = sign("notice", str(notice.id))
    with caplog.at_level("INFO", logger="shop.access"):
        client.get(f"/n/{token}")
    lines = [str(vars(record)) for record in caplog.records if record.name == "shop.access"]
    assert len(lines) == 1
    assert "/n/<token>" in lines[0]
    assert token not in lines[0]
