"""What an experiment measured beside the limit it must keep; printed as one table at the end of the run.

`make faults` runs the experiments in full size (FULL_SIZE=1), `make test` small. In full size each test's figures are
appended to test-results/figures.txt as soon as it ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

FULL_SIZE = os.environ.get("FULL_SIZE") == "1"
WHERE_TO_KEEP = "FIGURES_FILE"
KEPT_SO_FAR = Path("test-results/figures.txt")
PROPERTY = "figure"


@dataclass(frozen=True)
class Figure:
    """One measured number: of which experiment, what it is, and whether it kept its limit."""

    id: str
    what: str
    figure: str
    limit: str
    verdict: str


def size(small: int, full: int) -> int:
    """How many of something: few in `make test`, as many as the plan says in `make faults`."""
    return full if FULL_SIZE else small


def said(value: float, unit: str) -> str:
    """A number as people write it."""
    number = f"{value:.3g}" if isinstance(value, float) and value < 1000 else f"{value:,.0f}"
    return f"{number} {unit}".strip()


class Figures:
    """Takes the numbers of one experiment and fails at the first that does not keep its limit."""

    def __init__(self, experiment: str, item: pytest.Item) -> None:
        self.experiment = experiment
        self.item = item

    def exactly(self, what: str, value: float, wanted: float, unit: str = "") -> None:
        """It must be this number."""
        self.keep(what, said(value, unit), f"= {said(wanted, unit)}", value == wanted)

    def at_most(self, what: str, value: float, most: float, unit: str = "") -> None:
        """It may not be more."""
        self.keep(what, said(value, unit), f"≤ {said(most, unit)}", value <= most)

    def takes_at_most(self, what: str, seconds: float, most: float) -> None:
        """It may not take longer; judged in full size only, for `make test` shares its machine with anybody."""
        self.keep(what, said(seconds, "s"), f"≤ {said(most, 's')}", seconds <= most, judged=FULL_SIZE)

    def at_least(self, what: str, value: float, least: float, unit: str = "") -> None:
        """It may not be less."""
        self.keep(what, said(value, unit), f"≥ {said(least, unit)}", value >= least)

    def keep(self, what: str, figure: str, limit: str, passed: bool, judged: bool = True) -> None:
        """Write it into the table and insist on it."""
        verdict = "pass" if passed else "FAIL" if judged else "slower, not judged here"
        # A test's properties travel with its report, also from a process of its own.
        self.item.user_properties.append((PROPERTY, asdict(Figure(self.experiment, what, figure, limit, verdict))))
        assert passed or not judged, f"{self.experiment}: {what} is {figure}, wanted {limit}"


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[[str], Figures]:
    """Makes the table's rows: `figures("A1").exactly("packs oversold", oversold, 0)`."""
    return lambda experiment: Figures(experiment, request.node)


def table(kept: list[Figure]) -> list[str]:
    """The table, one line a figure."""
    rows = [("id", "what", "figure", "limit", "")]
    rows += [(one.id, one.what, one.figure, one.limit, one.verdict) for one in kept]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make faults` runs what measures; what is marked `full` runs nowhere else."""
    chosen = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = chosen


def wanted(item: pytest.Item) -> bool:
    """Whether this test belongs to this run."""
    measures = "figures" in getattr(item, "fixturenames", ())
    return measures if FULL_SIZE else item.get_closest_marker("full") is None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In full size, write down what each test measured as soon as it ends: a run that is broken off is not lost."""
    # Where several processes run tests, the one that hands them out hears of each report a second time.
    if not FULL_SIZE or report.when != "call" or "PYTEST_XDIST_WORKER" in os.environ:
        return
    kept = [Figure(**values) for name, values in report.user_properties if name == PROPERTY]
    lines = [f"{report.outcome} in {report.duration:.0f} s: {report.nodeid}", *table(kept)[1:]]
    KEPT_SO_FAR.parent.mkdir(exist_ok=True)
    with KEPT_SO_FAR.open("a") as file:
        file.write("\n".join(lines) + "\n\n")


def measured(terminalreporter: Any) -> list[Figure]:
    """The numbers of every test that has run, here or in another process."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    properties = [prop for report in reports if report.when == "call" for prop in report.user_properties]
    return [Figure(**values) for name, values in properties if name == PROPERTY]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, and keep it where the environment says."""
    kept = sorted(measured(terminalreporter), key=lambda one: (one.id.rstrip("0123456789n"), len(one.id), one.id))
    if not kept:
        return
    terminalreporter.section("measured" + (" in full size" if FULL_SIZE else " in small size"))
    for line in table(kept):
        terminalreporter.write_line(line)
    if os.environ.get(WHERE_TO_KEEP):
        Path(os.environ[WHERE_TO_KEEP]).write_text(json.dumps([asdict(one) for one in kept], ensure_ascii=False))
