"""The people of the shop and what proves who they are."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Base, HasId, HasTimes


class RoleName(StrEnum):
    """The five rooms' keys. Every signed-in person is a consumer too."""

    CONSUMER = "consumer"
    BUYER = "buyer"
    COOPERATIVE = "cooperative"
    COUNTER = "counter"
    OFFICE = "office"


class Role(HasId, Base, RoleMixin):
    """A role; the five rows are made by a migration."""

    __tablename__ = "role"

    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(server_default="")


class UserRole(Base):
    """Which person has which role."""

    __tablename__ = "user_role"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("role.id"), primary_key=True, index=True)


class User(HasId, HasTimes, Base, UserMixin):
    """A person with an account. `email` is stored lower-case and normalised (NFKC).

    `order_mails`: `all`, or `needed` for only those the person must act on or is worse off by.
    """

    __tablename__ = "user"

    email: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default=sa.true())
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")
    locale: Mapped[str] = mapped_column(server_default="zh")
    order_mails: Mapped[str] = mapped_column(server_default="all")
    confirmed_at: Mapped[datetime | None]
    create_datetime: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    update_datetime: Mapped[datetime] = mapped_column(server_default=sa.func.now(), onupdate=sa.func.now())

    roles: Mapped[list[Role]] = relationship(  # type: ignore[assignment]  # the mixin says RoleMixin
        secondary="user_role", lazy="selectin", order_by=Role.id
    )
    memberships: Mapped[list[Membership]] = relationship(
        lazy="selectin", foreign_keys="Membership.user_id", cascade="all, delete-orphan", passive_deletes=True
    )

    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("locale IN ('zh', 'bo', 'en')", name="locale"),
        CheckConstraint("order_mails IN ('all', 'needed')", name="order_mails"),
    )


class Organisation(HasId, HasTimes, Base):
    """A supermarket company that buys on account. `credit_limit_fen` and `terms_days` are its terms."""

    __tablename__ = "organisation"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    credit_limit_fen: Mapped[int] = mapped_column(server_default="0")
    terms_days: Mapped[int] = mapped_column(sa.Integer, server_default="30")
    active: Mapped[bool] = mapped_column(server_default=sa.true())

    __table_args__ = (
        CheckConstraint("credit_limit_fen >= 0", name="credit_limit"),
        CheckConstraint("terms_days BETWEEN 0 AND 180", name="terms_days"),
    )


class Membership(HasId, HasTimes, Base):
    """A person works for exactly one of: a cooperative, a counter, an organisation (one row for each)."""

    __tablename__ = "membership"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    cooperative_id: Mapped[int | None] = mapped_column(ForeignKey("cooperative.id"), index=True)
    counter_id: Mapped[int | None] = mapped_column(ForeignKey("counter.id"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    order_limit_fen: Mapped[int | None]

    organisation: Mapped[Organisation | None] = relationship()

    __table_args__ = (
        UniqueConstraint(
            "user_id", "cooperative_id", "counter_id", "organisation_id", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint("num_nonnulls(cooperative_id, counter_id, organisation_id) = 1", name="one_employer"),
    )


class ApiToken(HasId, HasTimes, Base):
    """A machine's key: only its SHA-256 is kept. `scopes` as in shop.accounts.policy.SCOPES."""

    __tablename__ = "api_token"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    scopes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


class LoginSession(HasId, HasTimes, Base):
    """One sign-in on one device; the cookie holds the secret, we hold its SHA-256, deleting the row signs it out."""

    __tablename__ = "login_session"

    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    seen_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    user_agent: Mapped[str] = mapped_column(server_default="")
    ip: Mapped[str] = mapped_column(server_default="")


class LoginAttempt(HasId, Base):
    """A password, reset or code that was tried; counted before it is checked, so that parallel guesses count too."""

    __tablename__ = "login_attempt"

    at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    kind: Mapped[str]
    account_hash: Mapped[bytes]
    ip: Mapped[str]

    __table_args__ = (
        Index("ix_login_attempt_account", "account_hash", "at"),
        Index("ix_login_attempt_ip", "ip", "at"),
    )


class Address(HasId, HasTimes, Base):
    """A place in Wuhan a person has goods brought to. Coordinates are WGS-84."""

    __tablename__ = "address"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    phone: Mapped[str]
    district: Mapped[str]
    street: Mapped[str]
    lat: Mapped[float | None]
    lng: Mapped[float | None]
    is_default: Mapped[bool] = mapped_column(server_default=sa.false())


class ApiIdempotency(Base):
    """The answer kept for a key, so that the same request sent again does nothing twice (24 h, swept daily)."""

    __tablename__ = "api_idempotency"

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str]
    request_sha256: Mapped[bytes]
    status: Mapped[int | None] = mapped_column(sa.SmallInteger)
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=sa.func.now(), index=True)

    __table_args__ = (CheckConstraint("length(key) BETWEEN 8 AND 255", name="key_length"),)
