"""Keys for machines from the command line: made, listed without telling them, ended."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.accounts.commands import token
from shop.cli import within_application
from tests.accounts.people import person


def test_a_key_opens_until_it_is_revoked(app: Flask, client: FlaskClient, session: Session) -> None:
    user = person(app, session)
    run = app.test_cli_runner()
    command = within_application(token)
    made = run.invoke(command, ["create", user.email, "--scope", "orders:read", "--name", "till"])
    secret = made.output.strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/orders", headers=headers).status_code == 200
    listed = run.invoke(command, ["list", user.email]).output
    assert secret not in listed
    assert "till\torders:read" in listed
    number = listed.split("\t", 1)[0]
    assert run.invoke(command, ["revoke", number]).exit_code == 0
    assert client.get("/api/v1/orders", headers=headers).status_code == 401
    assert "revoked" in run.invoke(command, ["list", user.email]).output
    assert run.invoke(command, ["revoke", "987654"]).exit_code != 0
