"""People as the office keeps them: accounts with their roles, and organisations with their terms and members."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop import audit
from shop.accounts.models import Membership, Organisation, Role, RoleName, User, UserRole
from shop.audit import Actor, AuditEntry
from shop.audit_words import ACTIONS, SUBJECTS, audit_action, audit_subject, audit_values
from shop.errors import DomainError, Invalid, NotFound
from shop.lists import Cell, Column, Filter, ListSpec, like

Link = Callable[[int], str]
ROLE_WORDS: dict[str, Any] = {
    RoleName.CONSUMER.value: _l("Customer"),
    RoleName.BUYER.value: _l("Buyer"),
    RoleName.COOPERATIVE.value: _l("Cooperative"),
    RoleName.COUNTER.value: _l("Counter"),
    RoleName.OFFICE.value: _l("Office"),
}
EMPLOYERS = ("organisation_id", "cooperative_id", "counter_id")
CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,29}")


class LastOfOffice(DomainError):
    """Nobody would be left who could let anybody in again."""

    code = "last_of_office"
    title = _l("This is the last account of the office that can sign in. Give somebody else the office's key first.")


def users_list(link: Link) -> ListSpec:
    """Every account with its roles."""
    roles = (
        select(func.array_agg(Role.name))
        .join(UserRole, UserRole.role_id == Role.id)
        .where(UserRole.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
    has_role = lambda value: User.id.in_(  # noqa: E731
        select(UserRole.user_id).join(Role, Role.id == UserRole.role_id).where(Role.name == value)
    )
    return ListSpec(
        statement=select(User.id, User.email, User.name, User.active, User.created_at, roles.label("roles")),
        key=User.id,
        columns=(
            Column("email", _("E-mail"), User.email),
            Column("name", _("Name")),
            Column("roles", _("Roles")),
            Column("since", _("Since"), User.id),
            Column("active", _("Signs in")),
        ),
        row=lambda row: user_row(row, link),
        sort="email",
        filters=(
            Filter("role", _("Role"), tuple(ROLE_WORDS.items()), has_role),
            Filter("active", _("Signs in"), (("yes", _("Yes")), ("no", _("No"))),
                   lambda value: User.active.is_(value == "yes")),
        ),
        search=lambda text: User.email.like(like(text.lower())) | User.name.like(like(text)),
        hint=_("Beginning of the mail or the name"),
    )  # fmt: skip


def user_row(row: Any, link: Link) -> tuple[Cell, ...]:
    """One account."""
    return (
        Cell(row.email, href=link(row.id)),
        Cell(row.name),
        Cell(", ".join(str(ROLE_WORDS[role]) for role in sorted(row.roles or []) if role != "consumer")),
        Cell(row.created_at, kind="day"),
        Cell(_("Yes") if row.active else _("No"), kind="badge", tone="good" if row.active else "bad"),
    )


def organisations_list(link: Link) -> ListSpec:
    """Every organisation with its terms."""
    members = (
        select(func.count()).where(Membership.organisation_id == Organisation.id).correlate(Organisation)
        .scalar_subquery()
    )  # fmt: skip
    return ListSpec(
        statement=select(Organisation, members),
        key=Organisation.id,
        columns=(
            Column("code", _("Code"), Organisation.code),
            Column("name", _("Called")),
            Column("limit", _("Credit limit"), Organisation.credit_limit_fen, numbers=True),
            Column("terms", _("Days to pay"), numbers=True),
            Column("members", _("Members"), numbers=True),
            Column("active", _("Buys")),
        ),
        row=lambda row: organisation_row(row, link),
        sort="code",
        search=lambda text: Organisation.code.like(like(text.upper())) | Organisation.name.ilike("%" + like(text)),
    )


def organisation_row(row: Any, link: Link) -> tuple[Cell, ...]:
    """One organisation."""
    organisation, members = row
    return (
        Cell(organisation.code, href=link(organisation.id)),
        Cell(organisation.name),
        Cell(organisation.credit_limit_fen, kind="yuan"),
        Cell(organisation.terms_days, kind="number"),
        Cell(members, kind="number"),
        Cell(_("Yes") if organisation.active else _("No"), kind="badge", tone="good" if organisation.active else "bad"),
    )


def audit_list() -> ListSpec:
    """Everything anybody did, newest first."""
    return ListSpec(
        statement=select(AuditEntry),
        key=AuditEntry.id,
        columns=(
            Column("when", _("When"), AuditEntry.id),
            Column("who", _("Who")),
            Column("what", _("What")),
            Column("of", _("Of what")),
            Column("before", _("Before")),
            Column("after", _("After")),
        ),
        row=audit_row,
        sort="-when",
        filters=(
            Filter("kind", _("Of what"), tuple(SUBJECTS.items()),
                   lambda value: AuditEntry.subject_type == value),
            Filter("what", _("What"), tuple((code, words) for code, words in ACTIONS.items()),
                   lambda value: AuditEntry.action == value),
        ),
        search=lambda text: AuditEntry.actor.like(like(text.lower())) | (AuditEntry.request_id == text),
        hint=_("Who did it, or the number of a request"),
    )  # fmt: skip


def audit_row(row: Any) -> tuple[Cell, ...]:
    """One row of the audit."""
    (entry,) = row
    return (
        Cell(entry.at, kind="when"),
        Cell(entry.actor),
        Cell(audit_action(entry.action)),
        Cell(audit_subject(entry.subject_type, entry.subject_id)),
        Cell(audit_values(entry.before)),
        Cell(audit_values(entry.after)),
    )


def roles_of(user: User) -> list[str]:
    """The keys a person has besides being a customer."""
    return sorted(role.name for role in user.roles if role.name != RoleName.CONSUMER)


def set_access(session: Session, user_id: int, roles: Sequence[str], active: bool, actor: Actor) -> User:
    """Give a person these keys (and take the others), let them sign in or not. Raises LastOfOffice, NotFound."""
    # The office's role row is locked, so that two last members cannot take each other's key at once.
    office = session.execute(select(Role).where(Role.name == RoleName.OFFICE).with_for_update()).scalar_one()
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound()
    before = {"roles": roles_of(user), "active": user.active}
    known = {role.name: role for role in session.execute(select(Role)).scalars()}
    wanted = sorted({role for role in roles if role in known} - {RoleName.CONSUMER.value})
    user.roles = [known[RoleName.CONSUMER.value], *(known[role] for role in wanted)]
    user.active = active
    session.flush()
    others = session.scalar(
        select(func.count()).select_from(User).join(UserRole, UserRole.user_id == User.id)
        .where(UserRole.role_id == office.id, User.active)
    )  # fmt: skip
    if not others:
        raise LastOfOffice()
    after = {"roles": wanted, "active": active}
    if after != before:
        audit.record(session, actor, "user.roles", "user", user_id, before=before, after=after)
    return user


def members_of(session: Session, employer: str, employer_id: int) -> Sequence[tuple[Membership, User]]:
    """Who works for an organisation, a cooperative or a counter (`employer` names the column)."""
    statement = (
        select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(column_of(employer) == employer_id)
        .order_by(User.email)
    )
    return [(member, user) for member, user in session.execute(statement)]


def column_of(employer: str) -> Any:
    """The column of an employer's kind."""
    if employer not in EMPLOYERS:
        raise ValueError(employer)
    return getattr(Membership, employer)


