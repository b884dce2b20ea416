"""The command line of the shop: `shop migrate`, `shop seed`, `shop check` and their like."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import time
from typing import Any

import click
from flask.cli import FlaskGroup, with_appcontext

SECONDS_TO_FIND_A_GAP = 60

# Commands that live with what they act on: name -> module:function. Loaded when they are asked for, so that
# `shop migrate` starts without reading the whole shop's seeds.
ELSEWHERE = {
    "seed": "orders.seed.command:seed",
    "demo-logins": "orders.seed.command:demo_logins",
    "check": "orders.check:command",
    "payments": "orders.payments.endpoint:command",
    "recall": "orders.recall:command",
    "erasures": "orders.personal:command",
    "relay": "workers.relay:command",
    "route": "orders.fulfilment.route_command:command",
    "token": "shop.accounts.commands:token",
    "user": "shop.accounts.commands:user",
}

# These work on files alone: no settings, no database.
ON_FILES = {"route"}


def assemble() -> Any:
    """The application the commands run in; wrong settings are said in a sentence, without a traceback."""
    gc.disable()  # what is loaded stays: looking through it again and again is a sixth of the start
    from shop.app import create_app
    from shop.config import SettingsError

    try:
        return create_app()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    finally:
        gc.freeze()
        gc.enable()


class ShopGroup(FlaskGroup):
    """Finds a command where it lives; each runs inside the application."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *ELSEWHERE})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in ELSEWHERE:
            return click.Group.get_command(self, ctx, name)
        module, function = ELSEWHERE[name].split(":")
        try:
            command = getattr(importlib.import_module(module), function)
            return command if name in ON_FILES else within_application(command)
        except ModuleNotFoundError as error:
            # A command whose own module is absent from this installation; any other import error is a fault.
            if error.name is None or not module.startswith(error.name):
                raise
            raise click.ClickException(f"`shop {name}` is not part of this installation") from None


def within_application(command: click.Command) -> click.Command:
    """The same command (and its sub-commands) run inside an application context."""
    if isinstance(command, click.Group):
        for part in command.commands.values():
            within_application(part)
    elif command.callback is not None and not getattr(command.callback, "in_application", False):
        command.callback = with_appcontext(command.callback)
        command.callback.in_application = True  # type: ignore[attr-defined]
    return command


@click.group(cls=ShopGroup, create_app=assemble, add_default_commands=False, add_version_option=False)
def shop() -> None:
    """Run and look after the shop."""


@shop.command()
@click.option("--check", is_flag=True, help="Compare the tables with the models afterwards; a difference is an error.")
@with_appcontext
def migrate(check: bool) -> None:
    """Bring the tables up to date. Waits briefly for locks and tries again, so the shop never queues behind it."""
    from shop import migrating

    bring_up_to_date()
    if check:
        migrating.check()


def bring_up_to_date() -> None:
    """Run the migrations; while a table is in use, try again for a minute."""
    from sqlalchemy.exc import OperationalError

    from shop.db import sqlstate
    from shop.migrating import upgrade

    deadline = time.monotonic() + SECONDS_TO_FIND_A_GAP
    while True:
        try:
            upgrade()
        except OperationalError as error:
            if sqlstate(error) != "55P03" or time.monotonic() > deadline:
                raise
            click.echo("a table is in use, trying again", err=True)
            time.sleep(1)
        else:
            return


@shop.command()
def run() -> None:
    """Start the whole shop here, with private services for what the environment does not name."""
    from shop.sandbox.run import main as run_sandbox

    sys.exit(run_sandbox([]))


# Verbs that may take longer in the database than a page.
ROLES = {
    "migrate": "migrate", "check": "report", "recall": "bulk_worker", "erasures": "bulk_worker",
    "payments": "bulk_worker", "seed": "bulk_worker",
}  # fmt: skip


def main() -> None:
    """The console script. A verb says what kind of process it is before the settings are read."""
    role = ROLES.get("".join(sys.argv[1:2]))
    if role is not None:
        os.environ.setdefault("PROCESS_ROLE", role)
    shop.main(prog_name="shop")


if __name__ == "__main__":
    main()
