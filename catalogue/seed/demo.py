"""Fill an empty shop with the demonstration: idempotent, and true to the ledger (stock arrives by receipts)."""

from __future__ import annotations

from datetime import date, time, timedelta
from uuid import NAMESPACE_URL, uuid5

from flask_security.utils import hash_password
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.by_weight import ByWeight
from catalogue.districts import DISTRICTS
from catalogue.models import Category, Cooperative, Counter, CounterHours, Household, Product, Sku
from catalogue.search import index_words
from catalogue.seed.goods import CATEGORIES, PRODUCTS, ProductSeed
from catalogue.seed.places import COOPERATIVES, COUNTERS, STORAGE_LETTERS, CooperativeSeed
from catalogue.stock.lots import receive_lot
from catalogue.stock.models import Location, Lot
from shop.accounts.models import Membership, Organisation, Role, User
from shop.clock import shanghai_day, utcnow

DEMO_PASSWORD = "yarlung-demo-2026"  # noqa: S105  printed at start; demo accounts are refused in production
ACTOR = "seed"
ROAD_DAYS = 4
DISTRICTS_EN = {one.zh: one.en for one in DISTRICTS}


def seed_shop(session: Session, *, with_accounts: bool) -> None:
    """Everything the demonstration needs; a second run adds what is missing and changes nothing else."""
    categories = seed_categories(session)
    cooperatives = {one.code: seed_cooperative(session, one) for one in COOPERATIVES}
    counters = seed_counters(session)
    for position, product in enumerate(PRODUCTS, 1):
        seed_product(session, product, categories, cooperatives, position)
    session.flush()
    seed_stock(session, shanghai_day(utcnow()))
    if with_accounts:
        seed_accounts(session, cooperatives, counters)
    session.commit()


def seed_categories(session: Session) -> dict[str, Category]:
    """The shelves of the shop."""
    found = {one.slug: one for one in session.execute(select(Category)).scalars()}
    for position, (slug, zh, en, bo) in enumerate(CATEGORIES, 1):
        if slug not in found:
            found[slug] = Category(slug=slug, names={"zh": zh, "en": en, "bo": bo}, position=position)
            session.add(found[slug])
    session.flush()
    return found


def seed_cooperative(session: Session, one: CooperativeSeed) -> Cooperative:
    """A cooperative, its store, and its households with equal shares that sum to the whole."""
    found = session.execute(select(Cooperative).where(Cooperative.code == one.code)).scalar_one_or_none()
    if found is not None:
        return found
    cooperative = Cooperative(
        code=one.code,
        names={"zh": one.zh, "en": one.en},
        township={"zh": one.township_zh, "en": one.township_en},
        township_code=one.township_code,
        altitude_m=one.altitude_m,
        story={"zh": one.story_zh, "en": one.story_en},
        email=f"coop-{one.code.lower()}@demo.example",
    )
    session.add(cooperative)
    session.flush()
    session.add(Location(code=f"STORE-{one.code}", channel="origin", cooperative_id=cooperative.id))
    for number in range(one.households):
        share = 10_000 // one.households + (1 if number < 10_000 % one.households else 0)
        session.add(Household(cooperative_id=cooperative.id, code=f"H{number + 1:03d}", share_bp=share))
    return cooperative


def seed_counters(session: Session) -> dict[str, Counter]:
    """Twenty counters in ten districts, open daily from 9:00 to 21:00."""
    found = {one.code: one for one in session.execute(select(Counter)).scalars()}
    for code, district, street, street_en, lat, lng, storage, capacity, delivers in COUNTERS:
        if code in found:
            continue
        counter = Counter(
            code=code,
            names={"zh": f"{district}{street}专柜", "en": f"{DISTRICTS_EN[district]}, {street_en}"},
            district=district,
            street={
                "zh": f"武汉市{district}{street}",
                "en": f"{street_en} ({street}), {DISTRICTS_EN[district]}, Wuhan",
            },
            lat=lat,
            lng=lng,
            storage=[STORAGE_LETTERS[letter] for letter in storage],
            capacity=capacity,
            radius_m=8_000,
            cut_off=time(20, 0),
            delivers=delivers,
            email=f"counter-{code.lower()}@demo.example",
        )
        counter.hours = [CounterHours(weekday=day, opens=time(9), closes=time(21)) for day in range(7)]
        session.add(counter)
        session.flush()
        session.add(Location(code=code, channel="counters", counter_id=counter.id))
        found[code] = counter
    session.flush()
    return found


