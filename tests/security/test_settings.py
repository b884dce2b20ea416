"""A server does not start with secrets anybody can read, nor with the sandbox's doors open."""

from __future__ import annotations

import pytest

from shop.config import DEVELOPMENT_SECRET, SettingsError, load_settings

GOOD = {
    "app_env": "production",
    "database_url": "postgresql://db.example/shop",
    "redis_url": "redis://redis.example/0",
    "smtp_url": "smtp://mail.example:587",
    "mail_sink_folder": "",
    "public_url": "https://shop.example",
    "secret_key": "k" * 40,
    "security_password_salt": "s" * 20,
}


def test_good_settings_are_taken() -> None:
    assert load_settings(**GOOD).is_production


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"secret_key": DEVELOPMENT_SECRET}, "SECRET_KEY"),
        ({"secret_key": "short"}, "SECRET_KEY"),
        ({"security_password_salt": DEVELOPMENT_SECRET}, "SECURITY_PASSWORD_SALT"),
        ({"public_url": "http://shop.example"}, "PUBLIC_URL"),
        ({"mail_sink_folder": "/tmp/mails"}, "MAIL_SINK_FOLDER"),
        ({"fail_points": True}, "FAIL_POINTS"),
        ({"rate_limits": False}, "RATE_LIMITS"),
        ({"database_url": "sqlite:///shop.db"}, "DATABASE_URL"),
        ({"redis_url": ""}, "REDIS_URL"),
        ({"smtp_url": "mail.example"}, "SMTP_URL"),
        ({"port": 0}, "PORT"),
    ],
)
def test_bad_settings_are_refused_by_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(**{**GOOD, **change})


def test_a_laptop_may_use_the_known_secret() -> None:
    assert not load_settings(**{**GOOD, "app_env": "development", "secret_key": DEVELOPMENT_SECRET}).is_production
