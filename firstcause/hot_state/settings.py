"""The settings of the hot state; a part of `Settings`."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

REDIS_SCHEMES = ("redis", "rediss")


class HotStateSettings(BaseSettings):
    """Where the hot state is."""

    redis_url: SecretStr | None = Field(
        default=None,
        description="Hot state, such as redis://:password@host:6379/0 (rediss: with TLS); unset: "
        "none",
    )

    @field_validator("redis_url")
    @classmethod
    def _address_of_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_redis_url(url.get_secret_value()):
            # The value may hold a password, so it is not repeated.
            raise ValueError(
                "it is no address of Redis: write redis://[user:password@]host[:port][/number], "
                "or rediss:// for TLS"
            )
        return url


def _is_redis_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    number = parts.path.strip("/")
    has_number = not number or (number.isascii() and number.isdigit())
    return parts.scheme in REDIS_SCHEMES and bool(parts.hostname) and port != 0 and has_number
