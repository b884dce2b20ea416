"""Orders planned together share stock and room, keep every rule, and never cost more than first come, first served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orders.fulfilment.route_command import command
from orders.routing.backlog import one_by_one
from orders.routing.check_plan import check_plan
from orders.routing.instance_file import read_instance
from orders.routing.joint import plan_together
from orders.routing.plan_file import write_plan
from tests.bench.routing.draw import Day, draw


@pytest.mark.parametrize(("seed", "plenty", "room"), [(1, 0.9, 1.3), (2, 1.1, 2.5), (3, 3.0, 6.0)])
def test_together_is_feasible_and_never_dearer(seed: int, plenty: float, room: float) -> None:
    data = draw(Day(seed=seed, orders=14, counters=12, plenty=plenty, room=room))
    instance = read_instance(data)
    together = plan_together(instance)
    assert together.bound_fen <= together.cost_fen <= sum(plan.cost_fen for plan in one_by_one(instance))
    assert check_plan(write_plan(instance, together.plans, "test", 0), data) == []
    assert plan_together(instance) == together


def test_the_first_order_leaves_the_only_bag_to_whom_it_serves_better(tmp_path: Path) -> None:
    """Both counters suit the first order; the second order reaches one of them only."""
    counter = {"storage": ["ambient"], "capacity": 9, "used": 0, "closed": False, "lat": 30.55}
    place = {"lat": 30.55, "method": "delivery", "pickup_counter": None, "handover_on": "2026-11-24"}
    wish = [{"sku": "P", "quantity": 1}]
    data = {
        "now": "2026-11-24T01:00:00Z",
        "costs": {
            "parcel_fen": 600, "per_km_fen": 80, "cold_parcel_fen": 0, "transfer_fen": 0, "load_fen": 0,
            "ageing_fen": 0, "horizon_days": 30, "unfilled_fen": 9_000,
        },
        "skus": [{"sku": "P", "storage": "ambient", "min_life_days": 1}],
        "counters": [
            {**counter, "code": "EAST", "lng": 114.31, "radius_m": 4_000},
            {**counter, "code": "WEST", "lng": 114.27, "radius_m": 4_000},
        ],
        "stock": [
            {"counter": code, "sku": "P", "lot": "L", "quantity": 1, "best_before": "2026-12-24"}
            for code in ("EAST", "WEST")
        ],
        "orders": [
            {**place, "number": "MIDDLE", "lng": 114.295, "lines": wish},
            {**place, "number": "FAR-EAST", "lng": 114.34, "lines": wish},
        ],
    }  # fmt: skip
    instance = read_instance(data)
    greedy, together = one_by_one(instance), plan_together(instance)
    assert [plan.parcels[0].counter if plan.parcels else None for plan in greedy] == ["EAST", None]
    assert [plan.parcels[0].counter for plan in together.plans] == ["WEST", "EAST"]
    file, out = tmp_path / "instance.json", tmp_path / "plan.json"
    file.write_text(json.dumps(data))
    said = CliRunner().invoke(command, ["--instance", str(file), "--joint", "--out", str(out)])
    assert said.exit_code == 0 and "costs less than" in said.output, said.output
    assert json.loads(out.read_text())["total_fen"] == together.cost_fen
