"""The documented file: its example reproduces its plan, a broken one says where, a wrong plan is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orders.fulfilment.route_command import command
from orders.routing.check_plan import check_plan
from orders.routing.instance_file import read_instance
from orders.routing.shapes import BrokenFile

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
INSTANCE = EXAMPLES / "routing-instance.json"
PLAN = EXAMPLES / "routing-plan.json"


def loaded(file: Path) -> Any:
    return json.loads(file.read_text())


def test_the_example_gives_the_plan_in_the_docs(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    result = CliRunner().invoke(command, ["--instance", str(INSTANCE), "--out", str(out)])
    assert result.exit_code == 0, result.output
    made, documented = loaded(out), loaded(PLAN)
    assert made.pop("seconds") >= 0 and documented.pop("seconds") >= 0
    assert made == documented
    checked = CliRunner().invoke(command, ["--instance", str(INSTANCE), "--check", str(out)])
    assert checked.exit_code == 0 and "right" in checked.output


def broken(change: Callable[[Any], object]) -> str:
    """What is said of the example after this change."""
    data = loaded(INSTANCE)
    change(data)
    with pytest.raises(BrokenFile) as fault:
        read_instance(data)
    return str(fault.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: d["orders"][1]["lines"][0].update(quantity=0),
            "orders[1].lines[0].quantity: must be a whole number ≥ 1",
        ),
        (
            lambda d: d["orders"][1]["lines"][0].update(quantity=True),
            "orders[1].lines[0].quantity: must be a whole number ≥ 1",
        ),
        (lambda d: d["costs"].pop("load_fen"), "costs.load_fen: is missing"),
        (
            lambda d: d["skus"][0].update(colour="red"),
            "skus[0].colour: is unknown; known here: sku, storage, min_life_days",
        ),
        (
            lambda d: d["counters"][2]["storage"].append("warm"),
            "counters[2].storage[1]: must be one of ambient, chilled, frozen",
        ),
        (lambda d: d["counters"][2].update(lat="30.5"), "counters[2].lat: must be a number from -90 to 90"),
        (lambda d: d["counters"][1].update(code="WH-JH-01"), "counters[1].code: stands twice: WH-JH-01"),
        (lambda d: d["stock"][3].update(counter="WH-XX"), "stock[3].counter: names no counter of this file: WH-XX"),
        (lambda d: d["stock"][3].update(best_before="soon"), "stock[3].best_before: must be a date like 2026-11-24"),
        (
            lambda d: d["orders"][0].update(pickup_counter="WH-JH-01"),
            "orders[0].pickup_counter: must be null for a delivery",
        ),
        (lambda d: d["orders"][1].update(pickup_counter=None), "orders[1].pickup_counter: must be a text"),
        (lambda d: d["orders"][0].update(lines=[]), "orders[0].lines: must hold at least one line"),
        (lambda d: d.update(stock={}), "stock: must be a list […]"),
        (lambda d: d.update(now="2026-11-24T09:00:00"), "now: must say its offset, like 2026-11-24T01:00:00Z"),
    ],
)
def test_a_broken_file_says_where_and_what(change: Callable[[Any], object], words: str) -> None:
    assert broken(change) == words


def test_the_command_line_refuses_a_broken_file_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    for content, words in (("{", "is not JSON: line 1, column 2"), ("[]", "must be an object"), ("NaN", "holds NaN")):
        file.write_text(content)
        result = CliRunner().invoke(command, ["--instance", str(file), "--out", str(tmp_path / "plan.json")])
        assert result.exit_code == 1 and words in result.output and "Traceback" not in result.output
    result = CliRunner().invoke(command, ["--instance", str(tmp_path / "none.json"), "--out", str(tmp_path / "p.json")])
    assert result.exit_code == 1 and "cannot be read" in result.output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda p: p["orders"][0]["parcels"][0]["lines"][0].update(quantity=10),
            "stock: 10 of red-potatoes-2kg, lot P-1101, are taken at WH-WC-01, more than stand there",
        ),
        (
            lambda p: p["orders"][0]["parcels"][0]["cost_fen"].update(distance=416),
            "orders[0].parcels[0].cost_fen.distance: says 416, comes to 417",
        ),
        (lambda p: p["orders"][0].update(cost_fen=1), "orders[0].cost_fen: says 1, comes to 2679"),
        (lambda p: p.update(total_fen=7), "total_fen: says 7, comes to 105158"),
        (
            lambda p: p["orders"][1]["unfilled"].clear(),
            "orders[1].unfilled: tibetan-oil-1l: 4 given + 0 unfilled ≠ 5 wanted",
        ),
        (lambda p: p["orders"].pop(), "orders: order YL-2 is missing"),
        (
            lambda p: p["orders"][1]["parcels"][1].update(counter="WH-HS-01"),
            "orders[1].parcels[1].counter: WH-HS-01 is closed",
        ),
        (
            lambda p: p["orders"][0]["parcels"][0].update(counter="WH-HY-01"),
            "orders[0].parcels[0].counter: WH-HY-01 does not deliver that far",
        ),
        (lambda p: p["orders"][1]["parcels"][1].update(role="deliver"), "orders[1].parcels[1].role: must be transfer"),
        (lambda p: p["orders"][1].update(bound_fen=5), "orders[1].proved: is said, but the bound is below the cost"),
        (lambda p: p["orders"][1]["reasons"].pop(), "orders[1].reasons: nothing is said of WH-WC-01"),
    ],
)
def test_a_wrong_plan_is_found_out(change: Callable[[Any], object], words: str) -> None:
    plan = loaded(PLAN)
    assert check_plan(plan, loaded(INSTANCE)) == []
    change(plan)
    assert words in check_plan(plan, loaded(INSTANCE))


def test_a_full_counter_and_old_goods_are_found_out() -> None:
    instance = loaded(INSTANCE)
    instance["counters"][0]["used"] = 39
    instance["stock"][0]["best_before"] = "2026-11-27"
    found = check_plan(loaded(PLAN), instance)
    assert "counters: WH-JH-01 has no room for 2 parcels" in found
    assert any("E-1112 is too old at hand-over" in fault for fault in found)
