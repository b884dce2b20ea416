"""The sandbox's mailbox as pages: what the shop wrote to whom, where no mail leaves the machine."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request, url_for

from shop.accounts.policy import allow
from shop.config import Settings
from shop.sandbox.mailbox import Mail, NoSuchMail, html_for_reading, list_mails, read_mail, read_raw

blueprint = Blueprint("sandbox", __name__, url_prefix="/sandbox/mail")

# A mail is somebody else's page: it may show itself, and its links may leave the frame, nothing more.
FRAME_MAY = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
MAIL_POLICY = (
    f"sandbox {FRAME_MAY}; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


def register(app: Flask) -> None:
    """Open the mailbox where the sandbox delivers mail; never in production."""
    settings: Settings = app.extensions["settings"]
    if settings.mail_sink_folder and not settings.is_production:
        app.register_blueprint(blueprint)


def folder() -> Path:
    settings: Settings = current_app.extensions["settings"]
    return Path(settings.mail_sink_folder)


def mail_or_404(mail_id: str) -> Mail:
    try:
        return read_mail(folder(), mail_id)
    except NoSuchMail:
        abort(404)


@blueprint.get("")
@allow("anyone")
def mailbox() -> str:
    recipient = request.args.get("to", "")
    page = max(request.args.get("page", 1, type=int), 1)
    found = list_mails(folder(), recipient=recipient, page=page)
    return render_template("sandbox/mailbox.html", found=found, recipient=recipient)


@blueprint.get("/<mail_id>")
@allow("anyone")
def mail(mail_id: str) -> str:
    return render_template("sandbox/mail.html", mail=mail_or_404(mail_id), frame_may=FRAME_MAY)


@blueprint.get("/<mail_id>/body")
@allow("anyone")
def body(mail_id: str) -> Response:
    """The mail's own page, shut in a frame."""
    opened = mail_or_404(mail_id)
    pictures = {
        part.content_id: url_for("sandbox.attachment", mail_id=mail_id, number=part.number)
        for part in opened.attachments
        if part.content_id
    }
    response = Response(html_for_reading(opened, pictures), mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@blueprint.get("/<mail_id>/raw")
@allow("anyone")
def raw(mail_id: str) -> Response:
    try:
        content = read_raw(folder(), mail_id)
    except NoSuchMail:
        abort(404)
    return Response(content, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"})


@blueprint.get("/<mail_id>/parts/<int:number>")
@allow("anyone")
def attachment(mail_id: str, number: int) -> Response:
    """A picture or a file of the mail, never shown as a page of ours."""
    parts = {part.number: part for part in mail_or_404(mail_id).attachments}
    if number not in parts:
        abort(404)
    part = parts[number]
    response = Response(part.content, mimetype=part.content_type)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    shown = "inline" if part.content_type.startswith("image/") else "attachment"
    response.headers.set("Content-Disposition", shown, filename=part.name)
    return response
