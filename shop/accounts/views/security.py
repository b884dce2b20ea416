"""The doors: sign in and out, open an account, choose a new password, confirm an address."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from shop.accounts import registration, sessions, throttle
from shop.accounts.forms import ChangePasswordForm, ForgotForm, LoginForm, NewPasswordForm, RegisterForm
from shop.accounts.models import User
from shop.accounts.policy import actor_of, allow, current_actor, current_person
from shop.accounts.views.onward import first_page, onward, safe_path
from shop.config import Settings
from shop.db import db
from shop.i18n import current_locale

doors = Blueprint("doors", __name__)

Answer = str | Response | tuple[str, int]


def address() -> str:
    """Where the request came from; forwarded addresses only count when a trusted proxy set them."""
    return request.remote_addr or ""


def device_of(account: str) -> str:
    """This device's name, if the account has signed in on it before."""
    return throttle.known_device(account, request.cookies.get(device_name(), ""))


def device_name() -> str:
    """The cookie that knows a device."""
    settings: Settings = current_app.extensions["settings"]
    return "__Host-yarlung-device" if settings.is_production else "yarlung-device"


def remember_device(response: Response, user: User) -> Response:
    """Leave the proof that this person signed in here."""
    settings: Settings = current_app.extensions["settings"]
    response.set_cookie(
        device_name(),
        throttle.device_cookie(user.email),
        max_age=throttle.DEVICE_SECONDS,
        secure=settings.is_production,
        httponly=True,
        samesite="Lax",
    )
    return response


@doors.route("/login", methods=["GET", "POST"])
@allow("anyone")
def login() -> Answer:
    """Sign in; the answer is the same for a wrong password and an address nobody has."""
    person = current_person()
    if person is not None and request.method == "GET":
        return onward(first_page(person))
    form = LoginForm()
    if not form.validate_on_submit():
        return show_login(form, 422 if request.method == "POST" else 200)
    email = registration.normalise_email(form.email.data)
    attempt = throttle.count_attempt(db.session(), "login", email, address(), device=device_of(email))
    user = registration.check_password(db.session(), email, form.password.data)
    if user is None:
        db.session.rollback()
        form.password.errors = [_("The address and the password do not belong together")]
        return show_login(form, 422)
    throttle.forgive(db.session(), attempt)
    sessions.sign_in(db.session(), user)
    there = first_page(user)
    db.session.commit()
    return remember_device(onward(there), user)


def show_login(form: LoginForm, status: int) -> Answer:
    """The page to sign in on."""
    target = safe_path(request.form.get("next") or request.args.get("next"))
    return render_template("security/login.html", form=form, next=target or ""), status


@doors.post("/logout")
@allow("anyone")
def logout() -> Answer:
    """Sign this device out; a copy of its cookie is worth nothing afterwards."""
    sessions.sign_out(db.session())
    db.session.commit()
    flash(_("You are signed out"), "good")
    return redirect("/", 303)


@doors.route("/register", methods=["GET", "POST"])
@allow("anyone")
def register() -> Answer:
    """Open an account. Whether the address has one already is told to its owner only, by mail."""
    if current_person() is not None:
        return redirect(url_for("account.overview"), 303)
    form = RegisterForm()
    if not form.validate_on_submit():
        return show_register(form, 422 if request.method == "POST" else 200)
    email = registration.normalise_email(form.email.data)
    throttle.count_attempt(db.session(), "register", email, address())
    registration.register(
        db.session(), email=email, password=form.password.data, name=form.name.data, locale=current_locale()
    )
    db.session.commit()
    flash(_("Thank you! We have written to you. You can sign in with your address and password now."), "good")
    return redirect(url_for("doors.login", next=safe_path(request.form.get("next"))), 303)


def show_register(form: RegisterForm, status: int) -> Answer:
    """The page to open an account on."""
    target = safe_path(request.form.get("next") or request.args.get("next"))
    return render_template("security/register.html", form=form, next=target or ""), status


@doors.route("/reset", methods=["GET", "POST"])
@allow("anyone")
def reset() -> Answer:
    """Ask for a link to choose a new password; says the same whether or not the address has an account."""
    form = ForgotForm()
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        return render_template("security/reset.html", form=form), status
    email = registration.normalise_email(form.email.data)
    throttle.count_attempt(db.session(), "reset", email, address())
    registration.request_reset(db.session(), email)
    db.session.commit()
    flash(_("If this address has an account, a link to choose a new password is on its way."), "good")
    return redirect(url_for("doors.login"), 303)


@doors.route("/reset/<token>", methods=["GET", "POST"])
@allow("anyone")
def choose_password(token: str) -> Answer:
    """Choose a new password by the link that was mailed; the link works once."""
    user = registration.person_of_link(db.session(), "reset", token, registration.RESET_WITHIN)
    if user is None:
        flash(_("This link was used already or is too old. Please ask for a new one."), "bad")
        return redirect(url_for("doors.reset"), 303)
    form = NewPasswordForm()
    form.account_email, form.account_name = user.email, user.name
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        return render_template("security/choose_password.html", form=form, token=token), status
    registration.set_password(db.session(), user, form.password.data, actor_of(user))
    db.session.commit()
    flash(_("Your password is changed. Please sign in with it."), "good")
    return redirect(url_for("doors.login"), 303)


@doors.route("/change", methods=["GET", "POST"])
@allow("signed_in")
def change() -> Answer:
    """Change the password, knowing the present one; every other device is signed out."""
    user = current_person()
    assert user is not None  # noqa: S101  @allow let only people in
    form = ChangePasswordForm()
    form.account_email, form.account_name = user.email, user.name
    if not form.validate_on_submit():
        return render_template("security/change.html", form=form), 422 if request.method == "POST" else 200
    attempt = throttle.count_attempt(db.session(), "login", user.email, address(), device=device_of(user.email))
    if registration.check_password(db.session(), user.email, form.current.data) is None:
        db.session.rollback()
        form.current.errors = [_("This is not your present password")]
        return render_template("security/change.html", form=form), 422
    throttle.forgive(db.session(), attempt)
    registration.set_password(db.session(), user, form.password.data, current_actor())
    sessions.sign_in(db.session(), user)
    db.session.commit()
    flash(_("Your password is changed; all other devices were signed out."), "good")
    return redirect(url_for("account.settings"), 303)


@doors.get("/confirm/<token>")
@allow("anyone")
def confirm(token: str) -> Answer:
    """Show a button: mail scanners open every link, and opening a page changes nothing."""
    return render_template("security/confirm.html", token=token)


@doors.post("/confirm/<token>")
@allow("anyone")
def confirm_now(token: str) -> Answer:
    """Confirm that the address is its owner's."""
    if not registration.confirm(db.session(), token):
        flash(_("This link is too old or not complete."), "bad")
        return redirect("/", 303)
    db.session.commit()
    flash(_("Thank you, your address is confirmed."), "good")
    person = current_person()
    return redirect(url_for("account.overview" if person else "doors.login"), 303)
