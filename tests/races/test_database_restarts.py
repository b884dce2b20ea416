"""D1: PostgreSQL crashes while people order: what was confirmed is there, once, and the shop comes back."""

from __future__ import annotations

import time
from collections.abc import Callable

from shop.sandbox.postgres import Postgres
from tests.conftest import Servers
from tests.faults.crowd import crowd_in
from tests.faults.harness import wait_until
from tests.figures import Figures, size
from tests.races.conftest import answers, shop_on

CLIENTS = size(12, 50)
# Between two faults this many more orders must have been taken.
ORDERS_BETWEEN = size(8, 100)
SECONDS_TO_COME_BACK = 10


def test_d1_postgresql_may_crash_while_people_order(
    own_postgres: Postgres, servers: Servers, figures: Callable[[str], Figures]
) -> None:
    d1, back = figures("D1"), []
    with shop_on(own_postgres.url, servers.redis_url) as shop:
        with crowd_in(shop, CLIENTS) as crowd:
            for stop in ([own_postgres.crash, own_postgres.stop, own_postgres.crash] * 2)[: size(3, 5)]:
                crowd.wait_for(ORDERS_BETWEEN)
                stop()
                own_postgres.start()
                started = time.monotonic()
                wait_until(lambda: answers(shop.address), 60, "the shop is back")
                back.append(time.monotonic() - started)
            crowd.wait_for(ORDERS_BETWEEN)
        crowd.judge(shop, d1)
    d1.at_most(f"longest way back after {len(back)} restarts", max(back), SECONDS_TO_COME_BACK, "s")
    assert crowd.refused[503] + crowd.refused[0] > 0, "the faults were felt"
