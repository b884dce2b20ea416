"""What browsers may do with our pages: nothing but show them, from us, to whom they were sent."""

from __future__ import annotations

from flask import Flask, Response, abort, request, session

from shop.config import Settings

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Our own pages still learn where a visitor came from (the CSRF check over TLS needs it); others learn nothing.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=(), payment=()",
}
ONE_YEAR = 31_536_000
LOOPBACK = {"127.0.0.1", "localhost"}
PROBES = {"/healthz", "/livez", "/readyz", "/metrics"}


def init_app(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer, without overwriting what a view chose for itself."""

    def protect(response: Response) -> Response:
        for name, value in ALWAYS.items():
            response.headers.setdefault(name, value)
        if settings.is_production:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={ONE_YEAR}; includeSubDomains")
        keep_private(response)
        return response

    def refuse_loopback_names() -> None:
        """On a server only probes from the machine itself may call it by a loopback name."""
        name = request.host.rsplit(":", 1)[0]
        if settings.is_production and name in LOOPBACK and request.path not in PROBES:
            abort(400)

    app.before_request(refuse_loopback_names)
    app.after_request(protect)


def keep_private(response: Response) -> None:
    """Pages of a signed-in person are stored nowhere; others may be stored but are asked for again."""
    if "Cache-Control" in response.headers or request.endpoint == "static":
        return
    personal = "login" in session or request.path.startswith(("/account", "/reset", "/confirm"))
    response.headers["Cache-Control"] = "no-store" if personal else "private, no-cache"
