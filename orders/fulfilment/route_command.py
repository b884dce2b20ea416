"""`shop route`: plan the orders of a file, or check a plan, without a database."""

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

File = click.Path(path_type=Path)


@click.command("route")
@click.option("--instance", type=File, required=True, help="The orders, counters, stock and weights (docs/routing.md).")
@click.option("--out", type=File, help="Where to write the plan.")
@click.option("--joint", is_flag=True, help="Plan the orders together instead of one after the other.")
@click.option("--check", "plan", type=File, help="Check this plan instead of making one.")
def command(instance: Path, out: Path | None, plan: Path | None, joint: bool) -> None:
    """Find the cheapest counters for every order of a file; or check a plan against it."""
    if (out is None) == (plan is None):
        raise click.UsageError("Give either --out PLAN.json or --check PLAN.json.")
    data, problem = read_problem(instance)
    if plan is not None:
        check(plan, data)
    elif out is not None:
        make(problem, out, joint=joint)


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
