"""`shop seed` and `shop demo-logins`."""

from __future__ import annotations

import click
from flask import current_app

from catalogue.seed.demo import DEMO_PASSWORD, seed_shop
from catalogue.seed.scale import grow_catalogue
from orders.seed.channel import seed_channel
from orders.seed.today import seed_orders
from shop.clock import utcnow
from shop.db import db
from shop.errors import DomainError

LOGINS = (
    ("顾客 consumer", "consumer@demo.example", "/"),
    ("采购 buyer", "buyer@demo.example", "/buyer"),
    ("合作社 cooperative", "coop-changzhu@demo.example", "/coop"),
    ("专柜 counter", "counter-wh-jh-01@demo.example", "/counter"),
    ("运营 office", "office@demo.example", "/office"),
)


@click.command("seed")
@click.option(
    "--scale", type=click.IntRange(1, 1_000_000), help="Grow the catalogue to that many SKUs, to measure with."
)
def seed(scale: int | None) -> None:
    """Fill the shop with the demonstration; safe to repeat."""
    production = current_app.extensions["settings"].is_production
    seed_shop(db.session(), with_accounts=not production)
    seed_channel(db.session(), utcnow(), with_consignments=not production)
    if not production:
        order_what_is_there()
    if scale:
        grow_catalogue(db.session(), scale)
    click.echo("seeded" + (" (without demo accounts: this is production)" if production else ""))


def order_what_is_there() -> None:
    """Orders of today, where the stock is of these days too."""
    try:
        seed_orders(db.session(), utcnow())
    except DomainError as error:
        db.session.rollback()
        click.echo(f"no orders of today: {error}", err=True)


@click.command("demo-logins")
def demo_logins() -> None:
    """Print who can sign in to the demonstration."""
    if current_app.extensions["settings"].is_production:
        click.echo("  none: this is production")
        return
    for who, email, room in LOGINS:
        click.echo(f"  {who:<22}{email:<34}{room}")
    click.echo(f"  password: {DEMO_PASSWORD}")
    click.echo("  every counter and cooperative has its own: counter-<code>@demo.example, coop-<code>@demo.example")
