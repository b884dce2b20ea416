"""The stand-in over HTTP, on loopback: Stripe's addresses, forms and idempotency keys, and its signed messages.

python -m shop.sandbox.stripe.server --port 8420 --to http://127.0.0.1:8000/webhooks/stripe --secret whsec_…
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import re
import signal
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from shop.sandbox.stripe.account import Account, Refused
from shop.sandbox.stripe.invoicing import Invoicing
from shop.sandbox.stripe.messenger import Faults, Messenger
from shop.sandbox.stripe.objects import Thing

Params = dict[str, Any]
AUTHORIZE = """<!doctype html><html lang="{lang}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>Test wallet</title>
<style>body {{ font: 18px sans-serif; max-width: 24em; margin: 3em auto; padding: 0 1em }}
button {{ font: inherit; padding: .6em 1em }}</style>
<h1>测试钱包 · Test wallet</h1><p>{amount} · {description}</p>
<form method="post"><button name="decision" value="authorize">付款 · Authorize</button>
<button name="decision" value="fail">不付 · Fail</button></form></body></html>"""


def nested(pairs: list[tuple[str, str]]) -> Params:
    """a[b][0]=v as dictionaries and lists."""
    root: Params = {}
    for name, value in pairs:
        keys = [key for key in re.split(r"[\[\]]+", name) if key]
        place = root
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return {name: listed(value) for name, value in root.items()}


def listed(value: Any) -> Any:
    """Dictionaries with keys 0, 1, 2 … are lists."""
    if not isinstance(value, dict):
        return value
    inside = {key: listed(one) for key, one in value.items()}
    return list(inside.values()) if inside and all(key.isdecimal() for key in inside) else inside


def page_of(rows: list[Thing], params: Params, address: str) -> Thing:
    """A page of a list, newest first (docs.stripe.com/api/pagination)."""
    newest = rows[::-1]
    limit, ids = int(params.get("limit", 10)), [row["id"] for row in newest]
    more = False
    if after := params.get("starting_after"):
        start = ids.index(after) + 1 if after in ids else 0
        newest, more = newest[start : start + limit], len(newest) > start + limit
    elif before := params.get("ending_before"):
        end = ids.index(before) if before in ids else len(ids)
        start = max(0, end - limit)
        newest, more = newest[start:end], start > 0
    else:
        newest, more = newest[:limit], len(newest) > limit
    return {"object": "list", "url": address, "has_more": more, "data": newest}


class Stripe:
    """Routes of the API onto the account."""

    def __init__(self, account: Account) -> None:
        self.account, self.invoicing = account, Invoicing(account)

    def answer(self, method: str, path: str, params: Params, key: str) -> tuple[int, Thing, bool]:
        """Status, body and whether it is a repetition; all under the account's lock, and kept before it is told."""
        account = self.account
        with account.lock:
            digest = hashlib.sha256(json.dumps([path, params], sort_keys=True).encode()).hexdigest()
            if method == "POST" and key in account.answers:
                status, body, same = account.answers[key]
                if same != digest:
                    words = "Keys for idempotent requests can only be used with the same parameters."
                    return 400, {"error": {"type": "idempotency_error", "message": words}}, False
                return status, body, True
            try:
                body = json.loads(json.dumps(self.route(method, path, params)))
                status = 200
            except Refused as refusal:
                status, body = refusal.status, json.loads(json.dumps(refusal.body))
            if method == "POST" and key:
                account.answers[key] = (status, body, digest)
            if method == "POST":
                account.keep()
            return status, body, False

    def refuse(self, status: int, path: str, params: Params, key: str) -> tuple[int, Thing]:
        """A fault of its own (5xx, kept under the key and said again), a conflict (409) or too many calls (429)."""
        code = {409: "lock_timeout", 429: "rate_limit"}.get(status)
        body: Thing = {"error": {"type": "api_error", "message": "Something is wrong on our side."}}
        if code:
            body["error"] |= {"code": code, "type": "invalid_request_error"}
        with self.account.lock:
            if status >= 500 and key:
                digest = hashlib.sha256(json.dumps([path, params], sort_keys=True).encode()).hexdigest()
                self.account.answers[key] = (status, body, digest)
        return status, body

    def route(self, method: str, path: str, params: Params) -> Thing:
        """One request."""
        parts = path.removeprefix("/v1/").strip("/").split("/")
        account = self.account
        if method == "POST":
            return self.change(parts, params)
        if len(parts) == 1 and parts[0] in account.things:
            return page_of(self.rows(parts[0], params), params, path)
        if len(parts) == 2 and parts[0] in account.things:
            return self.expanded(account.get(parts[0], parts[1]), params)
        if len(parts) == 3 and (parts[0], parts[2]) == ("invoices", "lines"):
            return page_of(self.invoicing.lines_of(parts[1])[::-1], params, path)
        raise Refused(404, "resource_missing", f"Unrecognized request URL (GET: {path}).")

    def change(self, parts: list[str], params: Params) -> Thing:
        """A request that changes something."""
        account, invoicing = self.account, self.invoicing
        routes: dict[tuple[str, ...], Callable[[], Thing]] = {
            ("payment_intents",): lambda: account.create_intent(params),
            ("payment_methods",): lambda: account.create_method(params),
            ("refunds",): lambda: account.create_refund(params),
            ("payment_intents", "confirm"): lambda: account.confirm(parts[1], params),
            ("payment_intents", "cancel"): lambda: account.cancel(parts[1], params),
            ("customers",): lambda: invoicing.create_customer(params),
            ("invoices",): lambda: invoicing.create_invoice(params),
            ("invoiceitems",): lambda: invoicing.add_item(params),
            ("credit_notes",): lambda: invoicing.credit(params),
        }
        wanted = (parts[0], *parts[2:])
        if len(parts) == 3 and parts[0] == "invoices" and parts[2] in invoicing.verbs:
            return invoicing.move(parts[1], parts[2], params)
        if wanted not in routes or len(parts) == 2:
            raise Refused(404, "resource_missing", f"Unrecognized request URL (POST: /v1/{'/'.join(parts)}).")
        return self.expanded(routes[wanted](), params)

    def rows(self, kind: str, params: Params) -> list[Thing]:
        """The rows a list's filters leave, oldest first."""
        rows = list(self.account.things[kind].values())
        since = (params.get("created") or {}).get("gte")
        if since is not None:
            rows = [row for row in rows if row["created"] >= int(since)]
        for name in ("payment_intent", "charge", "source", "customer", "invoice"):
            if name in params:
                rows = [row for row in rows if row.get(name) == params[name]]
        if params.get("types"):
            rows = [row for row in rows if row["type"] in params["types"]]
        expands = [name.removeprefix("data.") for name in params.get("expand", [])]
        return [self.expanded(row, {"expand": expands}) for row in rows]

    def expanded(self, thing: Thing, params: Params) -> Thing:
        """With its charge instead of the charge's id, if that is wished."""
        ref = thing.get("latest_charge")
        if ref and "latest_charge" in params.get("expand", []):
            return thing | {"latest_charge": self.account.get("charges", ref)}
        return thing


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    stripe: Stripe
    faults: Faults

    def do_GET(self) -> None:
        self.serve("GET")

    def do_POST(self) -> None:
        self.serve("POST")

    def serve(self, method: str) -> None:
        """Read the request, perhaps cut it off (a fault on request), answer."""
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if parts.path.startswith("/test/"):
            self.wallet(method, parts.path, dict(parse_qsl(body)))
            return
        params = nested(parse_qsl(parts.query if method == "GET" else body, keep_blank_values=True))
        if not self.headers.get("Authorization", "").startswith("Bearer sk_test_"):
            self.send_json(401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}})
            return
        cut = self.faults.cut() if method == "POST" else ""
        if cut == "before":
            self.hang_up()
            return
        key = self.headers.get("Idempotency-Key", "")
        if cut.isdecimal():
            self.send_json(*self.stripe.refuse(int(cut), parts.path, params, key))
            return
        status, answer, again = self.stripe.answer(method, parts.path, params, key)
        if cut == "after":
            self.hang_up()
            return
        self.send_json(status, answer, again=again)

    def hang_up(self) -> None:
        """The line is cut: nobody hears the answer."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def wallet(self, method: str, path: str, form: dict[str, str]) -> None:
        """The page of Alipay, WeChat Pay or a bank, as Stripe's test mode shows it; and levers for tests."""
        account = self.stripe.account
        what, _slash, ref = path.removeprefix("/test/").partition("/")
        try:
            with account.lock:
                if what == "authorize" and method == "GET":
                    intent = account.get("payment_intents", ref)
                    page = AUTHORIZE.format(
                        lang="zh", amount=f"¥{intent['amount'] / 100:.2f}", description=intent["description"]
                    )
                    self.send_bytes(200, page.encode(), "text/html; charset=utf-8")
                elif what == "authorize":
                    target = account.decide(ref, authorised=form.get("decision") == "authorize")
                    account.keep()
                    self.send_response(303)
                    self.send_header("Location", target)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif method == "POST" and what in LEVERS:
                    self.send_json(200, LEVERS[what](self, ref, form) or {})
                else:
                    self.send_json(404, {})
        except Refused as refusal:
            self.send_json(refusal.status, refusal.body)

    def send_json(self, status: int, body: Thing, *, again: bool = False) -> None:
        """A JSON answer."""
        self.send_bytes(status, json.dumps(body).encode(), "application/json", again=again)

    def send_bytes(self, status: int, content: bytes, kind: str, *, again: bool = False) -> None:
        """An answer with its length."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if again:
            self.send_header("Idempotent-Replayed", "true")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the shop logs what it asks."""


