"""Opening an account and proving who one is: registration, passwords, confirmation."""

from __future__ import annotations

import secrets
import unicodedata
from datetime import timedelta
from functools import lru_cache

import sqlalchemy as sa
from flask import current_app
from flask_security import hash_password
from flask_security.utils import verify_and_update_password
from itsdangerous import BadData
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.accounts.models import LoginSession, Role, RoleName, User
from shop.accounts.passwords import normalise_password
from shop.accounts.policy import actor_of
from shop.audit import Actor, record
from shop.clock import utcnow
from shop.outbox import emit

RESET_WITHIN = timedelta(hours=2)
CONFIRM_WITHIN = timedelta(days=7)


def normalise_email(email: str) -> str:
    """One way of writing an address: NFKC, lower case, no spaces around it."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def find_user(session: Session, email: str) -> User | None:
    """The account of that address."""
    return session.scalar(sa.select(User).where(User.email == normalise_email(email)))


def create_user(
    session: Session,
    *,
    email: str,
    password: str,
    name: str = "",
    locale: str = "zh",
    roles: tuple[str, ...] = (RoleName.CONSUMER.value,),
) -> User | None:
    """A new account with these roles; None when the address has one already (also when two ask at once)."""
    statement = (
        insert(User)
        .values(
            email=normalise_email(email),
            password=hash_password(normalise_password(password)),
            fs_uniquifier=secrets.token_hex(32),
            name=name,
            locale=locale,
        )
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(User.id)
    )
    user_id = session.scalar(statement)
    if user_id is None:
        return None
    user = session.get_one(User, user_id)
    user.roles = list(session.scalars(sa.select(Role).where(Role.name.in_(roles)).order_by(Role.id)))
    session.flush()
    record(session, actor_of(user), "user.create", "user", user.id, after={"roles": list(roles)})
    return user


def register(session: Session, *, email: str, password: str, name: str, locale: str) -> User | None:
    """Open an account and ask to confirm the address. None when there is one: its owner gets a mail that says so."""
    user = create_user(session, email=email, password=password, name=name, locale=locale)
    if user is not None:
        send(session, "confirm", user)
        return user
    present = find_user(session, email)
    if present is not None:
        send(session, "exists", present)
    return None


def send(session: Session, kind: str, user: User) -> None:
    """Ask for a mail. The payload has the id only; a link's token is made when the mail is written."""
    emit(session, "account.mail", f"{kind}:{user.id}:{secrets.token_hex(8)}", {"kind": kind, "user_id": user.id})


@lru_cache(maxsize=1)
def password_of_nobody() -> str:
    """What guesses at addresses without an account are compared with, by the same steps as a real one."""
    return str(hash_password(secrets.token_hex(16)))


def check_password(session: Session, email: str, password: str) -> User | None:
    """The person, if the password is right and the account open. Takes as long for an address nobody has."""
    user = find_user(session, email)
    word = normalise_password(password)
    if user is None or not user.password:
        verify_and_update_password(word, User(password=password_of_nobody()))
        return None
    if not verify_and_update_password(word, user) or not user.active:
        return None
    return user


def request_reset(session: Session, email: str) -> None:
    """Send a link to choose a new password, if the address has an open account."""
    user = find_user(session, email)
    if user is not None and user.active:
        send(session, "reset", user)


def set_password(session: Session, user: User, password: str, actor: Actor) -> None:
    """Give the account a new password. Every sign-in ends, and every link that was sent goes stale."""
    user.password = hash_password(normalise_password(password))
    user.fs_uniquifier = secrets.token_hex(32)
    session.execute(sa.delete(LoginSession).where(LoginSession.user_id == user.id))
    record(session, actor, "user.password", "user", user.id)
    send(session, "password_changed", user)
    session.flush()


def link_token(purpose: str, user: User) -> str:
    """What a mailed link carries: good until the password or the address changes."""
    serializer = getattr(current_app.extensions["security"], f"{purpose}_serializer")
    return str(serializer.dumps([user.fs_uniquifier, user.email]))


def person_of_link(session: Session, purpose: str, token: str, within: timedelta) -> User | None:
    """Whose link this is; None when it is forged, too old or used up."""
    serializer = getattr(current_app.extensions["security"], f"{purpose}_serializer")
    try:
        uniquifier, email = serializer.loads(token, max_age=within.total_seconds())
    except (BadData, TypeError, ValueError):
        return None
    return session.scalar(sa.select(User).where(User.fs_uniquifier == uniquifier, User.email == email, User.active))


def confirm(session: Session, token: str) -> bool:
    """The address is its owner's; saying so twice does no harm."""
    user = person_of_link(session, "confirm", token, CONFIRM_WITHIN)
    if user is None:
        return False
    if user.confirmed_at is None:
        user.confirmed_at = utcnow()
        record(session, actor_of(user), "user.confirm", "user", user.id)
    return True
