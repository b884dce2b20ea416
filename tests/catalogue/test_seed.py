"""The seeds: whole, true to the ledger, and the same when sown twice."""

from __future__ import annotations

from click import Command
from click.testing import CliRunner, Result
from flask import Flask
from flask_security.utils import verify_password
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.listing import Wish, shelf
from catalogue.models import Category, Cooperative, Counter, Household, Product, Sku
from catalogue.seed.demo import DEMO_PASSWORD, seed_shop
from catalogue.seed.goods import PRODUCTS
from catalogue.seed.scale import grow_catalogue, name_of
from catalogue.stock.lots import last_selling_day
from catalogue.stock.models import Lot, StockMovement
from orders.check import faults
from orders.consignments.models import Consignment
from orders.seed.command import LOGINS, demo_logins, seed
from shop.accounts.models import Membership, User
from tests.builders import today


def counted(session: Session, *tables: type) -> list[int]:
    """How many rows each of these has."""
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_the_shop_opens_with_all_its_goods_makers_and_counters(seeded: Session) -> None:
    assert counted(seeded, Category, Cooperative, Product, Counter) == [6, 6, 11, 20]
    assert counted(seeded, Sku)[0] >= 24
    assert seeded.scalar(select(func.count(Counter.district.distinct()))) == 10


def test_every_cooperative_lies_in_nedong_and_shares_out_all_it_earns(seeded: Session) -> None:
    shares = dict(
        seeded.execute(select(Household.cooperative_id, func.sum(Household.share_bp)).group_by("cooperative_id")).all()
    )
    for cooperative in seeded.execute(select(Cooperative)).scalars():
        assert cooperative.township_code.startswith("540502")
        assert 3_500 <= cooperative.altitude_m <= 4_400
        assert shares[cooperative.id] == 10_000


def test_everything_seeded_can_be_sold_today_and_the_books_are_true(seeded: Session) -> None:
    for lot, margin in seeded.execute(select(Lot, Sku.min_life_days).join(Sku, Sku.id == Lot.sku_id)):
        assert lot.produced_on <= today() <= last_selling_day(lot.best_before, margin)
    assert all(card.left > 0 for card in shelf(seeded, Wish()).cards)
    assert faults(seeded) == []


def test_everything_has_its_name_in_three_languages_and_its_story_in_two(seeded: Session) -> None:
    for product in seeded.execute(select(Product)).scalars():
        assert {"zh", "en", "bo"} <= set(product.names), product.slug
        assert {"zh", "en"} <= set(product.story), product.slug


def test_seeding_twice_changes_nothing(app: Flask, session: Session) -> None:
    tables = (Category, Cooperative, Household, Product, Sku, Counter, Lot, StockMovement, User, Membership)
    with app.app_context():
        seed_shop(session, with_accounts=True)
        once = counted(session, *tables)
        seed_shop(session, with_accounts=True)
    assert counted(session, *tables) == once
    assert faults(session) == []


def run(app: Flask, command: Command, *args: str) -> Result:
    """A command of the shop, as the command line runs it."""
    with app.app_context():
        return CliRunner().invoke(command, args, catch_exceptions=False)


def test_a_demo_account_waits_in_every_room(app: Flask, session: Session) -> None:
    assert run(app, seed).exit_code == 0
    printed = run(app, demo_logins).output
    for room in ("consumer", "buyer", "cooperative", "counter", "office"):
        email = next(email for _who, email, _room in LOGINS if email.startswith(room.replace("cooperative", "coop")))
        user = session.execute(select(User).where(User.email == email)).scalar_one()
        assert room in {role.name for role in user.roles}
        assert email in printed
        with app.app_context():
            assert verify_password(DEMO_PASSWORD, user.password)
    assert DEMO_PASSWORD in printed
    assert len(DEMO_PASSWORD) >= 12


def test_a_real_shop_gets_no_account_with_a_known_password_and_no_consignment(app: Flask, session: Session) -> None:
    app.extensions["settings"] = app.extensions["settings"].model_copy(update={"app_env": "production"})
    assert "without demo accounts" in run(app, seed).output
    assert counted(session, User, Consignment, Product) == [0, 0, 11]
    assert DEMO_PASSWORD not in run(app, demo_logins).output


def test_a_large_catalogue_is_true_to_the_ledger_and_grows_only_once(session: Session) -> None:
    seed_shop(session, with_accounts=False)
    assert grow_catalogue(session, 301) == 301 - len([pack for one in PRODUCTS for pack in one.packs])
    once = counted(session, Sku, Product, Lot, StockMovement)
    assert once[0] == 301
    assert grow_catalogue(session, 301) == 0
    assert counted(session, Sku, Product, Lot, StockMovement) == once
    assert grow_catalogue(session, 302) == 1
    assert faults(session) == []
    assert [card.slug for card in shelf(session, Wish(text=name_of(7))).cards][:1] == ["s-7"]


def test_names_of_a_large_catalogue_differ() -> None:
    assert len({name_of(number) for number in range(50_000)}) == 50_000
