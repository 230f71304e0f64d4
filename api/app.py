"""The API and its pages as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

from api.description import describe
from api.guard.access import Access
from api.guard.body import BodyLimit
from api.guard.headers import AnswerHeaders
from api.guard.identity import Csrf, Identify, KeyIdentity
from api.guard.load import Readers, Tails
from api.guard.problems import add_handlers
from api.guard.rate import RateLimit
from api.guard.signing import Signer
from api.pages import incidents as incident_pages
from api.pages import login as login_page
from api.pages import logs as log_pages
from api.pages import patterns as pattern_page
from api.pages import tail as tail_page
from api.pages.rendering import FOLDER, problem_page
from api.reading.stores import StoreAccess
from api.routes import alerts, anomalies, incidents, logs, patterns, state, windows
from api.routes.context import Context
from firstcause.access.keys import KeyFile
from firstcause.local.daemons.secret_file import secret_file
from firstcause.settings import LOOPBACK_HOSTS, Settings

GZIP_LEAST_BYTES = 1_000
# Webhooks that are sent to Kafka at a time.
SENT_AT_ONCE = 2


def create_app(
    settings: Settings,
    stores: StoreAccess,
    *,
    identify: Identify | None = None,
    dependencies: Sequence[Any] = (),
) -> FastAPI:
    """The application. Nothing is connected before the first request that reads.

    Args:
        settings: of the installation.
        stores: what is read.
        identify: who asks, where another program's login says so (Airflow); by default API keys,
            and without them whoever is on loopback as long as it listens there alone.
        dependencies: of every route, run before all else.

    Raises:
        FirstcauseError: the file of the signing secret is empty.
    """
    signer = Signer(secret_file(settings.firstcause_home / "api" / "secret"))
    csrf = Csrf(signer)
    key_required = settings.api_host not in LOOPBACK_HOSTS
    identity = KeyIdentity(KeyFile(settings.api_keys_file), signer, key_required=key_required)
    rate = RateLimit(settings.api_requests_per_second)
    access = Access(identify or identity.of, rate, csrf)
    readers = Readers(settings.api_queries_at_once, settings.api_query_seconds)
    senders = Readers(SENT_AT_ONCE, settings.api_query_seconds)
    own_identity = identity if identify is None else None
    tails = Tails(settings.api_tails)
    context = Context(settings, stores, readers, senders, tails, signer, access, csrf, own_identity)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        readers.close()
        senders.close()
        stores.close()

    app = FastAPI(
        title="Firstcause",
        version=version("firstcause"),
        # Behind another login nothing is told to who is not known, not even what there is.
        openapi_url="/openapi.json" if identify is None else None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=list(dependencies),
    )
    app.state.context = context
    app.state.problem_page = problem_page
    pages = (incident_pages, log_pages, pattern_page, tail_page, login_page)
    for module in (state, logs, anomalies, patterns, incidents, alerts, windows, *pages):
        app.include_router(module.routes)
    app.mount("/ui/static", StaticFiles(directory=FOLDER / "static"))
    describe(app)
    add_handlers(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(AnswerHeaders, framed_by_self=identify is not None)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_LEAST_BYTES)
    if identify is None and not key_required:
        # Without keys a browser's same-origin rule must not be the only guard.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=_own_hosts(settings))
    return app


def _own_hosts(settings: Settings) -> list[str]:
    public = urlsplit(settings.api_public_url or "").hostname
    return sorted({"127.0.0.1", "localhost", "[::1]", *([public] if public else [])})
