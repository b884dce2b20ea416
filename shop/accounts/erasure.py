"""What the shop keeps of a person: handed to them as a copy, and erased when they ask; the copy and the ledger agree.

Each floor that keeps personal data is a holder of its own. Erasing leaves a row with the account's number in the
ledger, so that an older backup, once restored, is erased again (`shop erasures`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop import audit
from shop.accounts.addresses import addresses_of
from shop.accounts.models import (
    Address,
    ApiIdempotency,
    ApiToken,
    LoginAttempt,
    LoginSession,
    Membership,
    Role,
    RoleName,
    User,
)
from shop.accounts.people_office import LastOfOffice, roles_of
from shop.accounts.throttle import account_key
from shop.audit import Actor, AuditEntry
from shop.db import Base

Record = dict[str, Any]


class Erasure(Base):
    """An account that was erased: its number and when, nothing else. `done_at` once nothing personal is left."""

    __tablename__ = "erasure"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    done_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Holder:
    """A floor that keeps personal data: `copy` tells what, `erase` removes it and says whether all of it is gone."""

    name: str
    copy: Callable[[Session, int], Record]
    erase: Callable[[Session, int], bool]


def copy_account(session: Session, user_id: int) -> Record:
    """What the accounts know of a person."""
    user = session.get_one(User, user_id)
    signed_in = session.scalars(sa.select(LoginSession).where(LoginSession.user_id == user_id))
    tokens = session.scalars(sa.select(ApiToken).where(ApiToken.user_id == user_id))
    employers = session.scalars(sa.select(Membership).where(Membership.user_id == user_id))
    tries = session.scalars(sa.select(LoginAttempt).where(LoginAttempt.account_hash == account_key(user.email)))
    done = session.scalars(sa.select(AuditEntry).where(AuditEntry.actor_id == user_id).order_by(AuditEntry.id))
    return {
        "account": {
            "email": user.email, "name": user.name, "phone": user.phone, "language": user.locale,
            "order_mails": user.order_mails, "opened_at": user.created_at, "confirmed_at": user.confirmed_at,
            "roles": roles_of(user),
        },
        "addresses": [
            {"name": one.name, "phone": one.phone, "district": one.district, "street": one.street,
             "lat": one.lat, "lng": one.lng, "usual": one.is_default}
            for one in addresses_of(session, user_id)
        ],
        "devices": [
            {"since": one.created_at, "seen_at": one.seen_at, "browser": one.user_agent, "ip": one.ip}
            for one in signed_in
        ],
        "api_keys": [
            {"name": one.name, "begins_with": one.hint, "scopes": one.scopes, "used_at": one.last_used_at}
            for one in tokens
        ],
        "works_for": [
            {"cooperative": one.cooperative_id, "counter": one.counter_id, "organisation": one.organisation_id,
             "order_limit_fen": one.order_limit_fen}
            for one in employers
        ],
        "tries_to_sign_in": [{"at": one.at, "kind": one.kind, "ip": one.ip} for one in tries],
        "done": [
            {"at": one.at, "what": one.action, "of": one.subject_type, "number": one.subject_id} for one in done
        ],
    }  # fmt: skip


def erase_account_rows(session: Session, user_id: int) -> bool:
    """Empty the account: nobody can sign in to it, its number stays for the orders that were paid."""
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        return True
    session.execute(sa.delete(LoginAttempt).where(LoginAttempt.account_hash == account_key(user.email)))
    for model in (LoginSession, Address, ApiToken, Membership):
        session.execute(sa.delete(model).where(model.user_id == user_id))
    session.execute(sa.delete(ApiIdempotency).where(ApiIdempotency.principal == f"user:{user_id}"))
    session.expire(user, ["memberships"])
    user.email, user.name, user.phone, user.password = f"erased-{user_id}@erased.invalid", "", "", None
    user.active, user.confirmed_at, user.fs_uniquifier = False, None, secrets.token_hex(32)
    user.roles = list(session.scalars(sa.select(Role).where(Role.name == RoleName.CONSUMER)))
    session.flush()
    return True


ACCOUNT = Holder("account", copy_account, erase_account_rows)


def copy_of(session: Session, user_id: int, holders: Sequence[Holder]) -> Record:
    """Everything the shop keeps of a person, by kind."""
    record: Record = {}
    for holder in holders:
        record.update(holder.copy(session, user_id))
    return record


def close_account(session: Session, user: User, holders: Sequence[Holder], actor: Actor) -> bool:
    """Erase a person at their wish; whether all is gone already (an open order keeps its contact until it ends).

    Raises LastOfOffice when nobody would be left to open the office.
    """
    if RoleName.OFFICE in roles_of(user):
        # The role's row is locked as in every change of keys, so that two last members cannot both leave.
        office = session.scalars(sa.select(Role).where(Role.name == RoleName.OFFICE).with_for_update()).one()
        others = sa.select(User.id).where(User.roles.any(Role.id == office.id), User.active, User.id != user.id)
        if session.scalar(others.limit(1)) is None:
            raise LastOfOffice()
    user_id = user.id
    audit.record(session, actor, "user.erased", "user", user_id)
    session.execute(insert(Erasure).values(user_id=user_id).on_conflict_do_nothing())
    return erase(session, user_id, holders)


def erase(session: Session, user_id: int, holders: Sequence[Holder]) -> bool:
    """Let every holder erase the person (in the ledger already); running it again changes nothing."""
    gone = [holder.erase(session, user_id) for holder in holders]
    if all(gone):
        statement = sa.update(Erasure).where(Erasure.user_id == user_id, Erasure.done_at.is_(None))
        session.execute(statement.values(done_at=sa.func.now()))
    return all(gone)


def erase_the_rest(session: Session, holders: Sequence[Holder], limit: int = 200) -> int:
    """Finish what had to wait for open orders, each person in a transaction of its own; how many are finished."""
    waiting = sa.select(Erasure.user_id).where(Erasure.done_at.is_(None)).order_by(Erasure.user_id).limit(limit)
    finished = 0
    for user_id in session.scalars(waiting).all():
        finished += erase(session, user_id, holders)
        session.commit()
    return finished


def erased_ids(session: Session) -> list[int]:
    """The ledger, to be kept outside the backups."""
    return list(session.scalars(sa.select(Erasure.user_id).order_by(Erasure.user_id)))


def erase_again(session: Session, user_ids: Sequence[int], holders: Sequence[Holder]) -> int:
    """After a restore: erase these accounts once more; how many the restored database still knew."""
    known = set(session.scalars(sa.select(User.id).where(User.id.in_(user_ids))))
    for user_id in sorted(known):
        session.execute(insert(Erasure).values(user_id=user_id).on_conflict_do_nothing())
        erase(session, user_id, holders)
        session.commit()
    return len(known)
