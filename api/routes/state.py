"""`/health`, `/ready`, `/metrics`: how the API itself is."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse

from api.routes.context import READS, REFUSALS, context_of


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether what it reads answers; each check is `ok` or says what is wrong."""

    status: Literal["ok", "unavailable"]
    cassandra: str = Field(description="A query is answered in the keyspace")
    kafka: str = Field(description="Kafka names the topic of logs")


routes = APIRouter(tags=["state"])


@routes.get("/health")
async def health() -> Health:
    """Whether the process answers; asks nothing else."""
    return Health()


@routes.get("/ready", responses={503: {"model": Readiness}})
async def ready(request: Request, response: Response) -> Readiness:
    """Whether Cassandra and Kafka answer now; 503 when one does not."""
    stores = context_of(request).stores
    cassandra, kafka = await asyncio.gather(
        asyncio.to_thread(stores.cassandra_problem), asyncio.to_thread(stores.kafka_problem)
    )
    is_ready = not cassandra and not kafka
    if not is_ready:
        response.status_code = 503
    return Readiness(
        status="ok" if is_ready else "unavailable",
        cassandra=cassandra or "ok",
        kafka=kafka or "ok",
    )


@routes.get(
    "/metrics", response_class=PlainTextResponse, dependencies=list(READS), responses=REFUSALS
)
async def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
