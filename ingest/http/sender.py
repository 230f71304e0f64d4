"""Writes to Kafka for requests that wait until it is durable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

from firstcause.settings import Settings

# What waits for Kafka's answer at the most; beyond it senders are told to come later.
MAX_IN_FLIGHT_BYTES: Final = 64 * 1024 * 1024
DELIVERY_SECONDS: Final = 20.0


class BusyError(Exception):
    """More is in flight than may be: try again later."""


class NotDeliveredError(Exception):
    """Kafka did not take it; the same request may be sent again."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record for a topic of the sources."""

    value: bytes
    identity: str


class Sender:
    """An idempotent producer with a thread that serves its deliveries; for one event loop."""

    def __init__(self, settings: Settings, identity_header: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "client.id": "firstcause-ingest-http",
                "acks": "all",
                "enable.idempotence": True,
                "delivery.timeout.ms": int(DELIVERY_SECONDS * 1_000),
                "message.max.bytes": settings.kafka_max_message_bytes + 65_536,
                "compression.type": "lz4",
                "linger.ms": 5,
            }
        )
        self._header = identity_header
        self._in_flight_bytes = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="deliveries", daemon=True)
        self._thread.start()

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        """Writes all of them; returns when Kafka has every one.

        Raises:
            BusyError: too much is in flight; nothing was written.
            NotDeliveredError: some may be written and some not; the same request may come again.
        """
        size = sum(len(message.value) for message in messages)
        if self._in_flight_bytes and self._in_flight_bytes + size > MAX_IN_FLIGHT_BYTES:
            raise BusyError
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        left = len(messages)

        def delivered(failure: Any, _: Any) -> None:
            loop.call_soon_threadsafe(count, failure)

        def count(failure: Any) -> None:
            nonlocal left
            left -= 1
            if failure is not None and not done.done():
                done.set_exception(NotDeliveredError(str(failure)))
            elif left == 0 and not done.done():
                done.set_result(None)

        self._in_flight_bytes += size
        try:
            for message in messages:
                self._producer.produce(
                    topic,
                    value=message.value,
                    headers={self._header: message.identity},
                    on_delivery=delivered,
                )
            async with asyncio.timeout(DELIVERY_SECONDS + 5.0):
                await done
        except BufferError:
            raise BusyError from None
        except (KafkaException, TimeoutError) as error:
            raise NotDeliveredError(str(error)) from error
        finally:
            self._in_flight_bytes -= size

    def close(self) -> None:
        """Waits for what is under way, `DELIVERY_SECONDS` at the most."""
        self._producer.flush(DELIVERY_SECONDS)
        self._stopping.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.1)
