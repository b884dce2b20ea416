"""What every restore is held to: its invariants hold, and the shop opens on it and sells."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from catalogue.seed.demo import seed_shop
from orders.check import INVARIANTS
from shop.app import create_app
from shop.db import db
from shop.migrating import upgrade
from shop.sandbox.postgres import Postgres
from tests.conftest import settings_for
from tests.faults.guests import Guest
from tests.figures import Figures
from tests.races.conftest import shop_on

COUNTER = "WH-JH-01"
MINUTES_TO_SELL_AGAIN = 15


def prepare(server: Postgres, redis_url: str) -> str:
    """Tables and the demonstration's goods; the code of something that is plentiful."""
    app = create_app(settings_for(server.url, redis_url))
    with app.app_context():
        upgrade()
        seed_shop(db.session(), with_accounts=True)
        code = db.session.connection().exec_driver_sql(
            "SELECT s.code FROM availability v JOIN sku s ON s.id = v.sku_id WHERE v.channel = 'counters'"
            " ORDER BY v.available DESC LIMIT 1"
        )
        plentiful = str(code.scalar())
        db.session.remove()
        db.engine.dispose()
    return plentiful


def invariants_hold(figures: Figures, server: Postgres, where: str = "the restored database") -> None:
    """`shop check` finds nothing."""
    environment = {**os.environ, "APP_ENV": "test", "DATABASE_URL": server.url, "REDIS_URL": "redis://127.0.0.1:1/0",
                   "SMTP_URL": "smtp://127.0.0.1:1"}  # fmt: skip
    shop = Path(sys.executable).parent / "shop"
    check = subprocess.run([shop, "check"], env=environment, capture_output=True, text=True)
    held = check.stdout.count("\nok ") + 1
    figures.exactly(f"`shop check` on {where}: invariants that hold", held, len(INVARIANTS))
    assert check.returncode == 0, check.stdout


def sell_again(x2: Figures, spare: Postgres, redis_url: str, sku: str) -> None:
    """The shop opens on the restored database and takes an order."""
    with shop_on(spare.url, redis_url) as shop:
        guest = Guest(shop.address, COUNTER)
        with contextlib.closing(guest):
            answer = guest.fill_cart((sku, 1)).press()
        x2.exactly("status of an order on the spare server", answer.status, 303)
        shop.prove()
