"""What every restore is held to: its invariants hold, and the shop opens on it and sells."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from catalogue.models import Counter, Sku
from catalogue.seed.demo import seed_shop
from orders.check import INVARIANTS
from shop.app import create_app
from shop.db import db
from shop.migrating import upgrade
from shop.sandbox.postgres import Postgres
from tests.builders import Builder
from tests.conftest import settings_for
from tests.faults.guests import Guest
from tests.figures import Figures
from tests.races.conftest import shop_on

COUNTER = "WH-JH-01"
MINUTES_TO_SELL_AGAIN = 15
PACKS_TO_SELL = 10_000  # more than four hands buy in a minute and a half


def prepare(server: Postgres, redis_url: str) -> str:
    """Tables and the demonstration's goods; the code of something that does not sell out while the drill sells it."""
    app = create_app(settings_for(server.url, redis_url))
    with app.app_context():
        upgrade()
        seed_shop(db.session(), with_accounts=True)
        sku = db.session.execute(select(Sku).where(Sku.storage == "ambient").order_by(Sku.id).limit(1)).scalar_one()
        counter = db.session.execute(select(Counter).where(Counter.code == COUNTER)).scalar_one()
        Builder(db.session()).lot(sku, at=counter, quantity=PACKS_TO_SELL, best_before_in=sku.shelf_life_days)
        db.session.commit()
        plentiful = sku.code
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
