"""What the shop does by the clock. A tick too many, or two clocks, do no harm."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery.schedules import crontab
from sqlalchemy import text
from sqlalchemy.orm import Session

from orders.check import faults
from orders.consignments.proposals import propose_all
from orders.consignments.waiting import give_up_hope
from orders.fulfilment.replan import plan_rest
from orders.fulfilment.substitution import end_unanswered
from orders.invoices.billing import bill_month
from orders.invoices.overdue import remind
from orders.lifecycle import expire_overdue
from orders.no_show import remind_to_collect
from orders.notifications.digest import write_digests
from orders.payments.events import fetch_events
from orders.payments.gateway import GatewayDown
from orders.payments.providers import payment_gateway
from orders.payments.reconcile import MONTHLY, reconcile, run_daily
from orders.payments.refunds import look_at_refunds
from orders.payments.sync import expire_unpaid, look_at_due
from orders.personal import erase_the_rest
from orders.shortage import withdraw_lots
from shop.clock import utcnow
from shop.db import db
from workers import retention

log = logging.getLogger("workers.schedule")


@dataclass(frozen=True)
class Tick:
    """What happens, how often (or when), and after how many seconds a late tick is dropped: the next one comes."""

    work: Callable[[Session], object]
    every: timedelta | crontab
    expires: int


def run_expiry(session: Session) -> int:
    """Give back the stock of orders nobody paid or collected; what could still be paid is closed first."""
    gateway = payment_gateway()
    if gateway is not None:
        with suppress(GatewayDown):  # nobody can pay either; the others expire in any case
            expire_unpaid(session, gateway, utcnow())
    return expire_overdue(session, utcnow())


def remind_customers(session: Session) -> int:
    """Remind whoever has not collected yet, once, while there is time."""
    return remind_to_collect(session, utcnow())


def end_questions(session: Session) -> int:
    """Take no answer of a customer for a no, once its time is over."""
    return end_unanswered(session, utcnow())


def look_at_payments(session: Session) -> int:
    """Ask the provider about payments and refunds it has not told of."""
    gateway = payment_gateway()
    if gateway is None:
        return 0
    return look_at_due(session, gateway, utcnow()) + look_at_refunds(session, gateway, utcnow())


def read_lost_events(session: Session) -> int:
    """Fetch what the provider's messages lost on the way."""
    gateway = payment_gateway()
    return fetch_events(session, gateway) if gateway is not None else 0


def reconcile_days(session: Session) -> int:
    """Compare the last days with the provider's books."""
    gateway = payment_gateway()
    return run_daily(session, gateway) if gateway is not None else 0


def reconcile_month(session: Session) -> int:
    """The same over five weeks, while the provider still knows them."""
    gateway = payment_gateway()
    return reconcile(session, gateway, "monthly", utcnow() - MONTHLY).differences if gateway is not None else 0


def run_withdrawal(session: Session) -> int:
    """Take lots past their sell-by margin out of sale."""
    return withdraw_lots(session, utcnow())


def prove_invariants(session: Session) -> int:
    """Look whether everything that must be true is; shout when it is not."""
    found = faults(session)
    for fault in found:
        log.error("invariant broken: %s", fault.invariant, extra={"rows": fault.rows})
    return len(found)


def tell_the_day(session: Session) -> int:
    """Tell each cooperative in the evening what its day in Wuhan was."""
    written = write_digests(session, utcnow())
    session.commit()
    return written


def plan_rush(session: Session) -> int:
    """When many orders have waited for a while, plan them together."""
    return plan_rest(session, utcnow())


def bill_last_month(session: Session) -> int:
    """Bill organisations for what they received until the end of last month."""
    return bill_month(session, utcnow())


def remind_of_invoices(session: Session) -> int:
    """Write the reminders of invoices that are due today."""
    return remind(session, utcnow())


def ask_for_more(session: Session) -> int:
    """Ask the cooperatives for what the counters will lack."""
    return propose_all(session, utcnow())


def look_at_waiting(session: Session) -> int:
    """Have packs planned anew that customers wait for in vain: their consignment is late, or their lot called back."""
    return give_up_hope(session, utcnow())


TICKS: dict[str, Tick] = {
    "expire": Tick(run_expiry, timedelta(seconds=15), 12),
    "questions": Tick(end_questions, timedelta(seconds=60), 50),
    "reminders": Tick(remind_customers, timedelta(minutes=5), 240),
    "rush": Tick(plan_rush, timedelta(seconds=30), 25),
    "waiting": Tick(look_at_waiting, timedelta(seconds=60), 50),
    "withdraw": Tick(run_withdrawal, timedelta(seconds=60), 50),
    "invariants": Tick(prove_invariants, timedelta(minutes=5), 240),
    "payments": Tick(look_at_payments, timedelta(seconds=60), 50),
    "payment events": Tick(read_lost_events, timedelta(minutes=5), 240),
    "reconciliation": Tick(reconcile_days, crontab(hour="2", minute="30"), 6 * 3600),
    "reconciliation of the month": Tick(reconcile_month, crontab(day_of_month="1", hour="3", minute="0"), 6 * 3600),
    # Three days, so that a shop that was down on the first bills all the same; what is billed is not billed again.
    "invoices": Tick(bill_last_month, crontab(day_of_month="1-3", hour="5", minute="0"), 12 * 3600),
    "reminders of invoices": Tick(remind_of_invoices, crontab(hour="9", minute="0"), 12 * 3600),
    "erasures": Tick(erase_the_rest, crontab(minute="40"), 3000),
    "retention": Tick(retention.sweep, crontab(hour="3", minute="20"), 6 * 3600),
    "replenishment": Tick(ask_for_more, crontab(hour="19", minute="30"), 6 * 3600),
    "digests": Tick(tell_the_day, crontab(hour="18", minute="0"), 4 * 3600),
}


def beat_schedule() -> dict[str, dict[str, Any]]:
    """The ticks as Celery's clock wants them (its times are Asia/Shanghai)."""
    return {
        name: {
            "task": "workers.tick",
            "schedule": tick.every,
            "args": [name],
            "options": {"queue": "maint", "expires": tick.expires},
        }
        for name, tick in TICKS.items()
    }


def run_tick(name: str) -> bool:
    """Do that tick's work unless another process is at it; whether it was done.

    The lock is held by a connection that is in no transaction: ticks commit as they go (which would end a
    transaction's lock), and idle transactions are cut off. It ends with the connection, so a dead worker frees it.
    """
    key = zlib.crc32(f"tick:{name}".encode())
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as keeper:
        if not keeper.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
            return False
        try:
            result = TICKS[name].work(db.session())
            db.session.commit()
        finally:
            db.session.rollback()
            keeper.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
    if result:
        log.info("tick %s: %s", name, result)
    return True
