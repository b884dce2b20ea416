"""My account: what I ordered, where to bring it, who I am, where I am signed in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import refresh
from werkzeug.wrappers import Response

from shop.accounts.addresses import Place, addresses_of, find_address, remove_address, save_address
from shop.accounts.forms import AddressForm, SettingsForm
from shop.accounts.models import Address, User
from shop.accounts.policy import allow, current_person
from shop.accounts.registration import send
from shop.accounts.sessions import end_others, end_session, sessions_of
from shop.accounts.throttle import count_attempt
from shop.db import db
from shop.errors import NotFound

account = Blueprint("account", __name__, url_prefix="/account")

Answer = str | Response | tuple[str, int]


def me() -> User:
    """The signed-in person; @allow let nobody else in."""
    person = current_person()
    assert person is not None  # noqa: S101
    return person


def orders_of(page: int) -> Any:
    """A page of my orders. The floor above knows orders; shop.app hands its query down."""
    return current_app.extensions["orders_of"](db.session(), me().id, page)


@account.get("")
@allow("consumer")
def overview() -> Answer:
    """The newest orders and the ways on."""
    recent = orders_of(1)
    return render_template("account/overview.html", user=me(), recent=recent.orders[:3], total=recent.total)


@account.get("/orders")
@allow("consumer")
def orders() -> Answer:
    """All my orders, newest first."""
    page = max(request.args.get("page", 1, type=int), 1)
    return render_template("account/orders.html", history=orders_of(page), page_url=page_of_orders)


def page_of_orders(page: int) -> str:
    """The address of a page of the list."""
    return url_for("account.orders", page=page)


@account.get("/addresses")
@allow("consumer")
def addresses() -> Answer:
    """Where my goods are brought."""
    return render_template("account/addresses.html", addresses=addresses_of(db.session(), me().id))


@account.route("/addresses/new", methods=["GET", "POST"])
@allow("consumer")
def new_address() -> Answer:
    """Add an address."""
    return edit(AddressForm(), None)


@account.route("/addresses/<int:address_id>", methods=["GET", "POST"])
@allow("consumer")
def address(address_id: int) -> Answer:
    """Change an address."""
    present = find_address(db.session(), me().id, address_id)
    return edit(AddressForm(obj=present), present)


def edit(form: AddressForm, present: Address | None) -> Answer:
    """Show the form of an address, or take what was entered."""
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        return render_template("account/address.html", form=form, address=present), status
    place = Place(form.name.data, form.phone.data, form.district.data, form.street.data, form.is_default.data)
    save_address(db.session(), me().id, place, present)
    db.session.commit()
    flash(_("The address is saved"), "good")
    return redirect(url_for("account.addresses"), 303)


@account.post("/addresses/<int:address_id>/remove")
@allow("consumer")
def remove(address_id: int) -> Answer:
    """Forget an address."""
    remove_address(db.session(), me().id, address_id)
    db.session.commit()
    flash(_("The address is removed"), "good")
    return redirect(url_for("account.addresses"), 303)


@account.route("/settings", methods=["GET", "POST"])
@allow("consumer")
def settings() -> Answer:
    """My name, phone and language."""
    user = me()
    form = SettingsForm(obj=user)
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        return render_template("account/settings.html", form=form, user=user), status
    user.name, user.phone, user.locale = form.name.data, form.phone.data, form.locale.data
    user.order_mails = form.order_mails.data
    db.session.commit()
    remember_language(form.locale.data)
    flash(_("Saved"), "good")
    return redirect(url_for("account.settings"), 303)


def remember_language(locale: str) -> None:
    """Show this and the next pages in the language that was chosen."""
    session["locale"] = locale
    refresh()


@account.post("/confirm")
@allow("consumer")
def send_confirmation() -> Answer:
    """Send the mail that confirms the address once more."""
    user = me()
    if user.confirmed_at is None:
        count_attempt(db.session(), "confirm", user.email, request.remote_addr or "")
        send(db.session(), "confirm", user)
        db.session.commit()
    flash(_("We have written to you; please open the link in the mail."), "good")
    return redirect(url_for("account.settings"), 303)


@account.get("/sessions")
@allow("consumer")
def sessions() -> Answer:
    """Where I am signed in."""
    current = g.get("login_session")
    return render_template(
        "account/sessions.html", sessions=sessions_of(db.session(), me().id), current=current.id if current else None
    )


@account.post("/sessions/<int:session_id>/end")
@allow("consumer")
def sign_out_device(session_id: int) -> Answer:
    """Sign one of my devices out."""
    if not end_session(db.session(), me().id, session_id):
        raise NotFound
    db.session.commit()
    flash(_("The device is signed out"), "good")
    return redirect(url_for("account.sessions"), 303)


@account.post("/sessions/end-others")
@allow("consumer")
def sign_out_others() -> Answer:
    """Sign all my other devices out."""
    end_others(db.session(), me())
    db.session.commit()
    flash(_("All other devices are signed out"), "good")
    return redirect(url_for("account.sessions"), 303)
