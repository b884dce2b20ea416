"""The settings of the shop, read from the environment once and refused with a sentence when they are wrong."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-secret-do-not-deploy"  # noqa: S105  refused in production below

LOOPBACK = {"127.0.0.1", "localhost", "::1"}

ProcessRole = Literal["web", "worker", "bulk_worker", "relay", "beat", "migrate", "report"]


class SettingsError(Exception):
    """The environment does not describe a shop that may start; the text says what to change."""


class Settings(BaseSettings):
    """Every setting, its unit and its default. The README has the same table in words."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    app_env: Literal["development", "test", "production"] = "development"
    process_role: ProcessRole = "web"
    port: int = Field(8000, ge=1, le=65535)
    public_url: str = ""
    secret_key: str = DEVELOPMENT_SECRET
    security_password_salt: str = DEVELOPMENT_SECRET
    database_url: str = ""
    redis_url: str = ""
    smtp_url: str = ""
    mail_from: str = "雅砻集 <shop@yarlung.example>"
    mail_sink_folder: str = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    proxy_hops: int = Field(0, ge=0, le=5)
    web_threads: int = Field(8, ge=1, le=64)
    # Open streams of a web process; each holds a thread of its server and no database connection.
    live_streams: int = Field(4, ge=0, le=64)
    rate_limits: bool = True
    page_cache_seconds: int = Field(3, ge=0, le=60)
    fail_points: bool = False
    outgoing_to_loopback: bool = False
    stripe_secret_key: str = Field("", repr=False)
    stripe_publishable_key: str = ""
    stripe_webhook_secrets: str = Field("", repr=False)
    stripe_api_base: str = ""

    @field_validator("stripe_api_base")
    @classmethod
    def _stripe_nearby(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or parts.hostname not in LOOPBACK):
            raise ValueError("only a server on this machine may stand in for Stripe: http://127.0.0.1:port")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _stripe_is_whole(self) -> Self:
        if self.stripe_secret_key and not self.webhook_secrets:
            raise ValueError("STRIPE_WEBHOOK_SECRETS must hold the signing secret of the endpoint /webhooks/stripe")
        return self

    @field_validator("database_url")
    @classmethod
    def _use_psycopg(cls, value: str) -> str:
        if not value:
            raise ValueError("set it to postgresql://user:password@host/name, or use `make run`, which starts one")
        for prefix in ("postgres://", "postgresql://"):
            if value.startswith(prefix):
                return "postgresql+psycopg://" + value.removeprefix(prefix)
        if not value.startswith("postgresql+psycopg://"):
            raise ValueError("only PostgreSQL is supported: it must begin with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"redis", "rediss", "redis+socket", "unix"}:
            raise ValueError("set it to redis://host:6379/0, or use `make run`, which starts one")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_scheme(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"smtp", "smtps"}:
            raise ValueError("set it to smtp://user:password@host:587, or use `make run`, which starts a mail sink")
        return value

    @model_validator(mode="after")
    def _production_is_safe(self) -> Self:
        if self.app_env != "production":
            return self
        rules = {
            "SECRET_KEY must be an own random value of at least 32 characters": (
                self.secret_key == DEVELOPMENT_SECRET or len(self.secret_key) < 32
            ),
            "SECURITY_PASSWORD_SALT must be an own random value of at least 16 characters": (
                self.security_password_salt == DEVELOPMENT_SECRET or len(self.security_password_salt) < 16
            ),
            "PUBLIC_URL must be the shop's https:// address": urlsplit(self.public_url).scheme != "https",
            "MAIL_SINK_FOLDER belongs to the sandbox and must be empty": bool(self.mail_sink_folder),
            "FAIL_POINTS belong to the fault tests and must be off": self.fail_points,
            "OUTGOING_TO_LOOPBACK is for development and must be off": self.outgoing_to_loopback,
            "STRIPE_API_BASE is for development and must be empty": bool(self.stripe_api_base),
            "STRIPE_SECRET_KEY is a test key; a live one begins with sk_live_ or rk_live_": (
                self.stripe_secret_key.startswith(("sk_test_", "rk_test_"))
            ),
            "RATE_LIMITS must be on": not self.rate_limits,
        }
        wrong = [words for words, broken in rules.items() if broken]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The current signing secrets of the provider's messages: two while they are rolled."""
        return tuple(one.strip() for one in self.stripe_webhook_secrets.split(",") if one.strip())

    @property
    def pays_online(self) -> bool:
        """Whether customers may pay by card or wallet."""
        return bool(self.stripe_secret_key)

    @property
    def plays_cashier(self) -> bool:
        """Whether somebody plays the customer at the provider: only where the provider is a server of this machine."""
        return bool(self.stripe_secret_key and self.stripe_api_base) and not self.is_production

    @property
    def base_url(self) -> str:
        """The address people reach the shop at, without a slash at its end."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def is_production(self) -> bool:
        return self.app_env == "production"


def load_settings(**overrides: object) -> Settings:
    """Read the environment (and `overrides`, which win); raise SettingsError with one line per fault."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"]).upper() or "SETTINGS"
            lines.append(f"{name}: {fault['msg'].removeprefix('Value error, ')}")
        raise SettingsError("The shop cannot start with these settings:\n  " + "\n  ".join(lines)) from None
