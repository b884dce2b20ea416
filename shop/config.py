"""The settings of the shop, read from the environment once and refused with a sentence when they are wrong."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-secret-do-not-deploy"  # noqa: S105  refused in production below

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
    rate_limits: bool = True
    page_cache_seconds: int = Field(3, ge=0, le=60)
    fail_points: bool = False
    outgoing_to_loopback: bool = False

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
        wrong = []
        if self.secret_key == DEVELOPMENT_SECRET or len(self.secret_key) < 32:
            wrong.append("SECRET_KEY must be an own random value of at least 32 characters")
        if self.security_password_salt == DEVELOPMENT_SECRET or len(self.security_password_salt) < 16:
            wrong.append("SECURITY_PASSWORD_SALT must be an own random value of at least 16 characters")
        if urlsplit(self.public_url).scheme != "https":
            wrong.append("PUBLIC_URL must be the shop's https:// address")
        if self.mail_sink_folder:
            wrong.append("MAIL_SINK_FOLDER belongs to the sandbox and must be empty")
        if self.fail_points:
            wrong.append("FAIL_POINTS belong to the fault tests and must be off")
        if self.outgoing_to_loopback:
            wrong.append("OUTGOING_TO_LOOPBACK is for development and must be off")
        if not self.rate_limits:
            wrong.append("RATE_LIMITS must be on")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

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
