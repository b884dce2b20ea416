"""`shop user …` and `shop token …`: accounts and machine keys from the command line."""

from __future__ import annotations

import click

from shop.accounts import registration, tokens
from shop.accounts.models import ApiToken, RoleName
from shop.accounts.passwords import faults_of_password
from shop.accounts.policy import SCOPES
from shop.audit import Actor, record
from shop.db import db


@click.group()
def user() -> None:
    """Accounts."""


@user.command("create")
@click.argument("email")
@click.option("--name", default="", help="What the person is called.")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice([role.value for role in RoleName]), help="Repeatable."
)
@click.password_option(help="At least 12 characters; asked for when left out.")
def create_user(email: str, name: str, roles: tuple[str, ...], password: str) -> None:
    """Open an account."""
    faults = faults_of_password(password, email=email, name=name)
    if faults:
        raise click.ClickException(str(faults[0]))
    wanted = tuple(dict.fromkeys((RoleName.CONSUMER.value, *roles)))
    made = registration.create_user(db.session(), email=email, password=password, name=name, roles=wanted)
    if made is None:
        raise click.ClickException(f"{email} has an account already")
    db.session.commit()
    click.echo(f"{made.email}: {', '.join(wanted)}")


@click.group()
def token() -> None:
    """Keys for machines that use the API."""


@token.command("create")
@click.argument("email")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(sorted(SCOPES)), help="Repeatable.")
@click.option("--name", default="", help="What the key is for.")
def create_token(email: str, scopes: tuple[str, ...], name: str) -> None:
    """Make a key; it is printed once and never again."""
    owner = registration.find_user(db.session(), email)
    if owner is None:
        raise click.ClickException(f"nobody has an account with the address {email}")
    secret = tokens.create_token(db.session(), owner, scopes, name)
    record(db.session(), Actor("command line"), "token.create", "user", owner.id, after={"scopes": sorted(scopes)})
    db.session.commit()
    click.echo(secret)


@token.command("list")
@click.argument("email")
def list_tokens(email: str) -> None:
    """Show a person's keys by their first letters; the keys themselves are known to nobody."""
    for one in tokens.tokens_of(db.session(), email):
        state = "revoked" if one.revoked_at else f"last used {one.last_used_at or 'never'}"
        click.echo(f"{one.id}\t{one.hint}…\t{one.name}\t{' '.join(one.scopes)}\t{state}")


@token.command("revoke")
@click.argument("token_id", type=int)
def revoke_token(token_id: int) -> None:
    """End a key, by its number in the list; it opens nothing from now on."""
    found = db.session.get(ApiToken, token_id)
    if found is None:
        raise click.ClickException(f"there is no key {token_id}")
    tokens.revoke_token(db.session(), found)
    record(db.session(), Actor("command line"), "token.revoke", "user", found.user_id, after={"token": token_id})
    db.session.commit()
    click.echo(f"{found.hint}… is revoked")
