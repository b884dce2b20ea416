"""The shop over HTTP against its limits, in one run: pages against a bare view, checkouts against raw SQL.

`make bench` runs it; docs/benchmarks.md keeps the last table. 10,000 SKUs, the web server of `make run` (two
processes of twelve threads), the load generator beside it on the same machine.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest

from shop.app import create_app
from shop.db import db
from shop.sandbox.processes import free_port
from shop.sandbox.services import scratch_folder, start_mail_sink, start_postgres, start_redis
from tests.bench import load
from tests.conftest import settings_for
from tests.faults.harness import Processes, processes, wait_until
from tests.invariants import faults_without_workers

SKUS = 10_000
SECONDS = 6.0
ROUNDS = 3
RAW_SECONDS = 5.0
TRICKLE_PER_SECOND, TRICKLE_SECONDS = 20, 15
WARM_UP = 40
RUSH = 600
HOT_PACKS = 500


@dataclass
class Table:
    """What was measured, row by row."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, aim: str = "") -> None:
        self.figures[name] = value
        shown = f"{value:,.0f}" if value >= 20 else f"{value:.2f}"
        self.rows.append((name, f"{shown} {unit}", aim))
        print(f"  {name:<58}{shown:>10} {unit:<10}{aim}", flush=True)

    def ratio(self, name: str, part: str, whole: str, aim: str = "") -> None:
        self.add(name, 100 * self.figures[part] / self.figures[whole], "%", aim)


