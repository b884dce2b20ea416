"""The one database: engine settings by kind of process, the base of all tables, and retries of short transactions."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa
from flask import request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Engine, Identity, MetaData, Text, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, registry

from shop.config import ProcessRole, Settings

log = logging.getLogger("shop.db")
Result = TypeVar("Result")


class Base(DeclarativeBase):
    """Every table: big integer ids, aware UTC times, JSON as JSONB, predictable constraint names."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            int: BigInteger,
            str: Text,
            datetime: DateTime(timezone=True),
            dict[str, Any]: JSONB,
            dict[str, str]: JSONB,
        },
    )


def table_of(model: type[Base]) -> sa.Table:
    """The table of a model, for inserts that nobody holds objects of: half the work of the same through the model."""
    return cast(sa.Table, model.__table__)


class HasId:
    """A surrogate key made by the database."""

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, sort_order=-10)


class HasTimes:
    """When the row was made, by the database's clock."""

    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=sa.func.now(), sort_order=90)


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

# When either end of a connection that says nothing asks whether the other is still there (s), and after how many
# questions without an answer it gives up: PostgreSQL must not keep what a lost host had open for its own two hours.
QUIET_SECONDS, BETWEEN_QUESTIONS, QUESTIONS = 30, 10, 3

# Timeouts in ms (statement, lock, idle in transaction, transaction) and pool sizes by kind of process: a web page must
# fail fast and give its connection back, a migration must never queue the shop behind its lock (docs/operations.md).
# A worker's transaction ends before another worker is given its jobs (workers.topics: 60 s, and 400 s in bulk); the
# longest of a page's is a batch of ten thousand counts.
TIMEOUTS: dict[ProcessRole, tuple[int, int, int, int]] = {
    "web": (5_000, 1_100, 10_000, 300_000),  # the second in line for a row waits twice: for the first, then for the row
    "worker": (15_000, 3_000, 10_000, 30_000),
    "bulk_worker": (120_000, 3_000, 10_000, 330_000),
    "relay": (5_000, 1_000, 5_000, 30_000),
    "beat": (5_000, 1_000, 5_000, 30_000),
    "migrate": (0, 250, 60_000, 0),
    "report": (60_000, 1_000, 60_000, 0),
}
# PostgreSQL knows a limit for a whole transaction from here on. Before, a connection whose host was lost between two
# parts of one message is noticed by the questions above only.
KNOWS_TRANSACTION_TIMEOUT = 170_000


def engine_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of create_engine for this kind of process."""
    statement, lock, idle, transaction = TIMEOUTS[settings.process_role]
    options = [
        f"-c statement_timeout={statement}",
        f"-c lock_timeout={lock}",
        f"-c idle_in_transaction_session_timeout={idle}",
        f"-c tcp_keepalives_idle={QUIET_SECONDS}",
        f"-c tcp_keepalives_interval={BETWEEN_QUESTIONS}",
        f"-c tcp_keepalives_count={QUESTIONS}",
        f"-c tcp_user_timeout={(QUIET_SECONDS + BETWEEN_QUESTIONS * QUESTIONS) * 1000}",
        "-c timezone=UTC",
    ]
    if settings.process_role == "report":
        options.append("-c default_transaction_read_only=on")
    web = settings.process_role == "web"
    return {
        # What people typed stays out of error messages and so out of the logs.
        "hide_parameters": True,
        "pool_size": settings.web_threads if web else 1,
        "max_overflow": 0 if web else 1,
        "pool_timeout": 3,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "pool_events": [(partial(limit_transactions, transaction), "connect")],
        "connect_args": {
            "options": " ".join(options),
            "connect_timeout": 3,
            "keepalives": 1,
            "keepalives_idle": QUIET_SECONDS,
            "keepalives_interval": BETWEEN_QUESTIONS,
            "keepalives_count": QUESTIONS,
            "application_name": f"yarlung-{settings.process_role}",
        },
    }


def limit_transactions(limit_ms: int, connection: psycopg.Connection[Any], _record: object) -> None:
    """Tell a new connection how long a transaction may take at most, if its server knows such a limit."""
    if limit_ms and connection.info.server_version >= KNOWS_TRANSACTION_TIMEOUT:
        connection.autocommit = True
        connection.execute(f"SET transaction_timeout = {limit_ms}")
        connection.autocommit = False


@event.listens_for(Engine, "do_executemany")
def write_many(cursor: Any, statement: str, rows: Any, _context: Any) -> bool:
    """Write many rows with one statement, then ask for nothing: after its answer PostgreSQL counts the idle time again.

    psycopg (3.3) ends such a pipeline with Flush behind its Sync, and idle_in_transaction_session_timeout does not end
    a session that has read anything since its last "ready": whoever fell silent here kept its rows locked.
    """
    cursor.executemany(statement, rows)
    cursor.connection.execute("")
    return True


def read_without_transaction() -> None:
    """Before a GET of a blueprint whose GETs only read (docs/decisions/0016-reading-pages-have-no-transaction.md)."""
    session = db.session()
    if request.method in {"GET", "HEAD"} and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})


def let_go(_error: BaseException | None = None) -> None:
    """At the end of a request give the connection back; one that broke meanwhile is thrown away.

    Without this, a database that stops between the answer and the end would turn the answer ("your order is
    placed") into an empty page.
    """
    if not db.session.registry.has():
        return
    try:
        db.session.close()
    except DBAPIError:
        log.warning("a connection broke after its work was done")
        db.session().invalidate()


# Serialization failure, deadlock, lock not available: the transaction did nothing and may be repeated whole.
REPEATABLE = {"40001", "40P01", "55P03"}
SECONDS_TO_REPEAT = 1.0


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five-character code of a database error, or ''."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", "") or "")


def constraint_name(error: BaseException) -> str:
    """The constraint a database error names, or ''."""
    diagnostics = getattr(getattr(error, "orig", error), "diag", None)
    return str(getattr(diagnostics, "constraint_name", "") or "")


def in_transaction(session: Session, work: Callable[[], Result], *, tries: int = 3) -> Result:
    """Run `work` and commit; repeat it whole, with jitter, when the database asks for that.

    `work` must take everything it decides on from the database again each time. What is asked for `tries` times,
    or after a wait for a lock that has cost its time already, and any other error, is raised after a rollback.
    """
    begun = time.monotonic()
    for attempt in range(1, tries + 1):
        try:
            result = work()
            session.commit()
        except DBAPIError as error:
            session.rollback()
            waited = time.monotonic() - begun > SECONDS_TO_REPEAT
            if sqlstate(error) not in REPEATABLE or waited or attempt == tries:
                raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311  jitter, no secret
        except BaseException:
            session.rollback()
            raise
        else:
            return result
    raise AssertionError("unreachable")
