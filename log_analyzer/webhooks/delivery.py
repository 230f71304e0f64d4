"""Tells one alert to all its receivers: bounded retries, and then a dead letter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import stamina
import structlog

from log_analyzer import metrics
from log_analyzer.webhooks.bodies import Notice
from log_analyzer.webhooks.receivers import Receiver
from log_analyzer.webhooks.sender import NotDeliveredError

ATTEMPTS: Final = 5
WAIT_SECONDS: Final = 1.0
WAIT_MAX_SECONDS: Final = 15.0

_log = structlog.get_logger()


class Sender(Protocol):
    """Sends one request."""

    def send(self, notice: Notice, receiver: Receiver) -> None:
        """Raises `NotDeliveredError` unless the receiver has taken it."""


class Delivery:
    """Owned by one thread.

    A receiver that has used up its tries is tried once a notice until it answers again, so that
    one which is down for long holds nobody up.

    Args:
        sender: sends one request.
        put_aside: keeps what could not be delivered, with the reason; raises when it can't.
        wait_seconds: the first pause between tries; it doubles.
    """

    def __init__(
        self,
        sender: Sender,
        put_aside: Callable[[str], None],
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._sender = sender
        self._put_aside = put_aside
        self._wait_seconds = wait_seconds
        self._down: set[str] = set()

    def deliver(self, notice: Notice, receivers: tuple[Receiver, ...]) -> None:
        """Returns when each receiver has it, or a dead letter says why not. Blocks.

        Raises what `put_aside` raises; all may be done again under the same keys.
        """
        for one in receivers:
            try:
                self._send(notice, one)
            except NotDeliveredError as error:
                if not error.is_final:
                    self._down.add(one.name)
                metrics.WEBHOOKS.labels(one.name, "failed").inc()
                _log.error(
                    "alert_not_delivered",
                    receiver=one.name,
                    alert_id=notice.alert_id,
                    status=notice.status,
                    reason=str(error),
                )
                self._put_aside(f"{one.name}: {error}")
            else:
                self._down.discard(one.name)
                metrics.WEBHOOKS.labels(one.name, "delivered").inc()

    def _send(self, notice: Notice, receiver: Receiver) -> None:
        for attempt in stamina.retry_context(
            on=lambda error: isinstance(error, NotDeliveredError) and not error.is_final,
            attempts=1 if receiver.name in self._down else ATTEMPTS,
            timeout=None,
            wait_initial=self._wait_seconds,
            wait_max=WAIT_MAX_SECONDS,
            wait_jitter=self._wait_seconds,
        ):
            with attempt:
                self._sender.send(notice, receiver)
