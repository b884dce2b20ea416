"""H10, H12, H19, H20, PI5: what every answer says to browsers, and what no answer gives away."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from orders.fulfilment.queue import masked
from tests.accounts.people import PASSWORD, csrf_token, person, post, sign_in
from tests.figures import FULL_SIZE, Figures, size
from tests.security.conftest import HOME
from tests.security.rules import path_of, rules

WANTED = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Frame-Options": "DENY",
}
KEEPS_QUIET = {"same-origin", "no-referrer"}
ELSEWHERE = [
    "https://evil.example", "http://evil.example/", "//evil.example", "///evil.example", "////evil.example/%2e%2e",
    "\\\\evil.example", "/\\evil.example", "\\/evil.example", "/\\/evil.example", "https:evil.example",
    "https:/evil.example", "https:///evil.example", "http:\\\\evil.example", "javascript:alert(1)",
    "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)", " //evil.example", "\t//evil.example", "\r\n//evil.example", "/\t/evil.example",
    "/\n/evil.example", "/\r/evil.example", "%2f%2fevil.example", "/%2fevil.example", "/%5cevil.example",
    "https://shop.example@evil.example", "https://shop.example.evil.example", "https://evil.example#shop.example",
    "https://evil.example?shop.example", "https://shop.example:443@evil.example/", "//shop.example@evil.example",
    "http://[::1]/", "http://2130706433/", "ftp://evil.example", "mailto:x@evil.example", "tel:110", "file:///etc/passwd",
    "blob:https://evil.example/x", "about:blank", "view-source:https://evil.example", "///\\evil.example",
    "/account\r\nLocation: https://evil.example", "/account%0d%0aSet-Cookie:x=1", "//evil.example/..;/account",
    "https://evil。example", "//evil\u3002example", "/\u2028/evil.example", "／／evil.example", "//\u200bevil.example",
    "http://evil.example\\@shop.example", "//evil.example\\.shop.example", "....//evil.example", "@evil.example",
    ":evil.example", "?next=//evil.example", "//", "///", "/\\", "\u0000//evil.example",
]  # fmt: skip


def test_h10_every_answer_bears_the_headers(production: Flask, figures: Callable[[str], Figures]) -> None:
    client = production.test_client()
    asked, missing, cookies, loose = 0, [], 0, []
    paths = [(method, path_of(rule)) for rule in rules(production) for method in sorted(rule.methods or ())]
    paths += [("GET", "/static/style.css"), ("GET", "/static/nothing"), ("GET", "/nothing"), ("PUT", "/")]
    for method, path in paths:
        answer = client.open(path, method=method, base_url=HOME)
        asked += 1
        missing += [(method, path, name) for name, part in WANTED.items() if part not in answer.headers.get(name, "")]
        missing += [] if answer.headers["Referrer-Policy"] in KEEPS_QUIET else [(method, path, "Referrer-Policy")]
        for cookie in answer.headers.getlist("Set-Cookie"):
            cookies += 1
            wanted = ("__Host-", "Secure", "HttpOnly", "SameSite=", "Path=/")
            loose += [(path, part) for part in wanted if part not in cookie]
    assert (missing, loose) == ([], [])
    h10 = figures("H10")
    h10.at_least("answers looked at, errors and files included", asked, 100)
    h10.exactly("answers without one of the headers", len(missing), 0)
    h10.at_least("cookies looked at", cookies, 1)
    h10.exactly("cookies without one of their marks", len(loose), 0)


def test_h10_a_signed_in_persons_pages_are_stored_nowhere(
    app: Flask, client: FlaskClient, session: Session, figures: Callable[[str], Figures]
) -> None:
    sign_in(client, person(app, session, "office").email)
    stored = []
    for rule in rules(app):
        if "GET" in (rule.methods or ()) and rule.endpoint != "static" and not rule.rule.startswith("/api/"):
            answer = client.get(path_of(rule))
            if "no-store" not in answer.headers.get("Cache-Control", "") and answer.mimetype == "text/html":
                stored.append(rule.rule)
    figures("H10").exactly("personal pages a browser may store", len(stored), 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "shop.example.evil.example"},
        {"Host": "evil.example:443@shop.example"},
        {"Host": "127.0.0.1"},
        {"Host": "shop.example, evil.example"},
        {"Host": ""},
    ],
)
def test_h19_under_a_foreign_name_there_is_no_page(production: Flask, headers: dict[str, str]) -> None:
    answer = production.test_client().get("/reset", base_url=HOME, headers=headers)
    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_h19_no_forwarded_header_moves_a_link(production: Flask, figures: Callable[[str], Figures]) -> None:
    forged = {
        "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Server": "evil.example",
        "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil", "Forwarded": "host=evil.example;proto=http",
        "X-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-For": "127.0.0.1",
    }  # fmt: skip
    client = production.test_client()
    plain = [rule.rule for rule in rules(production) if "GET" in (rule.methods or ()) and not rule.arguments]
    led = []
    for path in plain:
        answer = client.get(path, base_url=HOME, headers=forged)
        led += [path] if "evil" in answer.get_data(as_text=True) + str(answer.headers) else []
    figures("H19").exactly(f"pages of {len(plain)} that repeat a forged address", len(led), 0)


def test_h20_nobody_is_led_away(
    app: Flask, client: FlaskClient, session: Session, figures: Callable[[str], Figures]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    user = person(app, session)
    here, led_away = "http://localhost", []
    member = app.test_client()
    enter = {"email": user.email, "password": PASSWORD}
    assert member.post("/login", data=enter).status_code == 303
    for target in ELSEWHERE:
        places = [
            client.post("/language", data={"locale": "en", "next": target}),
            client.get("/login", query_string={"next": target}),
            member.get("/login", query_string={"next": target}),
        ]
        if FULL_SIZE:  # the same function decides after signing in, which takes long on purpose
            places.append(app.test_client().post("/login", data={**enter, "next": target}))
        for answer in places:
            location = answer.headers.get("Location")
            # Browsers drop control characters and read backslashes as slashes before they go anywhere.
            seen = "".join(one for one in location or "" if ord(one) > 32).replace("\\", "/")
            if location and urlsplit(urljoin(here, seen)).netloc not in {"localhost", ""}:
                led_away.append((target, location))
    assert led_away == []
    h20 = figures("H20")
    h20.at_least("addresses elsewhere that were tried", len(ELSEWHERE), 58)
    h20.exactly("of them that led away", len(led_away), 0)


def p_value(first: list[float], second: list[float]) -> float:
    """Mann-Whitney's two-sided p by the normal approximation: how likely such a difference is by chance."""
    ranks = {value: rank for rank, value in enumerate(sorted(first + second), 1)}
    n, m = len(first), len(second)
    u = sum(ranks[value] for value in first) - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def test_h12_a_known_address_answers_like_an_unknown_one(
    fresh_app: Flask, session: Session, figures: Callable[[str], Figures]
) -> None:
    app, client = fresh_app, fresh_app.test_client()  # keeps passwords at their real price
    number = size(6, 200)
    for n in range(4):
        person(app, session, email=f"known{n}@people.example")
    token = csrf_token(client)
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    told: dict[str, set[tuple[int, str]]] = {"known": set(), "unknown": set()}
    for n in range(number):
        for who in ("known", "unknown") if n % 2 else ("unknown", "known"):
            session.connection().exec_driver_sql("DELETE FROM login_attempt")
            session.commit()
            data = {"email": f"{who}{n % 4}@people.example", "password": "wrong guess here", "csrf_token": token}
            started = time.perf_counter()
            answer = client.post("/login", data=data)
            times[who].append(time.perf_counter() - started)
            told[who].add((answer.status_code, answer.text.replace(data["email"], "").count("<")))
    h12 = figures("H12")
    h12.exactly("answers that differ between known and unknown", len(told["known"] ^ told["unknown"]), 0)
    difference = abs(statistics.median(times["known"]) - statistics.median(times["unknown"])) * 1000
    h12.keep("difference of the median times", f"{difference:.1f} ms", "told only", True)
    p = p_value(times["known"], times["unknown"])
    h12.keep(f"Mann-Whitney p of {number} times each", f"{p:.3g}", "> 0.01", p > 0.01, judged=FULL_SIZE)


def test_h12_reset_and_registration_do_not_tell_either(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    for path, more in (("/reset", {}), ("/register", {"name": "A", "password": "another long sentence"})):
        known = post(client, path, email=user.email, **more)
        unknown = post(client, path, email="nobody@people.example", **more)
        assert (known.status_code, known.headers.get("Location")) == (
            unknown.status_code, unknown.headers.get("Location"),
        )  # fmt: skip


DIGITS = "0123456789０１２３４５６７８９"


@settings(max_examples=size(300, 10_000), deadline=None)
@given(
    prefix=st.sampled_from(["", "+86", "+86 ", "0086", "(027) ", "027-", "１３８"]),
    rest=st.text(alphabet=DIGITS + " -－()转", max_size=14),
    name=st.text(max_size=20),
)
def test_pi5_at_most_seven_digits_of_a_number_are_shown(prefix: str, rest: str, name: str) -> None:
    shown = masked("", prefix + rest)
    assert sum(letter in DIGITS for letter in shown) <= 7
    digits = [letter for letter in prefix + rest if letter in DIGITS]
    if len(digits) >= 8 and (prefix + rest)[-4:].isdecimal():
        assert shown.endswith("".join(digits[-4:]))
    assert masked(name, prefix + rest).startswith(name[:1])
