"""An address with an option that is none is one clear line, before anything is connected."""

from __future__ import annotations

import socket

import pytest
from pydantic import SecretStr
from redis.exceptions import RedisError

from firstcause.errors import FirstcauseError
from firstcause.hot_state.connection import open_redis, reason_of


@pytest.mark.parametrize("option", ["colour=red", "socket_timeout=soon", "protocol=x"])
def test_an_option_that_is_none(option: str) -> None:
    with pytest.raises(FirstcauseError, match="REDIS_URL has an option") as refused:
        open_redis(SecretStr(f"redis://:hunter2@127.0.0.1:1/0?{option}"), 1.0)
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_what_does_not_listen_is_a_line_without_the_password(scheme: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"{scheme}://:hunter2@127.0.0.1:{port}/0?"
        if scheme == "rediss":
            url += "ssl_ca_certs=/no/such/ca.pem"
        with pytest.raises(RedisError) as failed:
            open_redis(SecretStr(url), 5.0).ping()
    assert "hunter2" not in reason_of(failed.value)
    assert "\n" not in reason_of(failed.value)
