"""create_app(): the one place that knows every room and joins them to a Flask application."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

# Importing a model module puts its tables into the metadata that migrations are compared with.
import catalogue.models
import catalogue.stock.models  # noqa: F401
import orders.consignments.models
import orders.fulfilment.models
import orders.fulfilment.plan_models
import orders.invoices.models
import orders.models
import orders.notifications.models
import orders.payments.models
import orders.webhooks.models  # noqa: F401
from catalogue.views.api import api as catalogue_api
from catalogue.views.office_additions import office_additions
from catalogue.views.office_days import office_days
from catalogue.views.office_goods import office_goods
from catalogue.views.office_places import office_places
from catalogue.views.storefront import storefront
from orders.history import orders_of
from orders.personal import HOLDERS
from orders.views import cashier
from orders.views.api import api as orders_api
from orders.views.api_coop import api as stock_api
from orders.views.api_counter import api as fulfilments_api
from orders.views.api_webhooks import api as webhooks_api
from orders.views.buyer import buyer
from orders.views.buyer_invoices import buyer_invoices
from orders.views.coop import coop
from orders.views.coop_consignments import coop_consignments
from orders.views.coop_sheets import coop_sheets
from orders.views.counter import counter
from orders.views.counter_changes import counter_changes
from orders.views.counter_consignments import counter_consignments
from orders.views.counter_day import counter_day
from orders.views.counter_picking import counter_picking
from orders.views.counter_substitutes import counter_substitutes
from orders.views.notices import notices
from orders.views.office import office
from orders.views.office_bank import office_bank
from orders.views.office_consignments import office_consignments
from orders.views.office_invoices import office_invoices
from orders.views.office_money import office_money
from orders.views.office_orders import office_orders
from orders.views.office_routing import office_routing
from orders.views.office_search import office_search
from orders.views.own_orders import orders_pages
from orders.views.payments import hear as hear_provider
from orders.views.payments import payments
from orders.views.receipts import receipts
from orders.views.storefront import orders_storefront
from shop import (
    changes,
    error_pages,
    health,
    i18n,
    metrics,
    page_cache,
    ratelimits,
    requests,
    security_headers,
    templating,
)
from shop.accounts import policy, security
from shop.accounts.tokens import read_bearer_token
from shop.accounts.views.account import account
from shop.accounts.views.language import language
from shop.accounts.views.office_people import office_people
from shop.accounts.views.personal import personal
from shop.accounts.views.security import doors
from shop.api import document
from shop.config import Settings, load_settings
from shop.db import db, engine_options, let_go
from shop.observability import configure_logging
from shop.sandbox import views as sandbox

PROJECT = Path(__file__).resolve().parent.parent

csrf = CSRFProtect()


def create_app(settings: Settings | None = None) -> Flask:
    """Build the shop for these settings (the environment's if none are given).

    Raises shop.config.SettingsError when the settings do not describe a shop that may start.
    """
    settings = settings or load_settings()
    configure_logging(settings.log_level)
    app = Flask("shop", root_path=str(PROJECT / "shop"), template_folder=str(PROJECT / "templates"))
    app.extensions["settings"] = settings
    configure(app, settings)
    db.init_app(app)
    app.teardown_appcontext(let_go)  # runs before the library's own clean-up: the last registered is the first
    requests.init_app(app)
    # Before the check of forms, so that forged ones are counted too.
    ratelimits.init_app(app, settings)
    csrf.init_app(app)
    i18n.init_app(app)
    security.init_app(app)
    templating.init_app(app)
    security_headers.init_app(app, settings)
    metrics.init_app(app)
    app.before_request(read_bearer_token)
    register_rooms(app)
    sandbox.register(app)
    # After the rooms: the API's library registers handlers of its own, and there is one place for refusals.
    error_pages.init_app(app)
    let_machines_in(app)
    close_unmarked_doors(app)
    page_cache.init_app(app, settings)
    changes.init_app(app, settings)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def configure(app: Flask, settings: Settings) -> None:
    """Flask's own settings. Cookies: only for our site, never for scripts, in production only over TLS."""
    production = settings.is_production
    app.config.update(
        SECRET_KEY=settings.secret_key,
        TESTING=settings.app_env == "test",
        PROPAGATE_EXCEPTIONS=False,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        MAX_CONTENT_LENGTH=10 * 1024 * 1024,
        MAX_FORM_PARTS=2_000,
        TRUSTED_HOSTS=trusted_hosts(settings),
        SESSION_COOKIE_NAME="__Host-yarlung" if production else "yarlung",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=production,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=90),
        # The token is bound to the session, which has its own end; a form left open overnight still works.
        WTF_CSRF_TIME_LIMIT=None,
    )


def trusted_hosts(settings: Settings) -> list[str]:
    """The names this shop answers to. Loopback is for laptops, and for probes (shop.security_headers)."""
    return [urlsplit(settings.base_url).hostname or "localhost", "127.0.0.1", "localhost"]


def register_rooms(app: Flask) -> None:
    """Open every room's door."""
    app.extensions["orders_of"] = orders_of
    app.extensions["personal_data"] = HOLDERS
    app.register_blueprint(doors)
    app.register_blueprint(account)
    app.register_blueprint(personal)
    app.register_blueprint(language)
    app.register_blueprint(storefront)
    app.register_blueprint(orders_storefront)
    app.register_blueprint(orders_pages)
    app.register_blueprint(receipts)
    app.register_blueprint(payments)
    cashier.register(app)
    app.register_blueprint(counter)
    app.register_blueprint(counter_picking)
    app.register_blueprint(counter_day)
    app.register_blueprint(counter_changes)
    app.register_blueprint(counter_substitutes)
    app.register_blueprint(counter_consignments)
    app.register_blueprint(coop)
    app.register_blueprint(coop_sheets)
    app.register_blueprint(coop_consignments)
    app.register_blueprint(buyer)
    app.register_blueprint(buyer_invoices)
    app.register_blueprint(office)
    app.register_blueprint(office_orders)
    app.register_blueprint(office_routing)
    app.register_blueprint(office_days)
    app.register_blueprint(office_consignments)
    app.register_blueprint(office_money)
    app.register_blueprint(office_invoices)
    app.register_blueprint(office_bank)
    app.register_blueprint(office_additions)
    app.register_blueprint(office_goods)
    app.register_blueprint(office_places)
    app.register_blueprint(office_people)
    app.register_blueprint(office_search)
    app.register_blueprint(notices)
    app.register_blueprint(health.health)
    app.register_blueprint(metrics.metrics)
    document.init_app(app, [catalogue_api, orders_api, stock_api, fulfilments_api, webhooks_api])


def let_machines_in(app: Flask) -> None:
    """The API asks for no form token: it takes no cookie for a name either (shop.accounts.policy), so a page of
    somebody else's has nothing to send along."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            csrf.exempt(app.view_functions[rule.endpoint])
    # The payment provider signs what it sends.
    csrf.exempt(hear_provider)


def close_unmarked_doors(app: Flask) -> None:
    """Say who may use the libraries' routes; refuse to start when any route does not say who may enter."""
    libraries = [name for name in app.view_functions if name == "static" or name.startswith("api-docs.")]
    policy.declare(app, dict.fromkeys(libraries, ("anyone",)))
    missing = policy.routes_without_policy(app)
    if missing:
        raise RuntimeError("these routes do not say who may enter, mark them with @allow(...): " + ", ".join(missing))