@dataclass
class Bench:
    """A shop with many goods, its processes and the table."""

    url: str
    children: Processes
    cached: str
    uncached: str
    bare: str
    table: Table
    skus: list[tuple[int, str]]
    database: psutil.Process

    def sql(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)

    def rate(self, name: str, address: str, make: load.MakeRequest, clients: int, unit: str, aim: str = "") -> None:
        """The median of three rounds, with the 95th percentile of the middle one, and what an answer cost."""
        load.run(address, make, clients=clients, seconds=1.0)
        before = self.processor_seconds()
        results = sorted(
            (load.run(address, make, clients=clients, seconds=SECONDS / ROUNDS) for _ in range(ROUNDS)),
            key=lambda one: one.rate,
        )
        spent = [after - earlier for earlier, after in zip(before, self.processor_seconds(), strict=True)]
        middle = results[ROUNDS // 2]
        bad = {status: count for status, count in middle.statuses.items() if status >= 400}
        assert not bad, (name, bad)
        answers = sum(len(one.took) for one in results)
        web, postgres = (1000 * seconds / answers for seconds in spent)
        cost = f"web {web:.1f} + PostgreSQL {postgres:.1f} ms"
        self.table.add(name, middle.rate, unit, f"p95 {middle.percentile(0.95):.1f} ms  {cost}  {aim}".rstrip())

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time spent so far by the shop's processes, and by PostgreSQL's."""
        return sum(map(busy, self.children.running)), busy(self.database)


def busy(root: psutil.Process | subprocess.Popen[bytes]) -> float:
    """Processor seconds of a process and all that is or was below it and was waited for."""
    top, spent = psutil.Process(root.pid), 0.0
    for one in (top, *top.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # ended meanwhile: its parent counts it
            times = one.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    os.environ.setdefault("RATE_LIMITS", "false")
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        postgres, redis = start_postgres(folder / "postgres", durable=True), start_redis(folder / "redis")
        assert postgres.process is not None
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        mail = start_mail_sink(folder / "mail")
        stack.callback(mail.stop)
        fill(postgres.url, redis.url)
        children = stack.enter_context(
            processes(postgres.url, redis.url, smtp_url=mail.url, extra={"FAIL_POINTS": "false"})
        )
        _, cached = children.web(free_port())
        _, uncached = children.web(free_port(), PAGE_CACHE_SECONDS="0")
        _, bare = children.web(free_port(), app="tests.bench.bare:app")
        for address in (cached, uncached, bare):
            wait_until(lambda address=address: answers(address), 60, "the web server")
        with psycopg.connect(postgres.url) as connection:
            skus = connection.execute("SELECT id, code FROM sku WHERE code LIKE 'S-%' ORDER BY id").fetchall()
        print(f"\n{os.cpu_count()} cores, Python {sys.version.split()[0]}, {len(skus):,} SKUs\n")
        yield Bench(postgres.url, children, cached, uncached, bare, Table(), skus, psutil.Process(postgres.process.pid))


def fill(url: str, redis_url: str) -> None:
    """Tables, goods and counters."""
    from catalogue.seed.demo import seed_shop
    from catalogue.seed.scale import grow_catalogue
    from shop.migrating import upgrade

    app = create_app(settings_for(url, redis_url))
    with app.app_context():
        upgrade()
        seed_shop(db.session(), with_accounts=False)
        grow_catalogue(db.session(), SKUS)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    with psycopg.connect(url, autocommit=True) as connection:
        # As autovacuum leaves a shop within a minute: tables in which nothing is yet it leaves alone.
        connection.execute("VACUUM ANALYZE product, sku, lot, stock_level, availability, counter, cooperative")


def answers(address: str) -> bool:
    try:
        return load.run(address, load.get("/healthz"), clients=1, seconds=5, turns=1).statuses[200] == 1
    except OSError:
        return False


def bench_the_shop(bench: Bench) -> None:
    """Everything in one run, so that each figure stands beside its limit."""
    pages(bench)
    memory(bench)
    placed_to_told(bench)
    opening_rush(bench)
    raw_checkouts(bench)
    checkouts(bench)
    hot_sku(bench)
    nothing_is_broken(bench)
    keep(bench.table)


def pages(bench: Bench) -> None:
    product = load.get("/p/red-potato")
    searches = [b"/search?q=zxj", b"/search?q=%E9%9D%92%E7%A8%9E"]

    def search(_client: int, turn: int) -> bytes:
        return b"GET " + searches[turn % 2] + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    bench.rate("bare view (Flask, same server)", bench.bare, load.get("/healthz"), 8, "req/s")
    bench.rate("list page, kept", bench.cached, load.get("/products"), 8, "req/s", "aim ≥ 1,500")
    bench.rate("product page, kept", bench.cached, product, 8, "req/s")
    bench.rate("list page, drawn", bench.uncached, load.get("/products"), 8, "req/s", "aim ≥ 350")
    bench.rate("product page, drawn", bench.uncached, product, 8, "req/s")
    bench.rate("search page, drawn", bench.uncached, search, 8, "req/s")
    bench.table.ratio("list page, kept / bare view", "list page, kept", "bare view (Flask, same server)", "aim ≥ 50")


def memory(bench: Bench) -> None:
    """What one web server's processes hold together after the load (private memory, shared pages counted once)."""
    web = psutil.Process(bench.children.running[0].pid)
    whole = sum(one.memory_full_info().pss for one in (web, *web.children(recursive=True)))
    bench.table.add("memory of one web server's processes", whole / 2**20, "MB", "aim ≤ 200")


RAW_LINES = 3


def raw_checkouts(bench: Bench) -> None:
    """The limit: the same rows through psycopg alone, 8 connections, spread over the goods and on one."""
    with bench.sql() as connection:
        connection.execute(
            "CREATE TABLE raw_stock (sku_id bigint PRIMARY KEY, available bigint CHECK (available >= 0))"
        )
        connection.execute("INSERT INTO raw_stock SELECT id, 1000000 FROM sku")
        connection.execute(
            "CREATE TABLE raw_order (id bigserial PRIMARY KEY, total bigint, at timestamptz DEFAULT now())"
        )
        connection.execute("CREATE TABLE raw_line (order_id bigint, sku_id bigint, packs int)")
        connection.execute("CREATE TABLE raw_job (id bigserial PRIMARY KEY, order_id bigint)")
    ids = [sku_id for sku_id, _ in bench.skus]
    hot = ids[0]

    def spread(randomness: random.Random) -> list[int]:
        return sorted(randomness.sample(ids, RAW_LINES))

    def with_hot(randomness: random.Random) -> list[int]:
        return [*sorted(randomness.sample(ids[1:], RAW_LINES - 1)), hot]

    bench.table.add("raw SQL, 3 lines, 8 connections", raw_rate(bench.url, spread), "orders/s")
    bench.table.add("raw SQL, one hot row locked last", raw_rate(bench.url, with_hot), "orders/s")


def raw_rate(url: str, choose: Callable[[random.Random], list[int]]) -> float:
    done = [0] * 8

    def buy(number: int) -> None:
        randomness = random.Random(number)
        until = time.perf_counter() + RAW_SECONDS
        with psycopg.connect(url) as connection:
            while time.perf_counter() < until:
                with connection.transaction():
                    skus = choose(randomness)
                    for sku_id in skus:
                        connection.execute(
                            "UPDATE raw_stock SET available = available - 1 WHERE sku_id = %s AND available >= 1",
                            [sku_id],
                        )
                    found = connection.execute("INSERT INTO raw_order (total) VALUES (100) RETURNING id").fetchone()
                    assert found
                    for sku_id in skus:
                        connection.execute("INSERT INTO raw_line VALUES (%s, %s, 1)", [found[0], sku_id])
                    connection.execute("INSERT INTO raw_job (order_id) VALUES (%s)", [found[0]])
                done[number] += 1

    threads = [threading.Thread(target=buy, args=(number,)) for number in range(8)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


def order_of(codes: list[str], counter: str = "WH-JH-01") -> bytes:
    """The body of an order of one pack of each, to be collected."""
    body = {
        "lines": [{"sku": code, "quantity": 1} for code in codes],
        "contact": {"name": "Demo guest", "phone": "13800000000"},
        "fulfilment": {"method": "pickup", "counter": counter},
        "payment": {"method": "at_counter"},
    }
    return json.dumps(body).encode()


def checkouts(bench: Bench) -> None:
    """Orders of three lines through the API, spread over the goods."""
    codes = [code for _, code in bench.skus]
    randomness = [random.Random(number) for number in range(64)]

    def body(client: int, _turn: int) -> bytes:
        return order_of(randomness[client].sample(codes, 3))

    for clients in (1, 8, 32):
        aim = "aim ≥ 200" if clients == 8 else ""
        name = f"checkout over HTTP, 3 lines, {clients} clients"
        bench.rate(name, bench.uncached, load.post("/api/v1/orders", body), clients, "orders/s", aim)
    bench.table.ratio(
        "checkout / raw SQL", "checkout over HTTP, 3 lines, 8 clients", "raw SQL, 3 lines, 8 connections", "aim ≥ 5"
    )


def deadlocks(bench: Bench) -> int:
    with bench.sql() as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    return int(row[0]) if row else 0


def hot_sku(bench: Bench) -> None:
    """Everybody wants one SKU: as fast as it goes, then the last packs of it by 32 clients."""
    hot_id, hot = bench.skus[0]
    others = [code for _, code in bench.skus[1:]]
    before = deadlocks(bench)
    stock(bench, hot_id, 100_000)
    randomness = [random.Random(100 + number) for number in range(64)]

    def body(client: int, _turn: int) -> bytes:
        return order_of([*randomness[client].sample(others, 2), hot])

    name = "checkout over HTTP, one hot SKU, 32 clients"
    bench.rate(name, bench.uncached, load.post("/api/v1/orders", body), 32, "orders/s")
    bench.table.ratio("hot SKU / spread", name, "checkout over HTTP, 3 lines, 32 clients", "aim ≥ 50")
    rare_id, rare = bench.skus[1]
    packs = HOT_PACKS + stock(bench, rare_id, HOT_PACKS)
    result = load.run(
        bench.uncached, load.post("/api/v1/orders", lambda _c, _t: order_of([rare])), clients=32, seconds=60,
        turns=packs // 32 + 5,
    )  # fmt: skip
    bench.table.add(
        f"oversold of {packs} packs under 32 clients", max(0, result.statuses[201] - packs), "packs", "aim 0"
    )
    assert result.statuses[201] <= packs
    assert set(result.statuses) <= {201, 409}, result.statuses
    bench.table.add("deadlocks", deadlocks(bench) - before, "", "aim 0")


def stock(bench: Bench, sku_id: int, packs: int) -> int:
    """More packs of a SKU where some stand already; how many could be ordered before."""
    with bench.sql() as connection:
        left = connection.execute(
            "SELECT available FROM availability WHERE sku_id = %s AND channel = 'counters'", [sku_id]
        ).fetchone()
        connection.execute(
            "INSERT INTO stock_movement (level_id, kind, d_on_hand, d_reserved, source_type, source_id, actor)"
            " SELECT l.id, 'receive', %s, 0, 'receipt', gen_random_uuid()::text, 'bench' FROM stock_level l"
            " JOIN location p ON p.id = l.location_id WHERE l.sku_id = %s AND p.channel = 'counters' LIMIT 1",
            [packs, sku_id],
        )
    return int(left[0]) if left else 0


def placed_to_told(bench: Bench) -> None:
    """How long an order of the shop's own goods waits for its counter, and for the notice of it, at a trickle."""
    helpers = [bench.children.worker("route", 2), bench.children.worker("notify,mail", 2), bench.children.relay()]
    wait_until(lambda: workers_heard(bench) >= 2, 60, "two workers")
    codes, randomness = own_goods(bench), random.Random(7)
    for _ in range(WARM_UP):  # the first of everything is slow once a day, not once an order
        send_one(bench.uncached, load.post("/api/v1/orders", lambda _c, _t: order_of(randomness.sample(codes, 3))))
    wait_until(lambda: waiting(bench) == 0, 60, "the first orders routed and told")
    with bench.sql() as connection:
        last = connection.execute('SELECT coalesce(max(id), 0) FROM "order"').fetchone()
    began = time.perf_counter()
    for number in range(TRICKLE_PER_SECOND * TRICKLE_SECONDS):
        threading.Event().wait(max(0.0, began + number / TRICKLE_PER_SECOND - time.perf_counter()))
        body = order_of(randomness.sample(codes, 3))
        request = load.post("/api/v1/orders", lambda _c, _t, body=body: body)
        threading.Thread(target=send_one, args=(bench.uncached, request)).start()
    wait_until(lambda: waiting(bench) == 0, 60, "every order routed and told")
    with bench.sql() as connection:
        row = connection.execute(
            """
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM routed.at - o.created_at)),
                   percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM routed.at - o.created_at)),
                   percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM told.at - o.created_at)),
                   count(*)
              FROM "order" o
              JOIN LATERAL (SELECT min(at) AS at FROM order_event e WHERE e.order_id = o.id
                             AND e.kind = 'order.routed') routed ON routed.at IS NOT NULL
              JOIN LATERAL (SELECT max(created_at) AS at FROM notification n WHERE n.order_id = o.id) told
                ON told.at IS NOT NULL
             WHERE o.id > %s""",
            [last[0] if last else 0],
        ).fetchone()
    for helper in helpers:
        bench.children.kill(helper)
    assert row
    assert row[3] == TRICKLE_PER_SECOND * TRICKLE_SECONDS
    bench.table.add(f"placed → routed, median at {TRICKLE_PER_SECOND} orders/s", row[0], "s")
    bench.table.add("placed → routed, p95", row[1], "s", "aim < 1")
    bench.table.add("placed → counter and cooperatives told, p95", row[2], "s")


def opening_rush(bench: Bench) -> None:
    """Orders that wait for the morning's first worker: how many a second get their counters, committed."""
    codes, randomness = own_goods(bench), random.Random(8)
    with bench.sql() as connection:
        places = [code for (code,) in connection.execute("SELECT code FROM counter ORDER BY code")]
        began = connection.execute("SELECT clock_timestamp()").fetchone()
    bodies = [order_of(randomness.sample(codes, 3), randomness.choice(places)) for _ in range(RUSH)]
    placing = load.post("/api/v1/orders", lambda client, turn: bodies[client * RUSH // 8 + turn])
    result = load.run(bench.uncached, placing, clients=8, seconds=120, turns=RUSH // 8)
    assert result.statuses == {201: RUSH}, result.statuses
    helpers = [bench.children.worker("route", 2), bench.children.relay()]
    with bench.sql() as connection:
        wait_until(lambda: connection.execute(STILL_TO_ROUTE).fetchone() == (0,), 180, "every order routed")
        row = connection.execute(
            "SELECT extract(epoch FROM max(at) - min(at)), count(*) FROM order_event"
            " WHERE kind = 'order.routed' AND at > %s",
            [began[0] if began else None],
        ).fetchone()
    for helper in helpers:
        bench.children.kill(helper)
    assert row
    assert row[1] == RUSH
    bench.table.add(
        f"routed and committed by two workers, of {RUSH} that waited", row[1] / row[0], "orders/s", "aim ≥ 100"
    )


STILL_TO_ROUTE = "SELECT count(*) FROM job WHERE topic = 'order.route' AND done_at IS NULL AND dead_at IS NULL"


def own_goods(bench: Bench) -> list[str]:
    """SKUs of the demonstration with enough packs for the trickle, standing at many counters."""
    with bench.sql() as connection:
        rows = connection.execute(
            "SELECT code FROM sku JOIN availability ON sku_id = id AND channel = 'counters'"
            " WHERE code NOT LIKE 'S-%' AND available >= 150 ORDER BY code"
        ).fetchall()
    assert len(rows) >= 5, rows
    return [code for (code,) in rows]


def send_one(address: str, request: load.MakeRequest) -> None:
    result = load.Result()
    load.client(address, request, 0, time.perf_counter() + 30, 1, result)
    assert result.statuses[201] == 1, result.statuses


def workers_heard(bench: Bench) -> int:
    with bench.sql() as connection:
        row = connection.execute("SELECT count(*) FROM heartbeat WHERE kind = 'worker'").fetchone()
    return int(row[0]) if row else 0


def waiting(bench: Bench) -> int:
    with bench.sql() as connection:
        row = connection.execute(
            "SELECT count(*) FROM job WHERE done_at IS NULL AND dead_at IS NULL AND topic <> 'order.mail'"
            " AND topic <> 'notification.mail'"
        ).fetchone()
    return int(row[0]) if row else 0


def nothing_is_broken(bench: Bench) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(bench.url.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as session:
        found = faults_without_workers(session)
    engine.dispose()
    bench.table.add("invariants broken after all of it", len(found), "", "aim 0")
    assert found == []


def keep(table: Table) -> None:
    """Write the table where BENCH_OUT says, for docs/benchmarks.md."""
    target = os.environ.get("BENCH_OUT")
    if target:
        lines = ["| what | measured | aim |", "|---|---:|---|"]
        lines += [f"| {name} | {value.strip()} | {aim.strip()} |" for name, value, aim in table.rows]
        Path(target).write_text("\n".join(lines) + "\n")
