"""What a notice says, in its reader's language: the same words in the inbox, in the mail and on the signed page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Product, Sku
from orders.notifications.compose import ARRIVED, ASKED, ASSIGNED, CANCELLED, COMING, DIGEST, LOW, SOLD
from orders.notifications.models import Notification
from orders.states import FulfilmentRole
from shop.clock import shanghai
from shop.i18n import localised
from shop.money import yuan


@dataclass(frozen=True)
class NoticeLine:
    """One row of a notice: the goods, what is said of them, and an aside."""

    goods: str
    figure: str
    aside: str = ""


@dataclass(frozen=True)
class NoticeText:
    """A notice in words: headline, a sentence, and its rows."""

    title: str
    lead: str
    lines: tuple[NoticeLine, ...] = ()


def words_of(session: Session, notice: Notification) -> NoticeText:
    """The notice in the current language."""
    return SPEAKERS[notice.kind](session, notice)


def goods_names(session: Session, sku_ids: set[int]) -> dict[int, str]:
    """'Red potatoes · 5 kg' by SKU."""
    statement = select(Sku.id, Product.names, Sku.pack_names).join(Product, Product.id == Sku.product_id)
    rows = session.execute(statement.where(Sku.id.in_(sku_ids)))
    return {sku_id: f"{localised(names)} · {localised(pack)}" for sku_id, names, pack in rows}


def say_sold(session: Session, notice: Notification) -> NoticeText:
    """What of the cooperative's goods an order took, or gave back."""
    data = notice.data
    names = goods_names(session, {line["sku_id"] for line in data["lines"]})
    first = data["version"] == 1
    lines = tuple(
        NoticeLine(
            goods=names.get(line["sku_id"], ""),
            figure=_("%(n)s packs", n=line["now"])
            if first
            else _("%(change)s, now %(n)s packs", change=signed(line["change"]), n=line["now"]),
            aside=_("lot %(lot)s", lot=line["lot"]),
        )
        for line in data["lines"]
    )
    if first:
        title = _("Your goods were sold in Wuhan: order %(number)s", number=data["number"])
        return NoticeText(title, _("These goods of yours are set aside for a customer:"), lines)
    title = _("Change %(version)s to order %(number)s", version=data["version"], number=data["number"])
    return NoticeText(title, _("The order has changed. What now holds:"), lines)


def signed(change: int) -> str:
    """'+3' or '−2'."""
    return f"+{change}" if change > 0 else f"−{-change}"


def say_assigned(session: Session, notice: Notification) -> NoticeText:
    """A part of an order is this counter's to do."""
    data = notice.data
    due = f"{shanghai(datetime.fromisoformat(data['due_at'])):%m-%d %H:%M}"
    tasks = {
        FulfilmentRole.HAND_OVER: _("Prepare for collection"),
        FulfilmentRole.DELIVER: _("Prepare and deliver"),
        FulfilmentRole.TRANSFER: _("Prepare and send to the pickup counter"),
    }
    task = tasks[FulfilmentRole(data["role"])]
    line = NoticeLine(task, _("%(n)s packs", n=data["packs"]), _("by %(time)s", time=due))
    title = _("New order for your counter: %(number)s", number=data["number"])
    return NoticeText(title, _("Please accept it in your queue."), (line,))


def say_cancelled(session: Session, notice: Notification) -> NoticeText:
    """A part of an order is no longer to be done."""
    title = _("Order %(number)s was cancelled", number=notice.data["number"])
    return NoticeText(title, _("Please put what was prepared back on the shelf."))


def say_low(session: Session, notice: Notification) -> NoticeText:
    """Goods run low in Wuhan."""
    name = goods_names(session, {notice.data["sku_id"]}).get(notice.data["sku_id"], "")
    line = NoticeLine(name, _("%(n)s packs left", n=notice.data["left"]))
    title = _("Running low in Wuhan: %(goods)s", goods=name)
    return NoticeText(title, _("Please think of sending more through the green channel."), (line,))


def say_digest(session: Session, notice: Notification) -> NoticeText:
    """The cooperative's day."""
    data = notice.data
    names = goods_names(session, {line["sku_id"] for line in data["lines"]})
    lines = tuple(
        NoticeLine(names.get(line["sku_id"], ""), _("%(n)s packs", n=line["packs"]), yuan(line["value_fen"]))
        for line in data["lines"]
    )
    title = _("Your day in Wuhan, %(day)s", day=data["day"])
    return NoticeText(title, _("Sold today, worth %(total)s in all:", total=yuan(data["value_fen"])), lines)


def day_text(iso: str) -> str:
    """A calendar day in the reader's way of writing it."""
    return str(format_date(date.fromisoformat(iso), "medium", rebase=False))


def say_asked(session: Session, notice: Notification) -> NoticeText:
    """What a counter asks the cooperative for."""
    data = notice.data
    names = goods_names(session, {line["sku_id"] for line in data["lines"]})
    lines = tuple(
        NoticeLine(names.get(line["sku_id"], ""), _("%(n)s packs", n=line["proposed"])) for line in data["lines"]
    )
    title = _("Wuhan asks for your goods: consignment %(number)s", number=data["number"])
    lead = _("To be there by %(day)s. Please say how many you can send.", day=day_text(data["arrives_on"]))
    return NoticeText(title, lead, lines)


def say_coming(session: Session, notice: Notification) -> NoticeText:
    """Goods are on the road to the counter."""
    data = notice.data
    names = goods_names(session, {line["sku_id"] for line in data["lines"]})
    lines = tuple(
        NoticeLine(names.get(line["sku_id"], ""), _("%(n)s packs", n=line["sent"]))
        for line in data["lines"]
        if line["sent"]
    )
    title = _("On the road to you: consignment %(number)s", number=data["number"])
    return NoticeText(
        title, _("Expected on %(day)s. Please receive it when it is there.", day=day_text(data["arrives_on"])), lines
    )


def say_arrived(session: Session, notice: Notification) -> NoticeText:
    """What of a consignment reached the counter in good order, and what did not."""
    data = notice.data
    names = goods_names(session, {line["sku_id"] for line in data["lines"]})
    lines = tuple(
        NoticeLine(names.get(line["sku_id"], ""), _("%(n)s packs", n=line["received"]), losses(line))
        for line in data["lines"]
        if line["sent"]
    )
    title = _("Your consignment %(number)s has arrived", number=data["number"])
    return NoticeText(title, _("On the shelf in Wuhan now:"), lines)


def losses(line: dict[str, Any]) -> str:
    """'2 damaged, 1 missing', or nothing."""
    told = (
        (line["damaged"], _("%(n)s damaged", n=line["damaged"])),
        (line["missing"], _("%(n)s missing", n=line["missing"])),
        (line["too_warm"], _("%(n)s too warm", n=line["too_warm"])),
    )
    return str(_(", ")).join(words for packs, words in told if packs)


SPEAKERS = {
    ASKED: say_asked,
    COMING: say_coming,
    ARRIVED: say_arrived,
    SOLD: say_sold,
    ASSIGNED: say_assigned,
    CANCELLED: say_cancelled,
    LOW: say_low,
    DIGEST: say_digest,
}
