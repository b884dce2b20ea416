"""The mails a customer gets about an order: confirmed, ready, reminded, changed, cancelled, expired."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import segno
from flask import current_app, render_template
from flask_babel import force_locale, format_date, format_time
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from catalogue.models import Counter, CounterHours, Product, Sku
from orders.access import access_key
from orders.history import awaited_of
from orders.models import Order, OrderLine
from orders.payments.standing import payment_standing
from orders.story import weight_text
from shop.clock import shanghai_day, utcnow
from shop.config import Settings
from shop.i18n import localised
from shop.mail import OutgoingMail
from workers.channels.mail import Picture
from workers.topics import GiveUp

CODE = "pickup-code"


@dataclass(frozen=True)
class OrderWords:
    """Subject, first sentence, and what the mail shows besides the lines."""

    subject: Any
    lead: Any
    shows_code: bool = False


KINDS: dict[str, OrderWords] = {
    "confirmed": OrderWords(
        _l("Your order %(number)s is confirmed"),
        _l("Thank you! Your goods from Nedong are set aside for you. We write again when they are ready."),
        shows_code=True,
    ),
    "ready": OrderWords(_l("Your order %(number)s is ready"), _l("Everything is ready for you."), shows_code=True),
    "substitute": OrderWords(
        _l("Please answer: something else for order %(number)s?"),
        _l(
            "The counter is missing some of your goods and offers something else, for no more money. Please follow the"
            " link within an hour and say yes or no; without an answer we look for your first choice elsewhere."
        ),
    ),
    "collect": OrderWords(
        _l("Order %(number)s is waiting for you"),
        _l(
            "Your goods are packed and nobody has collected them yet. After the time below they go back on sale,"
            " and what was paid goes back to you."
        ),
        shows_code=True,
    ),
    "changed": OrderWords(
        _l("Your order %(number)s has changed"),
        _l("We are sorry: not everything could be given. What is missing is not charged."),
        shows_code=True,
    ),
    "awaited": OrderWords(
        _l("Some goods of order %(number)s come with the next delivery"),
        _l(
            "Our counters have not enough left of some of your goods, but more is on the road from Nedong and promised"
            " to you: the list says what, and when it is expected. There is nothing for you to do. If you would rather"
            " not wait, do without it on the order's page, and it is not charged."
        ),
        shows_code=True,
    ),
    "rest": OrderWords(
        _l("The rest of your order %(number)s went back on sale"),
        _l(
            "You collected a part of it, and nobody collected the rest in time. You pay for what you took only;"
            " what was paid for the rest goes back the way it came."
        ),
    ),
    "later": OrderWords(
        _l("Your order %(number)s will be ready on a later day"),
        _l("We are sorry: a counter could not keep to its day. The order's page shows the new one; nothing is lost."),
        shows_code=True,
    ),
    "cancelled": OrderWords(
        _l("Your order %(number)s was cancelled"),
        _l("The order is cancelled. There is nothing to pay; what was paid goes back the way it came."),
    ),
    "refund_started": OrderWords(
        _l("Money for order %(number)s is on its way back"),
        _l(
            "We are giving money back to you, the way you paid. Your bank or wallet may need a few days;"
            " we write again when it is there."
        ),
    ),
    "refunded": OrderWords(
        _l("Money for order %(number)s was given back"),
        _l("Your bank or wallet has it now. You see it in its list of movements."),
    ),
    "refund_failed": OrderWords(
        _l("Money for order %(number)s could not be given back"),
        _l("Your bank or wallet refused it. Nothing is lost: we are looking for another way and will write to you."),
    ),
    "expired": OrderWords(
        _l("Your order %(number)s has ended"),
        _l("It was not paid or collected in time, so its goods went back on sale. You are welcome to order again."),
    ),
}


@dataclass(frozen=True)
class MailLine:
    """One line of the order as the mail shows it."""

    goods: str
    quantity: int
    cancelled: int
    price_fen: int
    total_fen: int
    weight: str
    awaited: tuple[str, ...]


def compose_order_mail(session: Session, order_id: int, kind: str) -> tuple[OutgoingMail | None, tuple[Picture, ...]]:
    """The mail and its pictures, in the order's language; no mail without an address."""
    words = KINDS.get(kind)
    if words is None:
        raise GiveUp(f"no order mail is called {kind!r}")
    order = load_order(session, order_id)
    if order.contact is None or not order.contact.email or is_unwanted(order, kind):
        return None, ()
    settings: Settings = current_app.extensions["settings"]
    with force_locale(order.locale):
        awaited = on_the_road(session, order)
        subject = str(words.subject) % {"number": order.number}
        code = order.pickup_code if words.shows_code and order.method == "pickup" else None
        page = {
            "subject": subject,
            "lead": str(words.lead),
            "order": order,
            "lines": [mail_line(line, awaited) for line in order.lines],
            "waits_for_scale": any(
                line.by_weight and line.weighed_packs < line.quantity - line.cancelled for line in order.lines
            ),
            "money": payment_standing(session, order),
            "code": code,
            "code_picture": f"cid:{CODE}",
            "counter": order.pickup_counter,
            "hours": hours_today(order.pickup_counter) if order.pickup_counter else "",
            "name": order.contact.name,
            "link": f"{settings.base_url}/orders/{order.number}?key={access_key(order.number)}",
            "locale": order.locale,
            "base_url": settings.base_url,
        }
        mail = OutgoingMail(
            to=order.contact.email,
            subject=subject,
            text=render_template("mail/order.txt", **page),
            html=render_template("mail/order.html", **page),
        )
    return mail, ((CODE, qr_png(code)),) if code else ()