def add_member(
    session: Session, employer: str, employer_id: int, email: str, actor: Actor, *, order_limit_fen: int | None = None
) -> Membership:
    """Let a person work for an employer and give them its key. Raises Invalid for an address without an account."""
    user = session.execute(
        select(User).where(User.email == email.strip().lower()).with_for_update()
    ).scalar_one_or_none()  # fmt: skip
    if user is None:
        raise Invalid(_l("Nobody has an account with this address yet; they can open one first"))
    present = session.execute(
        select(Membership).where(Membership.user_id == user.id, column_of(employer) == employer_id)
    ).scalar_one_or_none()  # fmt: skip
    if present is None:
        present = Membership(user_id=user.id, **{employer: employer_id})
        session.add(present)
    present.order_limit_fen = order_limit_fen
    role = RoleName.BUYER if employer == "organisation_id" else RoleName(employer.removesuffix("_id"))
    if role not in {one.name for one in user.roles}:
        user.roles.append(session.execute(select(Role).where(Role.name == role)).scalar_one())
    after = {"employer": employer.removesuffix("_id"), "id": employer_id, "order_limit_fen": order_limit_fen}
    audit.record(session, actor, "membership.added", "user", user.id, after=after)
    session.flush()
    return present


def remove_member(session: Session, employer: str, employer_id: int, membership_id: int, actor: Actor) -> None:
    """End a person's work for an employer; their account stays. Raises NotFound."""
    member = session.get(Membership, membership_id, with_for_update=True)
    if member is None or getattr(member, employer) != employer_id:
        raise NotFound()
    before = {"employer": employer.removesuffix("_id"), "id": employer_id}
    audit.record(session, actor, "membership.removed", "user", member.user_id, before=before)
    session.delete(member)
    session.flush()


def add_organisation(session: Session, code: str, name: str, actor: Actor) -> Organisation:
    """A new organisation without credit; its terms are set on its page. Raises Invalid."""
    code = code.strip().upper()
    if not CODE.fullmatch(code) or not name.strip():
        raise Invalid(_l("A code has 2 to 30 capital letters, digits and dashes; and please enter a name"))
    if session.scalar(select(Organisation.id).where(Organisation.code == code)):
        raise Invalid(_l("Another organisation has this code"))
    organisation = Organisation(code=code, name=name.strip()[:120])
    session.add(organisation)
    session.flush()
    audit.record(session, actor, "organisation.added", "organisation", organisation.id, after={"code": code})
    return organisation
