"""The rooms of the shop and the pages each of them leads to; a new page adds one line to its room."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from shop.accounts.models import RoleName

ROOM_OF_ROLE = {
    RoleName.COUNTER.value: "counter",
    RoleName.COOPERATIVE.value: "coop",
    RoleName.BUYER.value: "buyer",
    RoleName.OFFICE.value: "office",
}
ROOM_NAMES: dict[str, Any] = {
    "counter": _l("Counter"),
    "coop": _l("Cooperative"),
    "buyer": _l("Buying"),
    "office": _l("Office"),
}

# Room -> its pages, as (name, endpoint). The page a reader is on, or the one above it, is marked by its address.
PAGES: dict[str, tuple[tuple[Any, str], ...]] = {
    "account": (
        (_l("Overview"), "account.overview"),
        (_l("My orders"), "account.orders"),
        (_l("Addresses"), "account.addresses"),
        (_l("Settings"), "account.settings"),
        (_l("Devices"), "account.sessions"),
        (_l("My data"), "personal.data"),
    ),
    "counter": (
        (_l("Queue"), "counter.board"),
        (_l("Pick round"), "counter_picking.wave"),
        (_l("Consignments"), "counter_consignments.consignments"),
        (_l("Day’s close"), "counter_day.close"),
    ),
    "coop": (
        (_l("My stock"), "coop.home"),
        (_l("Receive a lot"), "coop.receive"),
        (_l("Send a file"), "coop_sheets.sheet"),
        (_l("Consignments"), "coop_consignments.consignments"),
        (_l("Notices"), "coop.notices"),
        (_l("What sold"), "coop.sold"),
    ),
    "buyer": (
        (_l("Quick order"), "buyer.home"),
        (_l("Orders"), "buyer.orders"),
        (_l("Invoices"), "buyer_invoices.invoices"),
        (_l("Statement"), "buyer_invoices.statement"),
    ),
    "office": (
        (_l("Overview"), "office.home"),
        (_l("Search"), "office_search.search"),
        (_l("Orders"), "office_orders.orders"),
        (_l("Routing"), "office_routing.weights"),
        (_l("Consignments"), "office_consignments.consignments"),
        (_l("Reorder points"), "office_consignments.points"),
        (_l("Products"), "office_goods.products"),
        (_l("SKUs and prices"), "office_goods.skus"),
        (_l("Stock movements"), "office_places.stock"),
        (_l("Cooperatives"), "office_places.cooperatives"),
        (_l("Counters and hours"), "office_places.counters"),
        (_l("Accounts"), "office_people.users"),
        (_l("Organisations"), "office_people.organisations"),
        (_l("Notices"), "office_search.notices"),
        (_l("Money"), "office_money.money"),
        (_l("Invoices"), "office_invoices.invoices"),
        (_l("Bank receipts"), "office_bank.bank"),
        (_l("Parked jobs"), "office.jobs"),
        (_l("Audit trail"), "office_people.audit"),
    ),
}
