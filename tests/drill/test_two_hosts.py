"""Two hosts with web server, worker and relay each behind nginx, one database, one Redis: one dies, both are renewed.

The hosts are network namespaces joined by a bridge; nginx reads the text of docs/operations.md. Needs root.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from shop.app import create_app
from shop.db import db
from shop.migrating import upgrade
from shop.sandbox.folder import PROJECT
from shop.sandbox.processes import free_port, spawn, stop
from shop.sandbox.run import ALONE, web_command
from shop.sandbox.services import scratch_folder, start_postgres, start_redis
from tests.builders import Builder
from tests.conftest import settings_for
from tests.faults.crowd import crowd_in
from tests.faults.harness import PYTHON, Processes, processes, wait_until
from tests.faults.proxy import proxy_to
from tests.figures import Figures
from tests.races.conftest import Shop, answers

NEEDED = ("ip", "nginx")
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, NEEDED)), reason="needs root, iproute2 and nginx"
    ),
]

BRIDGE, NETWORK = "yarlung-br", "10.77.13"
HOSTS = {"yarlung-a": f"{NETWORK}.10", "yarlung-b": f"{NETWORK}.11"}
WEB_PORT = "8000"
CLIENTS = 8
# As docs/operations.md says: nginx leaves a host that went out alone for `fail_timeout` = 5 s.
SECONDS_BETWEEN_HOSTS = 6
REQUESTS_PER_ORDER = 4  # cart page, goods into it, checkout page, order


def ip(*words: str) -> None:
    """One command of iproute2; fails with its words."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@pytest.fixture
