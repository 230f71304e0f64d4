"""What the routes of one app share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Request

from api.guard.access import Access
from api.guard.identity import Csrf, KeyIdentity, Principal
from api.guard.load import Deadline, Readers, Tails
from api.guard.problems import ProblemDetails
from api.guard.signing import Signer
from api.reading.stores import StoreAccess, Stores
from firstcause.settings import Settings

Answer = TypeVar("Answer")

# For the API's own description: how every route may refuse.
REFUSALS: Final[dict[int | str, dict[str, object]]] = {
    status: {"model": ProblemDetails}
    for status in (400, 401, 403, 404, 413, 422, 429, 500, 503, 504)
}


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one app. `identity` is None where somebody else says who asks (Airflow).

    `readers` read for all routes; `senders` send alerts, so that Kafka's absence takes no reader.
    """

    settings: Settings
    stores: StoreAccess
    readers: Readers
    senders: Readers
    tails: Tails
    signer: Signer
    access: Access
    csrf: Csrf
    identity: KeyIdentity | None

    async def read(self, read: Callable[[Stores, Deadline], Answer]) -> Answer:
        """What `read` gives of the stores, in a thread and within the bounds.

        Raises:
            Problem: 503 too much is read, 504 it takes too long.
        """
        return await self.readers.run(lambda deadline: read(self.stores.get(), deadline))


def context_of(request: Request) -> Context:
    """The context of the app that a request came to."""
    context: Context = request.app.state.context
    return context


async def may_read(request: Request) -> Principal:
    """Who asks, with the right to read; a dependency of routes. See `Access`."""
    return await context_of(request).access.may_read(request)


async def may_act(request: Request) -> Principal:
    """Who asks, with the right to act; a dependency of routes. See `Access`."""
    return await context_of(request).access.may_act(request)


async def may_send(request: Request) -> Principal:
    """Who asks, with the right to send; a dependency of routes. See `Access`."""
    return await context_of(request).access.may_send(request)


Actor = Annotated[Principal, Depends(may_act)]
Sender = Annotated[Principal, Depends(may_send)]
READS: Final = (Depends(may_read),)
