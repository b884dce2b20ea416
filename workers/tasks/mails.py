"""Mails: composed from the database at the last moment, sent with no transaction open."""

from __future__ import annotations

from flask import current_app
from sqlalchemy.orm import Session

from orders.notifications.models import Notification
from shop.accounts.mail import compose as compose_account_mail
from shop.config import Settings
from shop.errors import NotFound
from shop.mail import OutgoingMail
from shop.outbox import Job
from workers.channels.mail import Picture, message_of, send
from workers.mails.notice import compose_notice
from workers.mails.order import compose_order_mail
from workers.topics import GiveUp, Outside, outside_job

# Mail servers may be away for an afternoon: fourteen tries take about seventeen hours.
TRIES = 14


def sending(job: Job, mail: OutgoingMail | None, pictures: tuple[Picture, ...] = ()) -> Outside | None:
    """The call that sends this mail; None when there is nobody to write to."""
    if mail is None or not mail.to:
        return None
    settings: Settings = current_app.extensions["settings"]
    message = message_of(mail, settings, str(job.event_id), pictures)
    return lambda: send(message, settings)


@outside_job("order.mail", queue="mail", tries=TRIES)
def mail_customer(session: Session, job: Job) -> Outside | None:
    """Tell a customer how their order stands."""
    mail, pictures = compose_order_mail(session, job.payload["order_id"], job.payload["kind"])
    return sending(job, mail, pictures)


@outside_job("notification.mail", queue="mail", tries=TRIES)
def mail_notice(session: Session, job: Job) -> Outside | None:
    """Mail a notice that stands in an inbox already."""
    notice = session.get_one(Notification, job.payload["notification_id"])
    return sending(job, compose_notice(session, notice))


@outside_job("account.mail", queue="mail", tries=TRIES)
def mail_account(session: Session, job: Job) -> Outside | None:
    """Confirm an address, reset a password."""
    try:
        return sending(job, compose_account_mail(session, job.payload))
    except NotFound:
        raise GiveUp("the account is gone, or this kind of mail is unknown") from None
