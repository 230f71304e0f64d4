"""Sends one request to one receiver."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urljoin

import httpx
import orjson

from log_analyzer.webhooks.addresses import RefusedAddressError, Resolve, checked_target, resolved
from log_analyzer.webhooks.bodies import Notice, alertmanager_body, pagerduty_body
from log_analyzer.webhooks.receivers import Receiver, Webhook

TIMEOUT_SECONDS: Final = 5.0
MAX_REDIRECTS: Final = 3
_PREFIX: Final = "whsec_"
# Those that keep the method and the body.
_REDIRECTS: Final = frozenset({307, 308})
_TRY_AGAIN: Final = frozenset({408, 425, 429})


class NotDeliveredError(Exception):
    """The receiver has not taken it. `is_final`: a second try will not help."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


class WebhookSender:
    """Sends notices. Owned by one thread.

    Args:
        external_url: where people find this installation; empty where it is not known.
        allow_private: whether addresses in private ranges are allowed.
        resolve: addresses of a host's name.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        external_url: str,
        allow_private: bool,
        resolve: Resolve = resolved,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._external_url = external_url
        self._allow_private = allow_private
        self._resolve = resolve
        self._clock = clock
        # No proxy of the environment: it would decide where a request goes.
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)

    def send(self, notice: Notice, receiver: Receiver) -> None:
        """Sends once and returns when the receiver has taken it. Blocks.

        Raises:
            NotDeliveredError: it has not, or nobody knows. The same key may be sent again.
        """
        try:
            self._post(*self._request(notice, receiver))
        except RefusedAddressError as error:
            raise NotDeliveredError(str(error), is_final=True) from None
        except (httpx.HTTPError, OSError) as error:
            raise NotDeliveredError(_reason(error), is_final=False) from None
        except (httpx.InvalidURL, ValueError) as error:
            # What is no URL or host name, also of a redirect; a key's file that is no UTF-8.
            raise NotDeliveredError(_reason(error), is_final=True) from None

    def close(self) -> None:
        """Closes connections."""
        self._client.close()

    def _request(self, notice: Notice, receiver: Receiver) -> tuple[str, bytes, dict[str, str]]:
        headers = {"Content-Type": "application/json", "User-Agent": "firstcause"}
        if receiver.pagerduty is not None:
            routing_key = receiver.pagerduty.routing_key_file.read_text("utf-8").strip()
            body = orjson.dumps(pagerduty_body(notice, routing_key))
            return receiver.pagerduty.url, body, headers
        assert receiver.webhook is not None  # noqa: S101 - the file's model has one of both
        body = orjson.dumps(alertmanager_body(notice, receiver.name, self._external_url))
        return receiver.webhook.url, body, headers | self._signed(receiver.webhook, notice, body)

    def _signed(self, webhook: Webhook, notice: Notice, body: bytes) -> dict[str, str]:
        stamp = str(int(self._clock()))
        headers = {"webhook-id": notice.key, "webhook-timestamp": stamp}
        if webhook.secret_file is None:
            return headers
        secret = secret_bytes(webhook.secret_file.read_text("utf-8"))
        return headers | {"webhook-signature": signature(secret, notice.key, stamp, body)}

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            target = checked_target(url, allow_private=self._allow_private, resolve=self._resolve)
            with self._client.stream(
                "POST",
                target.url,
                content=body,
                headers={**headers, "Host": target.host_header},
                # The certificate is to be that of the host's name.
                extensions={"sni_hostname": target.host},
            ) as response:
                status, location = response.status_code, response.headers.get("location")
            if status in _REDIRECTS and location:
                url = urljoin(url, location)
                continue
            if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's successes
                is_final = status < 500 and status not in _TRY_AGAIN  # noqa: PLR2004
                raise NotDeliveredError(f"answered with status {status}", is_final=is_final)
            return
        raise NotDeliveredError(f"more than {MAX_REDIRECTS} redirects", is_final=True)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def signature(secret: bytes, key: str, timestamp: str, body: bytes) -> str:
    """The signature of Standard Webhooks: HMAC-SHA256 over id, time and body."""
    content = b".".join([key.encode(), timestamp.encode(), body])
    digest = hmac.new(secret, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def secret_bytes(text: str) -> bytes:
    """The secret that a file holds: `whsec_` and base64, or any other text as it is."""
    told = text.strip()
    if told.startswith(_PREFIX):
        try:
            return base64.b64decode(told.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return told.encode()