def is_unwanted(order: Order, kind: str) -> bool:
    """Whether the person who ordered asked to hear only what they must act on or are worse off by."""
    return kind == "confirmed" and order.user is not None and order.user.order_mails == "needed"


def load_order(session: Session, order_id: int) -> Order:
    """The order with everything its mail shows."""
    statement = (
        select(Order)
        .where(Order.id == order_id)
        .options(
            joinedload(Order.contact),
            joinedload(Order.user),
            joinedload(Order.pickup_counter),
            joinedload(Order.lines).joinedload(OrderLine.sku).joinedload(Sku.product).load_only(Product.names),
        )
    )
    order = session.execute(statement).unique().scalar_one_or_none()
    if order is None:
        raise GiveUp(f"there is no order {order_id}")
    return order


def on_the_road(session: Session, order: Order) -> dict[int, list[str]]:
    """What the order waits for, in words, by the position of its line."""
    words: dict[int, list[str]] = defaultdict(list)
    for one in awaited_of(session, order):
        if one.day is not None:
            words[one.position].append(
                _("%(n)s of them come with the next delivery from %(cooperative)s, expected on %(day)s",
                  n=one.packs, cooperative=one.cooperative, day=format_date(one.day, "medium", rebase=False))
            )  # fmt: skip
    return words


def mail_line(line: OrderLine, awaited: dict[int, list[str]]) -> MailLine:
    """A line with the name of its goods in the current language."""
    goods = f"{localised(line.sku.product.names)} · {localised(line.sku.pack_names)}"
    return MailLine(goods, line.quantity - line.cancelled, line.cancelled, line.price_fen, line.total_fen,
                    weight_text(line), tuple(awaited.get(line.position, ())))  # fmt: skip


def hours_today(counter: Counter) -> str:
    """When the counter is open today."""
    weekday = shanghai_day(utcnow()).weekday()
    today: CounterHours | None = next((hours for hours in counter.hours if hours.weekday == weekday), None)
    if today is None:
        return str(_("closed today"))
    opens, closes = (str(format_time(at, "HH:mm", rebase=False)) for at in (today.opens, today.closes))
    return f"{opens}–{closes}"


def qr_png(code: str) -> bytes:
    """The pickup code for the counter's scanner: just its digits."""
    picture = io.BytesIO()
    segno.make(code, micro=False, error="m").save(picture, kind="png", scale=6, border=4)
    return picture.getvalue()
