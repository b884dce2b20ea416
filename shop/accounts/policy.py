"""Who may enter which room: every route says it with `@allow(...)`, and a route that does not say it is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, g, has_request_context, request
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from shop.accounts.models import ApiToken, RoleName, User
from shop.audit import Actor
from shop.errors import Forbidden, NotSignedIn

View = TypeVar("View", bound=Callable[..., Any])

ANYONE = "anyone"
SIGNED_IN = "signed_in"
WHO = {ANYONE, SIGNED_IN, *(role.value for role in RoleName)}

# What a machine's token may be allowed to do (`shop token create EMAIL --scope …`).
SCOPES: dict[str, Any] = {
    "orders:read": _l("read orders"),
    "orders:write": _l("place and cancel orders"),
    "stock:read": _l("read stock"),
    "stock:write": _l("receive lots and correct counts"),
    "notifications:read": _l("read notices"),
    "notifications:write": _l("acknowledge notices"),
    "fulfilments:read": _l("read a counter's queue"),
    "fulfilments:write": _l("accept, make ready, hand over and reject"),
    "webhooks:write": _l("manage webhooks"),
}


def allow(*who: str, scope: str | None = None) -> Callable[[View], View]:
    """Let these people through the door, and the office through every door that is not only for guests.

    `who` are names in WHO. With `scope`, a request that carries an API token needs it to hold that scope.
    Raises NotSignedIn for strangers and Forbidden for people of another room.
    """
    unknown = set(who) - WHO
    if unknown or not who:
        raise ValueError(f"allow() wants some of {sorted(WHO)}, not {sorted(unknown)}")
    if scope is not None and scope not in SCOPES:
        raise ValueError(f"there is no scope {scope!r}")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            check(frozenset(who), scope)
            return view(*args, **kwargs)

        guarded.allowed_to = frozenset(who)  # type: ignore[attr-defined]
        return cast(View, guarded)

    return decorate


def check(who: frozenset[str], scope: str | None = None) -> None:
    """Refuse the person of this request unless `who` names them."""
    token = current_token()
    if token is not None and scope is not None and scope not in token.scopes:
        raise Forbidden(_l("This token does not hold the scope %(scope)s.", scope=scope))
    if ANYONE in who:
        return
    user = current_person()
    if user is None:
        raise NotSignedIn
    if not may_enter(role_names(user), who):
        raise Forbidden


def may_enter(roles: set[str], who: frozenset[str]) -> bool:
    """Whether a signed-in person with these roles is meant. Everybody is a consumer; the office sees all."""
    if who & {SIGNED_IN, RoleName.CONSUMER.value}:
        return True
    return RoleName.OFFICE.value in roles or bool(roles & who)


def role_names(user: User) -> set[str]:
    """The names of a person's roles."""
    return {role.name for role in user.roles}


def in_api() -> bool:
    """Whether this request speaks to the API, where a browser's cookie proves nothing."""
    return has_request_context() and request.path.startswith("/api/")


def current_token() -> ApiToken | None:
    """The API token this request was sent with, if it was good."""
    return g.get("api_token") if has_request_context() else None


def current_person() -> User | None:
    """Who sent this request: the token's owner under /api/, the signed-in person elsewhere; None for a guest."""
    if not has_request_context():
        return None
    if in_api():
        token = current_token()
        return token.user if token is not None else None
    if not current_user.is_authenticated:
        return None
    return cast(User, current_user._get_current_object())


def current_actor() -> Actor:
    """Whose name the audit rows of this request bear."""
    user = current_person()
    if user is None:
        return Actor("guest")
    return actor_of(user)


def actor_of(user: User) -> Actor:
    """The name a person bears in rows that are never changed: staff by their address, who answer for what they do;
    customers by their number, so that nothing personal is left once they are erased."""
    if role_names(user) - {RoleName.CONSUMER.value}:
        return Actor(user.email, user.id)
    return Actor(f"customer {user.id}", user.id)


def has_role(role: str) -> bool:
    """Whether the person of this request has that role (the office has all)."""
    user = current_person()
    return user is not None and bool(role_names(user) & {role, RoleName.OFFICE.value})


def own_counter_ids() -> set[int] | None:
    """The counters this person works for; None means every counter (the office)."""
    return own_ids("counter_id")


def own_cooperative_ids() -> set[int] | None:
    """The cooperatives this person works for; None means every cooperative (the office)."""
    return own_ids("cooperative_id")


def own_organisation_ids() -> set[int] | None:
    """The organisations this person buys for; None means every organisation (the office)."""
    return own_ids("organisation_id")


def own_ids(column: str) -> set[int] | None:
    """The employers of one kind of the person of this request."""
    user = current_person()
    if user is None:
        return set()
    if RoleName.OFFICE.value in role_names(user):
        return None
    return {value for member in user.memberships if (value := getattr(member, column)) is not None}


def routes_without_policy(app: Flask) -> list[str]:
    """The endpoints (with their method, for class-based views) that do not say who may enter."""
    missing = []
    for endpoint, view in app.view_functions.items():
        view_class = getattr(view, "view_class", None)
        if view_class is None:
            if not hasattr(view, "allowed_to"):
                missing.append(endpoint)
            continue
        for method in view_class.methods or ():
            function = getattr(view_class, method.lower(), None)
            if function is not None and not hasattr(function, "allowed_to"):
                missing.append(f"{endpoint}.{method.lower()}")
    return sorted(missing)


def declare(app: Flask, policies: dict[str, tuple[str, ...]]) -> None:
    """Say who may enter routes that a library made."""
    for endpoint, who in policies.items():
        if endpoint in app.view_functions:
            app.view_functions[endpoint] = allow(*who)(app.view_functions[endpoint])
