"""What every answer says to browsers, and under which names the shop answers at all."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.app import create_app
from shop.config import load_settings
from tests.accounts.people import person, sign_in


def test_pages_may_only_show_what_is_ours(client: FlaskClient) -> None:
    headers = client.get("/login").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/login", "/register", "/reset", "/nothing-here", "/confirm/x"])
def test_no_page_has_inline_script_or_style(client: FlaskClient, path: str) -> None:
    page = client.get(path).get_data(as_text=True)
    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page
    assert page.count("<script") == page.count('<script type="module" src=')


def test_the_cookie_is_for_our_site_and_no_script(client: FlaskClient) -> None:
    cookie = client.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_on_a_server_cookies_travel_only_over_tls(production: Flask) -> None:
    answer = production.test_client().get("/login", base_url="https://shop.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-yarlung=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_on_a_server_loopback_names_are_for_probes_only(production: Flask) -> None:
    client = production.test_client()
    assert client.get("/healthz", base_url="http://127.0.0.1:8000").status_code == 200
    assert client.get("/login", base_url="http://127.0.0.1:8000").status_code == 400
    assert client.get("/login", base_url="https://evil.example").status_code == 400


def test_on_a_server_numbers_are_for_the_machine_itself(production: Flask) -> None:
    client = production.test_client()
    local = client.get("/metrics", base_url="http://127.0.0.1:8000")
    assert local.status_code == 200
    outside = client.get("/metrics", base_url="https://shop.example", environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert outside.status_code == 403


def test_a_forwarded_address_is_not_believed_without_a_proxy(client: FlaskClient) -> None:
    with client:
        from flask import request

        client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"})
        assert request.remote_addr == "127.0.0.1"
        assert request.host == "localhost"


def test_a_signed_in_page_is_stored_nowhere(app: Flask, client: FlaskClient, session: Session) -> None:
    sign_in(client, person(app, session).email)
    assert client.get("/login?next=/nothing-here").headers["Cache-Control"] == "no-store"


def test_a_request_keeps_its_id(client: FlaskClient) -> None:
    assert (
        client.get("/healthz", headers={"X-Request-Id": "order-12345678"}).headers["X-Request-Id"] == "order-12345678"
    )
    evil = client.get("/healthz", headers={"X-Request-Id": "{jndi} <script>"}).headers["X-Request-Id"]
    assert len(evil) == 32


def test_too_many_requests_are_told_when_to_come_back(database_url: str) -> None:
    settings = load_settings(
        app_env="test", database_url=database_url, redis_url="redis://127.0.0.1:1/0", smtp_url="smtp://127.0.0.1:1",
        log_level="ERROR",
    )  # fmt: skip
    client = create_app(settings).test_client()
    answers = [client.post("/language", data={}).status_code for _ in range(125)]
    assert answers.count(429) >= 4, "counted in memory while Redis is away"
    last = client.post("/language", data={})
    assert int(last.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200


def test_errors_are_pages_for_people_and_problems_for_machines(client: FlaskClient) -> None:
    page = client.get("/nothing-here")
    assert page.status_code == 404
    assert "<h1>" in page.get_data(as_text=True)
    problem = client.get("/api/v1/nothing-here")
    assert problem.status_code == 404
    assert problem.content_type == "application/problem+json"
    assert problem.json["status"] == 404


def test_the_access_log_holds_no_link_that_opens_something(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="shop.access"):
        client.get("/reset/a-secret-token")
        client.get("/orders/NOTHING?key=a-secret-key")
    lines = [record for record in caplog.records if record.name == "shop.access"]
    assert [record.status for record in lines] == [303, 404]  # type: ignore[attr-defined]
    assert not any("a-secret" in str(vars(record)) for record in lines)
