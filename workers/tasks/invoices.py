"""Issue invoices, keep the provider's copy in step, and mail them to an organisation's buyers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from orders.invoices.mirror import issue_here, sync_invoice
from orders.invoices.reading import readers_of
from orders.payments.providers import payment_gateway
from shop.db import db
from shop.outbox import Job, emit_all
from workers.mails.invoice import compose_invoice_mail
from workers.tasks.mails import TRIES, sending
from workers.topics import Outside, Payload, job, outside_job


@outside_job("invoice.push", queue="notify", tries=TRIES)
def invoice_changed(_session: Session, job: Job) -> Outside | None:
    """Bring the provider's copy in step; without a provider only a draft has to become an invoice."""
    gateway, invoice_id = payment_gateway(), job.payload["invoice_id"]
    if gateway is None:
        return lambda: issue_here(db.session(), invoice_id)
    invoices = gateway.invoices
    return lambda: sync_invoice(db.session(), invoices, invoice_id)


@job("invoice.mails", queue="mail")
def tell_buyers(session: Session, payload: Payload) -> None:
    """One mail for everybody who buys for the organisation."""
    invoice_id, kind = payload["invoice_id"], payload["kind"]
    mails = {
        f"{invoice_id}:{kind}:{user_id}": {"invoice_id": invoice_id, "kind": kind, "user_id": user_id}
        for user_id in readers_of(session, invoice_id)
    }
    emit_all(session, "invoice.mail", mails)


@outside_job("invoice.mail", queue="mail", tries=TRIES)
def mail_buyer(session: Session, job: Job) -> Outside | None:
    """Send one of them."""
    payload = job.payload
    return sending(job, compose_invoice_mail(session, payload["invoice_id"], payload["kind"], payload["user_id"]))