def network() -> Iterator[str]:
    """Two namespaces on one bridge; the bridge's address is where the database is."""
    with contextlib.ExitStack() as undo:
        ip("link", "add", BRIDGE, "type", "bridge")
        undo.callback(ip, "link", "delete", BRIDGE)
        ip("address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for number, (name, address) in enumerate(HOSTS.items()):
            ip("netns", "add", name)
            undo.callback(ip, "netns", "delete", name)
            ip("link", "add", f"yarlung{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            undo.callback(ip, "link", "delete", f"yarlung{number}")  # a namespace takes its time to go
            ip("link", "set", f"yarlung{number}", "master", BRIDGE, "up")
            ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield f"{NETWORK}.1"


@contextlib.contextmanager
def nginx_in_front(folder: Path) -> Iterator[str]:
    """nginx as docs/operations.md has it, without TLS, before both hosts; its address."""
    port = free_port()
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert found
    servers = found[1].replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace("http2 on;", "")
    for documented, address in zip(("10.0.1.10", "10.0.1.11"), HOSTS.values(), strict=True):
        assert documented in servers
        servers = servers.replace(documented, address)
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; worker_processes 1;\n"
        f"events {{ worker_connections 256; }}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{servers}}}\n"
    )
    process = spawn(["nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process, [(signal.SIGTERM, 5)])


class Host:
    """One host: its processes, all in its namespace."""

    def __init__(self, children: Processes, name: str) -> None:
        self.children, self.name = children, name
        celery = [PYTHON, "-W", "ignore:You're running the worker with superuser", "-m", "celery", "--quiet"]
        queues = ["--queues", "maint,route,notify,mail", "--concurrency", "2", "--hostname", f"all@{name}"]
        worker = [*celery, "--app", "workers.app", "worker", *queues, *ALONE]
        web = [HOSTS[name] if part == "127.0.0.1" else part for part in web_command(WEB_PORT)]
        relay = [str(Path(PYTHON).parent / "shop"), "relay"]
        self.commands = {"web": web, "worker": worker, "relay": relay}
        self.running = {role: self.start(role, *command) for role, command in self.commands.items()}

    def start(self, role: str, *command: str) -> subprocess.Popen[bytes]:
        """A process in this host's network."""
        return self.children.start(role, "ip", "netns", "exec", self.name, *command, PROXY_HOPS="1", PORT=WEB_PORT)

    def die(self) -> None:
        """The power goes: no process says goodbye, the cable is dead."""
        ip("-n", self.name, "link", "set", "eth0", "down")
        for process in self.running.values():
            self.children.kill(process)

    def renew(self) -> None:
        """A new version comes: each process is asked to end what it has begun, and started again."""
        for role, command in self.commands.items():
            process = self.running[role]
            process.terminate()
            process.wait(60)
            self.children.running.remove(process)
            self.running[role] = self.start(role, *command)

    def is_up(self) -> bool:
        """Whether its web server is ready, asked as nginx asks it."""
        with contextlib.suppress(httpx.TransportError):
            there = f"http://{HOSTS[self.name]}:{WEB_PORT}/readyz"
            return httpx.get(there, headers={"Host": "127.0.0.1"}, trust_env=False).status_code == 200
        return False


def migrated(url: str, redis_url: str) -> None:
    """Tables."""
    app = create_app(settings_for(url, redis_url))
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def pair(network: str) -> Iterator[tuple[Shop, list[Host]]]:
    """Both hosts at work, and the shop as seen through nginx."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        postgres, redis = start_postgres(folder / "postgres", tcp=True), start_redis(folder / "redis")
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        migrated(postgres.url, redis.url)
        urls = []
        for url in (postgres.url, redis.url):
            port = urlsplit(url).port or 0
            door = stack.enter_context(proxy_to(("127.0.0.1", port), network))
            urls.append(url.replace(f"127.0.0.1:{port}", f"{network}:{door.port}"))
        children = stack.enter_context(processes(urls[0], urls[1]))
        hosts = [Host(children, name) for name in HOSTS]
        for host in hosts:
            wait_until(host.is_up, 90, f"{host.name} answers")
        (folder / "nginx").mkdir()
        front = stack.enter_context(nginx_in_front(folder / "nginx"))
        wait_until(lambda: answers(front), 30, "nginx answers")
        engine = create_engine(postgres.url.replace("postgresql://", "postgresql+psycopg://"))
        stack.callback(engine.dispose)
        session = stack.enter_context(Session(engine, expire_on_commit=False))
        yield Shop(front, session, children, Builder(session)), hosts


def test_one_of_two_hosts_dies_under_load_and_nothing_is_lost(
    pair: tuple[Shop, list[Host]], figures: Callable[[str], Figures]
) -> None:
    shop, (host, _other) = pair
    two = figures("two-hosts")
    with crowd_in(shop, CLIENTS) as crowd:
        crowd.wait_for(60)
        host.die()
        died = time.monotonic()
        crowd.wait_for(1)
        two.at_most("from the death to the next order", time.monotonic() - died, 10.0, "s")
        crowd.wait_for(60)
    two.at_most("until every order was routed", all_routed(shop), 120.0, "s")
    crowd.judge(shop, two)


def test_x5_hosts_are_renewed_one_after_the_other_under_load(
    pair: tuple[Shop, list[Host]], figures: Callable[[str], Figures]
) -> None:
    shop, hosts = pair
    x5 = figures("X5")
    with crowd_in(shop, CLIENTS) as crowd:
        crowd.wait_for(40)
        for host in hosts:
            host.renew()
            wait_until(host.is_up, 90, f"{host.name} answers again")
            time.sleep(SECONDS_BETWEEN_HOSTS)
            crowd.wait_for(40)
    asked = len(crowd.confirmed) * REQUESTS_PER_ORDER
    x5.exactly(f"requests of about {asked} that failed without saying when to come again", crowd.refused[0], 0)
    x5.at_most("answers 503 with Retry-After", 100 * crowd.refused[503] / asked, 0.1, "%")
    x5.at_most("until every order was routed", all_routed(shop), 120.0, "s")
    crowd.judge(shop, x5)


def all_routed(shop: Shop) -> float:
    """How long until no order waits for a counter any more."""
    started = time.monotonic()
    wait_until(lambda: shop.count("SELECT count(*) FROM \"order\" WHERE status = 'confirmed'") == 0, 120, "all routed")
    return time.monotonic() - started