def seed_product(
    session: Session,
    one: ProductSeed,
    categories: dict[str, Category],
    cooperatives: dict[str, Cooperative],
    position: int,
) -> None:
    """A product with its packs."""
    if session.execute(select(Product.id).where(Product.slug == one.slug)).first():
        return
    names = {"zh": one.zh, "en": one.en, "bo": one.bo}
    product = Product(
        slug=one.slug,
        category_id=categories[one.category].id,
        cooperative_id=cooperatives[one.cooperative].id,
        names=names,
        story={"zh": one.story_zh, "en": one.story_en},
        storage_advice={"zh": one.advice_zh, "en": one.advice_en},
        aliases=list(one.aliases),
        art=one.slug,
        position=position,
        search_words=index_words(names.values(), one.aliases),
    )
    session.add(product)
    session.flush()
    for code, pack_zh, pack_en, price, grams, case_pack in one.packs:
        terms = price if isinstance(price, ByWeight) else None
        session.add(
            Sku(
                code=code,
                product_id=product.id,
                pack_names={"zh": pack_zh, "en": pack_en},
                price_fen=price.most_fen if isinstance(price, ByWeight) else price,
                per_kg_fen=terms.per_kg_fen if terms else None,
                weight_from_g=terms.from_g if terms else None,
                weight_to_g=terms.to_g if terms else None,
                pack_g=grams,
                storage=one.storage,
                shelf_life_days=one.shelf_life_days,
                min_life_days=one.min_life_days,
                case_pack=case_pack,
                max_per_order=50,
            )
        )


def seed_stock(session: Session, today: date) -> None:
    """Two lots of each SKU: an older one at the counters that can keep it, a fresh one at the cooperative."""
    if session.execute(select(Lot.id).limit(1)).first():
        return
    stores = {
        location.cooperative_id: location
        for location in session.execute(select(Location).where(Location.channel == "origin")).scalars()
    }
    counters = session.execute(select(Location, Counter).join(Counter, Counter.id == Location.counter_id)).all()
    skus = session.execute(select(Sku, Product.cooperative_id).join(Product).order_by(Sku.id)).all()
    for number, (sku, cooperative_id) in enumerate(skus):
        shipped = today - timedelta(days=min(ROAD_DAYS + 2, sku.shelf_life_days // 6))
        for place, (location, counter) in enumerate(counters):
            if sku.storage in counter.storage and (number + place) % 4:
                arrive(session, location, sku, cooperative_id, shipped, 12 + (number * 7 + place * 5) % 37)
        arrive(session, stores[cooperative_id], sku, cooperative_id, today - timedelta(days=1), 40 * sku.case_pack)


def arrive(session: Session, location: Location, sku: Sku, cooperative_id: int, made: date, packs: int) -> None:
    """One receipt with a source id of its own, so that a repeated run changes nothing."""
    code = f"{made:%y%m%d}-{sku.code}"
    receive_lot(
        session,
        location_id=location.id,
        sku_id=sku.id,
        cooperative_id=cooperative_id,
        code=code,
        quantity=packs,
        produced_on=made,
        best_before=made + timedelta(days=sku.shelf_life_days),
        actor=ACTOR,
        source_id=uuid5(NAMESPACE_URL, f"seed:{location.code}:{code}").hex,
    )


def seed_accounts(session: Session, cooperatives: dict[str, Cooperative], counters: dict[str, Counter]) -> None:
    """A demo account for every room, one for each counter and each cooperative; all with the demo password."""
    roles = {role.name: role for role in session.execute(select(Role)).scalars()}
    password = str(hash_password(DEMO_PASSWORD))
    market = session.execute(select(Organisation).where(Organisation.code == "DEMO")).scalar_one_or_none()
    if market is None:
        market = Organisation(code="DEMO", name="Demo supermarket", credit_limit_fen=5_000_000)
        session.add(market)
        session.flush()
    people: list[tuple[str, str, str, dict[str, int]]] = [
        ("consumer@demo.example", "Demo consumer", "consumer", {}),
        ("buyer@demo.example", "Demo buyer", "buyer", {"organisation_id": market.id}),
        ("office@demo.example", "Demo office", "office", {}),
    ]
    people += [
        (f"coop-{code.lower()}@demo.example", f"Demo cooperative {code}", "cooperative", {"cooperative_id": one.id})
        for code, one in cooperatives.items()
    ]
    people += [
        (f"counter-{code.lower()}@demo.example", f"Demo counter {code}", "counter", {"counter_id": one.id})
        for code, one in counters.items()
    ]
    known = set(session.execute(select(User.email)).scalars())
    for email, name, role, employer in people:
        if email in known:
            continue
        user = User(
            email=email,
            name=name,
            password=password,
            fs_uniquifier=uuid5(NAMESPACE_URL, f"seed:{email}:{password}").hex,
            confirmed_at=utcnow(),
        )
        user.roles = [roles["consumer"], *([roles[role]] if role != "consumer" else [])]
        user.memberships = [Membership(**employer)] if employer else []
        session.add(user)
