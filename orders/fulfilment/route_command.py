"""`shop route`: plan the orders of a file or check a plan, without a database; or plan what waits in the shop."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from orders.routing.check_plan import check_plan
from orders.routing.instance_file import Instance, read_instance
from orders.routing.plan_file import write_plan
from orders.routing.shapes import BrokenFile, load
from shop.clock import utcnow
from shop.db import db

File = click.Path(path_type=Path)


@click.command("route")
@click.option("--instance", type=File, help="The orders, counters, stock and weights (docs/routing.md).")
@click.option("--out", type=File, help="Where to write the plan.")
@click.option("--joint", is_flag=True, help="Plan the orders together instead of one after the other.")
@click.option("--check", "plan", type=File, help="Check this plan instead of making one.")
@click.option("--backlog", is_flag=True, help="Plan the shop's own waiting orders together, and carry it out.")
@click.option("--seconds", type=click.FloatRange(0.1, 3600), default=60.0, help="How long --backlog may search.")
def command(
    instance: Path | None, out: Path | None, plan: Path | None, joint: bool, backlog: bool, seconds: float
) -> None:
    """Find the cheapest counters for every order of a file; check a plan; or plan what waits in the shop."""
    if backlog:
        if instance or out or plan or joint:
            raise click.UsageError("--backlog plans the shop's own orders: it takes no file.")
        # The only way of this command that needs settings and a database: files are planned without.
        with click.get_current_context().obj.load_app().app_context():
            plan_waiting(seconds)
        return
    if instance is None:
        raise click.UsageError("Give --instance FILE.json, or --backlog for the shop's own orders.")
    if (out is None) == (plan is None):
        raise click.UsageError("Give either --out PLAN.json or --check PLAN.json.")
    data, problem = read_problem(instance)
    if plan is not None:
        check(plan, data)
    elif out is not None:
        make(problem, out, joint=joint)


def plan_waiting(seconds: float) -> None:
    """Plan every order that waits for a counter together and write it; say what it costs beside one by one."""
    from orders.fulfilment.backlog import route_backlog

    done = route_backlog(db.session(), None, utcnow(), "backlog", seconds)
    if not done.orders:
        click.echo("No order waits for a counter.")
        return
    click.echo(
        f"{done.orders} orders waited, {done.written} planned: {done.together_fen} fen together,"
        f" {done.alone_fen} fen one by one; {done.seconds:.1f} s"
    )
    click.echo(f"no way to plan them all costs less than {done.bound_fen} fen")


def read_problem(file: Path) -> tuple[Any, Instance]:
    """The file's JSON, and what it means; a broken one is refused with the path of the fault."""
    try:
        data = load(file)
        return data, read_instance(data)
    except BrokenFile as fault:
        raise click.ClickException(f"{file}: {fault}") from None


def make(instance: Instance, out: Path, *, joint: bool) -> None:
    """Plan the orders, first come, first served or together; write the plan and say what it costs."""
    from orders.routing.backlog import one_by_one  # brings numpy, which checking and `--help` do without
    from orders.routing.joint import plan_together
    from orders.routing.solver import SOLVER

    started = time.perf_counter()
    together = plan_together(instance) if joint else None
    plans = together.plans if together else one_by_one(instance)
    solver = f"{SOLVER}, joint" if together else SOLVER
    written = write_plan(instance, plans, solver, time.perf_counter() - started)
    try:
        out.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written: {error.strerror}") from None
    missing = sum(line.quantity for one in plans for line in one.unfilled)
    parcels = sum(len(one.parcels) for one in plans)
    proved = sum(one.proved for one in plans)
    click.echo(
        f"{len(plans)} orders, {parcels} parcels, {missing} packs unfilled, {written['total_fen']} fen; "
        f"{proved} proved cheapest; {written['seconds']} s"
    )
    if together:
        click.echo(f"no way to plan them all costs less than {together.bound_fen} fen")


def check(file: Path, instance: Any) -> None:
    """Say every fault of the plan and end with 1, or say that it is right."""
    try:
        faults = check_plan(load(file), instance)
    except BrokenFile as fault:
        raise click.ClickException(f"{file}: {fault}") from None
    for said in faults:
        click.echo(said)
    if faults:
        raise click.exceptions.Exit(1)
    click.echo("The plan keeps every rule, and every figure in it is right.")
