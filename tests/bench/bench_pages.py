"""How fast a laptop's shop is there, and how fast its first pages answer to a handful of people at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shop.sandbox.services import scratch_folder
from tests.sandbox.running import Run

PEOPLE = 4
VISITS = 400
PATHS = ("/healthz", "/readyz", "/")


@pytest.fixture(scope="module")
def shop() -> Iterator[Run]:
    with scratch_folder() as folder:
        started = time.perf_counter()
        run = Run(folder / "market")
        try:
            run.wait_until_ready()
            print(f"\nfrom nothing to ready: {time.perf_counter() - started:.1f} s")
            yield run
        finally:
            run.process.terminate()
            run.process.wait(60)


@pytest.mark.parametrize("path", PATHS)
def bench_page(shop: Run, path: str) -> None:
    def visit(_: int) -> float:
        started = time.perf_counter()
        assert shop.get(path)
        return time.perf_counter() - started

    began = time.perf_counter()
    with ThreadPoolExecutor(PEOPLE) as people:
        times = sorted(people.map(visit, range(VISITS)))
    seconds = time.perf_counter() - began
    p50, p95, p99 = (times[int(VISITS * share)] * 1000 for share in (0.5, 0.95, 0.99))
    print(f"{path}: {VISITS / seconds:.0f}/s, p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms")
