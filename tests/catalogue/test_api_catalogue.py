"""Machines read goods and counters, from a document that says truly what they get."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy.orm import Session

from shop.accounts.policy import SCOPES
from tests.builders import Builder


def test_goods_are_listed_with_prices_and_what_is_left(client: FlaskClient, build: Builder) -> None:
    sku = build.sku(code="EGG-30", price_fen=4_500)
    counter, other = build.counter(code="WH-1"), build.counter(code="WH-2")
    build.lot(sku, at=counter, quantity=7)
    build.lot(build.sku(code="OIL-5L"), at=other, quantity=3)
    build.commit()
    page = client.get("/api/v1/products?per_page=1").json
    assert (page["total"], page["page"], len(page["items"])) == (2, 1, 1)
    assert client.get("/api/v1/products?page=9").json["items"] == []
    here = client.get("/api/v1/products?counter=WH-1").json
    assert here["total"] == 1
    shown = here["items"][0]["skus"][0]
    assert (shown["sku"], shown["price_fen"], shown["available"], shown["at_counter"]) == ("EGG-30", 4_500, 7, 7)
    product = client.get(f"/api/v1/products/{here['items'][0]['slug']}").json
    assert "at_counter" not in product["skus"][0]
    assert product["cooperative"]["altitude_m"] == 3560
    missing = client.get("/api/v1/products/nothing-of-the-kind")
    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "query", ["storage=warm", "page=0", "page=x", "per_page=1000", "colour=red", "counter=WH-9", "sort=best"]
)
def test_a_question_nobody_can_answer_is_refused_with_its_field(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/api/v1/products?{query}")
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [error["field"] for error in answer.json["errors"]] == [query.split("=", maxsplit=1)[0]]


def test_counters_are_told_nearest_first(client: FlaskClient, build: Builder) -> None:
    build.counter(code="FAR", lat=30.70, lng=114.40)
    build.counter(code="NEAR", lat=30.60, lng=114.30)
    build.commit()
    near = client.get("/api/v1/counters?near=30.60,114.30").json
    assert [(one["code"], one["distance_m"] > 0) for one in near["items"]] == [("NEAR", False), ("FAR", True)]
    assert "distance_m" not in client.get("/api/v1/counters").json["items"][0]
    assert client.get("/api/v1/counters/NEAR").json["hours"][0].keys() == {"weekday", "opens", "closes"}
    assert client.get("/api/v1/counters?near=here").status_code == 422
    assert client.get("/api/v1/counters/NOWHERE").status_code == 404


def test_the_document_is_valid_and_names_every_route(app: Flask, client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    routes = {
        rule.rule.replace("<", "{").replace(">", "}").replace("int:", "")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint.split(".")[0] not in {"api-docs", "api_pages"}
    }
    assert routes == set(document["paths"])


def test_every_call_says_its_scope_and_that_its_refusals_are_problems(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if method == "parameters":
                continue
            assert call["summary"], (method, path)
            scopes = [scope for one in call["security"] for scope in one.get("token", [])]
            assert set(scopes) <= set(SCOPES)
            refusals = {code: answer for code, answer in call["responses"].items() if not code.startswith("2")}
            assert {"429", "503"} <= set(refusals), (method, path)
            assert all(answer == {"$ref": "#/components/responses/Problem"} for answer in refusals.values()), path


def test_the_pages_show_every_call(client: FlaskClient, session: Session) -> None:
    page = client.get("/api/v1/docs").get_data(as_text=True)
    document = client.get("/api/v1/openapi.json").json
    for path in document["paths"]:
        assert f"{path}</code>" in page
    assert "<script>" not in page
