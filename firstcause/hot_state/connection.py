"""Connects to Redis, and says in a line why it cannot be used."""

from __future__ import annotations

from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthenticationWrongNumberOfArgsError, RedisError
from redis.retry import Retry

from firstcause.errors import FirstcauseError


def open_redis(url: SecretStr, timeout_seconds: float) -> Redis:
    """A client, safe for threads; it connects with its first command, and tries each one once.

    Args:
        url: of Redis; its query may have options of redis-py, such as `ssl_ca_certs`.
        timeout_seconds: of connecting, and of each answer.

    Raises:
        FirstcauseError: an option of the address is none.
    """
    try:
        redis = Redis.from_url(
            url.get_secret_value(),
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        # Only this looks at the options; it does not connect.
        redis.connection_pool.make_connection()
    except (ValueError, TypeError) as error:
        raise FirstcauseError(f"REDIS_URL has an option that redis-py refuses: {error}") from None
    return redis


def reason_of(error: RedisError | ValueError) -> str:
    """Why Redis cannot be used, and what to do; without the address, which holds a password."""
    said = " ".join(str(error).split())[:200] or type(error).__name__
    refused = isinstance(error, AuthenticationError | AuthenticationWrongNumberOfArgsError)
    if refused or said.startswith(("NOAUTH", "WRONGPASS")):
        return f"Redis refuses the user or password of REDIS_URL: {said}"
    return said