# What a test may do to the account and the line: by its address under /test/.
LEVERS: dict[str, Callable[[Handler, str, dict[str, str]], Thing | None]] = {
    "settle-refunds": lambda handler, _ref, _form: handler.stripe.account.settle_refunds(),
    "endpoint": lambda handler, _ref, form: handler.stripe.account.keep_endpoint(form),
    "balance": lambda handler, _ref, form: setattr(handler.stripe.account, "poor", form.get("empty") == "yes"),
    "age": lambda handler, ref, form: handler.stripe.account.age(ref, int(form["seconds"])),
    "cut-next": lambda handler, _ref, form: handler.faults.forced.extend(form.get("where", "").split(",")),
    "cut-none": lambda handler, _ref, _form: handler.faults.forced.clear(),
    "invoice-total": lambda handler, ref, form: handler.stripe.invoicing.add_by_hand(ref, int(form["amount"])),
    "close-dispute": lambda handler, ref, form: handler.stripe.account.close_dispute(ref, won=form.get("won") == "yes"),
}


def serve(port: int, file: Path | None, to: str, secret: str, faults: Faults) -> None:
    """Stand in for Stripe until SIGTERM or Ctrl-C."""
    account = Account(file, f"http://127.0.0.1:{port}")
    if to:
        account.keep_endpoint({"url": to})
    handler = type("BoundHandler", (Handler,), {"stripe": Stripe(account), "faults": faults})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    messenger = Messenger(to, secret, faults) if to else None
    if messenger is not None:
        account.on_event = messenger.take
        messenger.start()
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ended.wait()
    server.shutdown()
    with account.lock:
        account.keep()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, help="where the account is kept; without it, in memory")
    parser.add_argument("--to", default="", help="where signed messages go")
    parser.add_argument("--secret", default="", help="the secret they are signed with")
    parser.add_argument("--drop", type=float, default=0.0, help="share of messages lost")
    parser.add_argument("--repeat", type=float, default=0.0, help="share of messages sent twice")
    parser.add_argument("--shuffle", action="store_true", help="messages come in disorder")
    parser.add_argument("--cut-before", type=float, default=0.0, help="share of calls cut off before they are done")
    parser.add_argument("--cut-after", type=float, default=0.0, help="share of calls cut off after they were done")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    faults = Faults(
        random.Random(chosen.seed),  # noqa: S311  chance for tests, no secret
        chosen.drop,
        chosen.repeat,
        chosen.shuffle,
        chosen.cut_before,
        chosen.cut_after,
    )
    serve(chosen.port, chosen.file, chosen.to, chosen.secret, faults)


if __name__ == "__main__":
    main()
