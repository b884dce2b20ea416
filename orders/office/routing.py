"""How the office reads a plan: cost by component, whether it is proved, and for every counter why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.models import Counter, Product, Sku
from orders.fulfilment.plan_models import RoutingPlan
from orders.routing.instance_file import COSTS
from orders.routing.plan_file import COMPONENTS
from shop.i18n import localised

COMPONENT_WORDS: dict[str, Any] = {
    "parcel": _l("Parcels"), "distance": _l("Distance"), "cold": _l("Cold chain"), "transfer": _l("Transfers"),
    "load": _l("Load of the counter"), "ageing": _l("Freshness given away"), "unfilled": _l("Packs nobody gives"),
    "total": _l("Together"),
}  # fmt: skip
WEIGHT_WORDS: dict[str, Any] = {
    "parcel_fen": _l("Each parcel (fen)"), "per_km_fen": _l("Each kilometre (fen)"),
    "cold_parcel_fen": _l("A cold parcel, on top (fen)"), "transfer_fen": _l("A transfer between counters (fen)"),
    "load_fen": _l("A full counter (fen)"), "ageing_fen": _l("Each day of freshness, per pack (fen)"),
    "horizon_days": _l("Freshness counts up to (days)"), "unfilled_fen": _l("A pack nobody gives (fen)"),
}  # fmt: skip
WHY_WORDS: dict[str, Any] = {
    "closed": _l("closed that day"),
    "full": _l("no room for another parcel that day"),
    "too_far": _l("does not deliver as far as the customer's place"),
    "no_stock": _l("has none of the goods"),
    "refused": _l("has said before that it cannot give them"),
    "no_cold_place": _l("cannot keep goods of this storage class"),
    "no_fresh_stock": _l("what it has is too old at hand-over"),
    "cheapest_together": _l("part of the cheapest way to do the order"),
    "dearer": _l("could give goods, but every plan with it costs no less"),
}
CAUSE_WORDS: dict[str, Any] = {
    "placed": _l("the order came in"), "closed": _l("a counter is closed"), "opened": _l("a counter works again"),
    "no_cold_place": _l("a freezer or fridge broke"), "recalled": _l("a lot was taken out of sale"),
    "counted": _l("less was there than expected"), "rejected": _l("a counter could not give goods"),
    "pickup": _l("the customer collects elsewhere"), "person": _l("the office asked for it"),
    "backlog": _l("many orders waited"), "no_fresh_stock": _l("a lot grew too old"),
    "planned_too_often": _l("planned again and again without an end"),
    "pickup_closed": _l("the counter where it is collected does not open within a week"),
    "all_closed": _l("no counter opens within a week"),
}  # fmt: skip
assert set(WEIGHT_WORDS) == set(COSTS)  # noqa: S101  every weight has its words


@dataclass(frozen=True)
class PlanParcel:
    """What one counter does: goods as words with packs, and its cost by component (fen)."""

    counter: str
    role: str
    goods: tuple[str, ...]
    cost_fen: int


@dataclass(frozen=True)
class PlanPage:
    """One plan. `costs` are (component, fen) of all parcels; `reasons` are (counter, used, why, least fen or None)."""

    version: int
    made_at: datetime
    day: date | None
    why: str
    costs_id: int
    cost_fen: int
    bound_fen: int
    proved: bool
    solver: str
    parcels: tuple[PlanParcel, ...]
    costs: tuple[tuple[str, int], ...]
    unfilled: tuple[str, ...]
    reasons: tuple[tuple[str, bool, str, int | None], ...]


def cause_words(why: str) -> str:
    """Why a plan was made, or a case opened."""
    return str(CAUSE_WORDS.get(why, why))


def plan_page(session: Session, order_id: int) -> PlanPage | None:
    """The order's newest plan in words. Three queries."""
    statement = select(RoutingPlan).where(RoutingPlan.order_id == order_id).order_by(RoutingPlan.version.desc())
    row = session.execute(statement.limit(1)).scalar_one_or_none()
    if row is None:
        return None
    plan = row.plan
    codes = {reason["counter"] for reason in plan["reasons"]}
    counters = session.execute(select(Counter.code, Counter.names).where(Counter.code.in_(codes)))
    names = {code: localised(texts) for code, texts in counters}
    skus = {take["sku"] for parcel in plan["parcels"] for take in parcel["takes"]}
    skus |= {line["sku"] for line in plan["unfilled"]}
    goods = {
        sku_id: f"{localised(texts)} {localised(pack)}"
        for sku_id, texts, pack in session.execute(
            select(Sku.id, Product.names, Sku.pack_names).join(Product).where(Sku.id.in_(skus))
        )
    }
    return page_of(row, plan, names, goods)


def page_of(row: RoutingPlan, plan: dict[str, Any], names: Mapping[str, str], goods: Mapping[int, str]) -> PlanPage:
    """The stored plan with names for codes."""
    totals = {name: sum(parcel["cost_fen"].get(name, 0) for parcel in plan["parcels"]) for name in COMPONENTS}
    totals["unfilled"] = row.cost_fen - sum(totals.values())
    return PlanPage(
        version=row.version, made_at=row.created_at,
        day=date.fromisoformat(plan["day"]) if "day" in plan else None, why=cause_words(row.why),
        costs_id=row.costs_id, cost_fen=row.cost_fen, bound_fen=row.bound_fen, proved=row.proved, solver=row.solver,
        parcels=tuple(
            PlanParcel(
                names.get(parcel["counter"], parcel["counter"]), parcel["role"],
                tuple(f"{take['quantity']} × {goods.get(take['sku'], '')}" for take in parcel["takes"]),
                sum(parcel["cost_fen"].values()),
            )
            for parcel in plan["parcels"]
        ),
        costs=tuple((str(COMPONENT_WORDS[name]), fen) for name, fen in totals.items() if fen),
        unfilled=tuple(f"{line['quantity']} × {goods.get(line['sku'], '')}" for line in plan["unfilled"]),
        reasons=tuple(
            (
                names.get(reason["counter"], reason["counter"]), reason["used"],
                str(WHY_WORDS.get(reason["why"], reason["why"])),
                sum(reason["figures"].values()) if reason["figures"] else None,
            )
            for reason in sorted(plan["reasons"], key=lambda one: (not one["used"], not one["figures"], one["counter"]))
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """A figure of a trial before and after."""

    name: str
    kind: str
    before: int
    after: int


def compared(result: Mapping[str, Any]) -> tuple[Compared, ...]:
    """What a trial's sums say, line by line."""
    before, after = result.get("before", {}), result.get("after", {})
    plain = (("parcels", _("Parcels sent or handed over")), ("missing", _("Packs nobody gives")))
    rows = [Compared(words, "number", before.get(name, 0), after.get(name, 0)) for name, words in plain]
    rows.append(Compared(_("Kilometres"), "km", before.get("metres", 0) // 1000, after.get("metres", 0) // 1000))
    rows += [
        Compared(str(COMPONENT_WORDS[name]), "yuan", before.get(name, 0), after.get(name, 0))
        for name in (*COMPONENTS, "unfilled", "total")
    ]
    return tuple(rows)
